"""Access to a broker: addresses, timeout, and the client settings for TLS and SASL."""

from __future__ import annotations

import socket
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from kafkalite.addresses import HostPort
from kafkalite.config.properties_file import parse
from kafkalite.tools.admin.failures import AdminError, Why, translated
from kafkalite.tools.admin.java_settings import JAVA_SETTINGS, java_settings

CLIENT_SETTINGS: Final[Mapping[str, str]] = {
    "security.protocol": "security_protocol",
    "sasl.mechanism": "sasl_mechanism",
    "sasl.username": "sasl_plain_username",
    "sasl.password": "sasl_plain_password",
    "ssl.ca.location": "ssl_cafile",
    "ssl.certificate.location": "ssl_certfile",
    "ssl.key.location": "ssl_keyfile",
    "ssl.key.password": "ssl_password",
    "ssl.endpoint.identification.algorithm": "ssl_check_hostname",
    "client.id": "client_id",
}
"""Settings of a client, by the names that Kafka or librdkafka give them, and what kafka-python calls them."""


_PAUSE: Final = 0.1
_SECURED: Final = "A refused login or an untrusted certificate looks like this, too; the broker's log tells."


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where the brokers are; `timeout` in seconds bounds every request."""

    bootstrap: tuple[HostPort, ...]
    timeout: float = 10.0
    settings: Mapping[str, object] = field(default_factory=dict[str, object])

    @property
    def address(self) -> str:
        """The addresses as one word."""
        return ",".join(map(str, self.bootstrap))

    def client_settings(self) -> dict[str, Any]:
        """Return what every client of kafka-python is made with."""
        return {
            "bootstrap_servers": [str(address) for address in self.bootstrap],
            "client_id": "kafkalite-cli",
            "bootstrap_timeout_ms": round(self.timeout * 1000),
            "request_timeout_ms": round(self.timeout * 1000),
            **self.settings,
        }


def parse_bootstrap(text: str) -> tuple[HostPort, ...]:
    """Read `HOST:PORT[,HOST:PORT…]`; raises ValueError with a reason."""
    return tuple(HostPort.parse(part) for part in text.split(","))


def read_settings(file: Path | None, pairs: tuple[str, ...]) -> dict[str, object]:
    """Read client settings from a properties file and from `KEY=VALUE`, which win; raises ValueError with a reason."""
    texts: dict[str, str] = {}
    if file is not None:
        try:
            texts = {line.key: line.value for line in parse(file.read_text())}
        except OSError as problem:
            raise ValueError(f"cannot read {file}: {problem.strerror}") from None
    for pair in pairs:
        key, equals, value = (part.strip() for part in pair.partition("="))
        if not equals:
            raise ValueError(f"{pair!r} is not of the form KEY=VALUE")
        texts[key] = value
    settings, texts = java_settings(texts)
    for key, value in texts.items():
        if key not in CLIENT_SETTINGS:
            raise ValueError(
                f"unknown client setting {key!r}; known are {', '.join((*CLIENT_SETTINGS, *JAVA_SETTINGS))}"
            )
        # Java clients turn the check of the host name off with an empty algorithm, librdkafka with "none".
        checked = key == "ssl.endpoint.identification.algorithm"
        settings[CLIENT_SETTINGS[key]] = value not in ("", "none") if checked else value
    return settings


@contextmanager
def connect(access: Access) -> Generator[Any]:
    """Yield a KafkaAdminClient and close it afterwards; raises AdminError if no broker can be reached."""
    check_reachable(access)
    with translated("connecting", access.address, hint=_SECURED if "security_protocol" in access.settings else ""):
        admin = import_module("kafka").KafkaAdminClient(**access.client_settings())
    try:
        with translated("asking the broker", access.address):
            yield _Patient(admin, access.timeout)
    finally:
        admin.close()


class _Patient:
    """A KafkaAdminClient that asks again while the coordinator of a group is not there yet.

    On a fresh broker the first question about any group makes Kafka create the topic of committed offsets, and is
    answered only then; kafka-python passes the error on.
    """

    def __init__(self, admin: Any, timeout: float) -> None:
        self._admin = admin
        self._timeout = timeout

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._admin, name)
        errors = import_module("kafka.errors")
        later = (errors.CoordinatorNotAvailableError, errors.CoordinatorLoadInProgressError, errors.NotCoordinatorError)

        def patiently(*arguments: Any, **named: Any) -> Any:
            deadline = time.monotonic() + self._timeout
            while True:
                try:
                    return call(*arguments, **named)
                except later:
                    if time.monotonic() + _PAUSE > deadline:
                        raise
                time.sleep(_PAUSE)

        return patiently


def check_reachable(access: Access) -> None:
    """Raise AdminError at once where no address takes a connection, for clients try again until their time is up."""
    problems: list[str] = []
    for address in access.bootstrap:
        try:
            with socket.create_connection((address.host, address.port), timeout=access.timeout):
                return
        except OSError as problem:
            problems.append(f"{address}: {_words(problem)}")
    raise AdminError(
        Why.UNREACHABLE,
        f"no broker at {'; '.join(problems)}",
        hint=f"Is it running, and is --bootstrap right? `kafkalite doctor {access.bootstrap[0]}` tells more.",
    )


def _words(problem: OSError) -> str:
    if isinstance(problem, TimeoutError):
        return "no answer"
    return problem.strerror or str(problem)
