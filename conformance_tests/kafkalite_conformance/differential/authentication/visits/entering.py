"""The table of scripts, and what several of them use."""

from collections.abc import Callable
from typing import Final, TypeAlias

from kafkalite_conformance.differential.authentication.line import Line, Visit
from kafkalite_wire.messages.sasl_authenticate import SaslAuthenticateRequest
from kafkalite_wire.messages.sasl_handshake import SaslHandshakeRequest

Script: TypeAlias = Callable[[Visit], None]

VISITS: Final[dict[str, Script]] = {}
"""All scripts by name, once their modules have been imported."""


def visit(script: Script) -> Script:
    """Enter a script under its module's name and its own."""
    name = f"{script.__module__.rpartition('.')[2]}.{getattr(script, '__name__', '')}"
    assert name not in VISITS, name
    VISITS[name] = script
    return script


def handshake(line: Line, mechanism: str, version: int = 1) -> None:
    """Choose a mechanism."""
    line.ask(SaslHandshakeRequest(mechanism=mechanism), version, mechanism)


def authenticate(line: Line, token: bytes, version: int = 2, note: str = "") -> object | None:
    """Send a token."""
    return line.ask(SaslAuthenticateRequest(auth_bytes=token), version, note)


def plain(user: str, password: str, authorization_id: str = "") -> bytes:
    """Return the token of PLAIN."""
    return f"{authorization_id}\0{user}\0{password}".encode()


ALICE: Final = plain("alice", "alice-secret")
BOB: Final = plain("bob", "bob-secret")
