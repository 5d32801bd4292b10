"""Client libraries connect to both brokers, or fail to, with the same outcome.

Not in the suite, because it takes three minutes and depends on time-outs of the libraries. Name the file to run
it.
"""

from collections.abc import Generator, Mapping

import pytest

from kafkalite_conformance.differential.authentication.clients import CLIENTS, PROGRAMS, elsewhere, java, python
from kafkalite_conformance.differential.authentication.logins import LOGINS
from kafkalite_conformance.differential.authentication.scram_credentials import create_scram_users
from kafkalite_conformance.differential.authentication.secured_brokers import SecuredBrokers, secured_brokers

_RIGHT = {login.name for login in LOGINS if login.name in ("TLS", "mutual TLS") or login.name.startswith("SASL_")}


@pytest.fixture(scope="module")
def brokers() -> Generator[SecuredBrokers]:
    """Start both brokers."""
    with secured_brokers() as started:
        for broker in (started.kafka, started.kafkalite):
            create_scram_users(broker)
        yield started


def _compare(kafka: Mapping[str, str], kafkalite: Mapping[str, str]) -> None:
    assert {name: outcome for name, outcome in kafka.items() if (outcome == "works") != (name in _RIGHT)} == {}
    assert kafkalite == kafka


@pytest.mark.parametrize("library", sorted(CLIENTS))
def test_logins_of_python(library: str, brokers: SecuredBrokers) -> None:
    """Right ones work; wrong ones fail with the same errors."""
    _compare(*(python(library, broker, brokers.certificates) for broker in (brokers.kafka, brokers.kafkalite)))


@pytest.mark.parametrize("library", sorted(PROGRAMS))
def test_logins_of_other_languages(library: str, brokers: SecuredBrokers) -> None:
    """The same with libraries of other languages."""
    _compare(*(elsewhere(library, broker, brokers.certificates) for broker in (brokers.kafka, brokers.kafkalite)))


def test_logins_of_java(brokers: SecuredBrokers) -> None:
    """The same with Kafka's own library, whose sentences are compared too."""
    _compare(*(java(broker, brokers.certificates) for broker in (brokers.kafka, brokers.kafkalite)))
