"""Clients that fetch their access tokens from an endpoint meet the same at both brokers.

Not in the suite, because it starts Kafka and a Java client. Name the file to run it.
"""

import subprocess
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import pytest
from confluent_kafka import KafkaError, Producer

from kafkalite.security.client_access import ClientAccess
from kafkalite.testing import Handle, TokenEndpoint, token_endpoint
from kafkalite_conformance.differential import authentication
from kafkalite_conformance.differential.authentication.clients import without_particulars
from kafkalite_conformance.differential.authentication.logins import Login
from kafkalite_conformance.differential.authentication.secured_brokers import (
    SASL_SSL,
    Certificates,
    Secured,
    SecuredBrokers,
    secured_brokers,
)
from kafkalite_conformance.reference_broker import class_path, kafka_jars

_TO_FAIL_S: Final = 10.0
_CASES: Final[Mapping[str, Mapping[str, float | str]]] = {
    "right": {},
    "wrong secret": {"secret": "wrong"},
    "expired token": {"lifetime_s": -60.0},
}


@dataclass(frozen=True, slots=True)
class _Tokens:
    """Makes tokens that both brokers accept, in the place of a broker's controls."""

    bootstrap: str
    certificates: Certificates

    def client_access(self) -> ClientAccess:
        return ClientAccess(
            bootstrap=self.bootstrap,
            security_protocol="SASL_SSL",
            ca_certificate=self.certificates.authority.read_text(),
            sasl_mechanisms=("OAUTHBEARER",),
            username="alice",
        )

    def token(self, subject: str, *, lifetime_s: float, scope: Sequence[str]) -> str:
        del scope
        login = Login(name="", listener="", protocol="", user=subject, claims={"exp": int(lifetime_s)})
        return login.token(self.certificates)


@pytest.fixture(scope="module")
def brokers() -> Generator[SecuredBrokers]:
    """Start both brokers."""
    with secured_brokers() as started:
        yield started


def _settings(endpoint: TokenEndpoint, library: str, case: Mapping[str, float | str]) -> dict[str, Any]:
    settings = endpoint.client_config(library)
    if "secret" in case:
        return {
            name: value.replace(endpoint.client_secret, str(case["secret"])) if isinstance(value, str) else value
            for name, value in settings.items()
        }
    return settings


def _librdkafka(settings: dict[str, Any]) -> str:
    errors: list[KafkaError] = []
    producer = Producer({**settings, "log_level": 0, "error_cb": errors.append, "retry.backoff.ms": 200})
    delivered: list[object] = []
    producer.produce("t", b"value", on_delivery=lambda error, _: delivered.append(error))
    deadline = time.monotonic() + _TO_FAIL_S
    while not delivered and not errors and time.monotonic() < deadline:
        producer.poll(0.5)
    producer.purge()
    if delivered:
        return "works" if delivered == [None] else str(delivered[0])
    return without_particulars(f"{errors[0].name()} {errors[0].str()}") if errors else "nothing happens"


def _java(settings: dict[str, Any], endpoint: TokenEndpoint, folder: Path) -> str:
    texts = {**settings, "default.api.timeout.ms": "6000", "request.timeout.ms": "5000"}
    folder.mkdir()
    lines = (f"{name}={_escaped(str(value))}\n" for name, value in texts.items())
    (folder / "000").write_text("".join(lines))
    source = Path(authentication.__file__).with_name("Logins.java")
    allowed = f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={endpoint.url}"
    done = subprocess.run(
        ["java", "-XX:TieredStopAtLevel=1", allowed, "-cp", class_path(kafka_jars()), str(source), str(folder)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    outcomes = [line.partition("\t")[2] for line in done.stdout.splitlines() if line.startswith("000\t")]
    return without_particulars(outcomes[0] if outcomes else done.stderr)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n")


def _outcomes(broker: Secured, certificates: Certificates, library: str, folder: Path) -> dict[str, str]:
    tokens = _Tokens(f"localhost:{broker.addresses[SASL_SSL].rpartition(':')[2]}", certificates)
    outcomes: dict[str, str] = {}
    for name, case in _CASES.items():
        with token_endpoint(cast("Handle", tokens), lifetime_s=float(case.get("lifetime_s", 600))) as endpoint:
            settings = _settings(endpoint, library, case)
            outcome = (
                _java(settings, endpoint, folder / f"{broker.name}-{name}")
                if library == "java"
                else _librdkafka(settings)
            )
            outcomes[name] = outcome.replace(endpoint.url, "URL")
    return outcomes


@pytest.mark.parametrize("library", ["librdkafka", "java"])
def test_tokens_from_an_endpoint(library: str, brokers: SecuredBrokers, tmp_path: Path) -> None:
    """The right ones work, the wrong ones fail with the same errors."""
    kafka, kafkalite = (
        _outcomes(broker, brokers.certificates, library, tmp_path) for broker in (brokers.kafka, brokers.kafkalite)
    )
    assert kafka["right"] == "works"
    assert "works" not in (kafka["wrong secret"], kafka["expired token"])
    assert kafkalite == kafka
