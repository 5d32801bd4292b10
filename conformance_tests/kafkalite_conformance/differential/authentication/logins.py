"""Ways in which a client library connects, right and wrong, independent of the library."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kafkalite_conformance.differential.authentication.secured_brokers import (
    ELSEWHERE,
    LISTENERS,
    MUTUAL,
    PLAIN_USERS,
    PLAINTEXT,
    SASL_PLAINTEXT,
    SASL_SSL,
    SCRAM_USERS,
    SHORT,
    SSL,
    Certificates,
)

_MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """How a client is configured. `authority` and `certificate` name files of `Certificates`."""

    name: str
    listener: str
    protocol: str
    mechanism: str = ""
    user: str = "alice"
    password: str = ""
    authority: str = "authority"
    certificate: str = ""

    def file(self, certificates: Certificates, name: str) -> Path:
        """Return one of the files."""
        path = getattr(certificates, name)
        assert isinstance(path, Path)
        return path


def _login(name: str, listener: str, **fields: str) -> Login:
    return Login(name=name, listener=listener, **{"protocol": LISTENERS.get(listener, PLAINTEXT), **fields})


def _password(mechanism: str) -> str:
    return (PLAIN_USERS if mechanism == "PLAIN" else SCRAM_USERS)["alice"]


LOGINS: Final[Sequence[Login]] = (
    _login("TLS", MUTUAL),
    _login("mutual TLS", SSL, certificate="client"),
    _login("no certificate", SSL),
    _login("untrusted certificate", SSL, certificate="stranger"),
    _login("other authority", MUTUAL, authority="other_authority"),
    _login("other host", ELSEWHERE),
    _login("no TLS", MUTUAL, protocol="PLAINTEXT"),
    _login("TLS on a plain listener", PLAINTEXT, protocol="SSL"),
    *(
        _login(f"{listener} {mechanism}", listener, mechanism=mechanism, password=_password(mechanism))
        for listener in (SASL_SSL, SASL_PLAINTEXT)
        for mechanism in _MECHANISMS
    ),
    *(
        _login(f"wrong password {mechanism}", SASL_SSL, mechanism=mechanism, password="wrong")
        for mechanism in _MECHANISMS
    ),
    *(
        _login(f"unknown user {mechanism}", SASL_PLAINTEXT, mechanism=mechanism, user="mallory", password="x")
        for mechanism in _MECHANISMS
    ),
    _login("other mechanism", SHORT, mechanism="SCRAM-SHA-256", password=SCRAM_USERS["alice"]),
    _login("no login", SASL_PLAINTEXT, protocol="PLAINTEXT"),
    _login("a login where there is none", PLAINTEXT, protocol="SASL_PLAINTEXT", mechanism="PLAIN", password="x"),
)
