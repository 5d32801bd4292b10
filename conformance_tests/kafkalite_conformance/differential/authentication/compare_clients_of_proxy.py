"""Client libraries connect to Kafka and to a proxy in front of it, or fail to, with the same outcome.

Each row is one kind of connection between the proxy and Kafka. Not in the suite, because it takes minutes for each row
and depends on time-outs of the libraries. Name the file to run it.
"""

from collections.abc import Callable, Generator, Mapping
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from kafkalite_conformance.differential.authentication.clients import CLIENTS, PROGRAMS, elsewhere, java, python
from kafkalite_conformance.differential.authentication.proxied_listeners import UPSTREAM, proxied
from kafkalite_conformance.differential.authentication.scram_credentials import create_scram_users
from kafkalite_conformance.differential.authentication.secured_brokers import (
    Certificates,
    Secured,
    SecuredBrokers,
    secured_brokers,
)

_Outcomes = Mapping[str, str]
_LIBRARIES: Final[Mapping[str, Callable[[Secured, Certificates], _Outcomes]]] = {
    "java": java,
    **{name: partial(python, name) for name in CLIENTS},
    **{name: partial(elsewhere, name) for name in PROGRAMS},
}


@pytest.fixture(scope="module")
def brokers() -> Generator[SecuredBrokers]:
    """Start Kafka."""
    with secured_brokers() as started:
        create_scram_users(started.kafka)
        yield started


@pytest.fixture(scope="module")
def direct(brokers: SecuredBrokers) -> Callable[[str], _Outcomes]:
    """Return what a library meets at Kafka itself."""
    known: dict[str, _Outcomes] = {}

    def of(library: str) -> _Outcomes:
        if library not in known:
            known[library] = _LIBRARIES[library](brokers.kafka, brokers.certificates)
        return known[library]

    return of


@pytest.mark.parametrize("library", sorted(_LIBRARIES))
@pytest.mark.parametrize("upstream", UPSTREAM)
def test_logins_at_a_proxy(
    library: str, upstream: str, brokers: SecuredBrokers, direct: Callable[[str], _Outcomes], tmp_path: Path
) -> None:
    """Right ones work; wrong ones fail with the same errors."""
    with proxied(brokers.kafka, brokers.certificates, upstream, tmp_path) as proxy:
        assert _LIBRARIES[library](proxy, brokers.certificates) == direct(library)
