"""Authentication again on a connection that has been authenticated (KIP-368)."""

from kafkalite_conformance.differential.authentication.line import Line, Visit
from kafkalite_conformance.differential.authentication.scram_client import ScramClient
from kafkalite_conformance.differential.authentication.secured_brokers import (
    MOST_BYTES,
    REAUTH,
    SASL_PLAINTEXT,
    SESSION_MS,
)
from kafkalite_conformance.differential.authentication.visits.entering import (
    ALICE,
    BOB,
    authenticate,
    handshake,
    plain,
    visit,
)
from kafkalite_wire.messages.api_versions import ApiVersionsRequest
from kafkalite_wire.messages.metadata import MetadataRequest
from kafkalite_wire.messages.sasl_authenticate import SaslAuthenticateResponse

_METADATA = MetadataRequest(topics=())
_API_VERSIONS = ApiVersionsRequest(client_software_name="visitor", client_software_version="1")
_EXPIRED = SESSION_MS / 1000 + 0.3


def _authenticated(visit: Visit, listener: str, name: str, version: int = 2) -> Line:
    line = visit.call(listener, name)
    handshake(line, "PLAIN")
    authenticate(line, ALICE, version)
    return line


@visit
def lifetimes(visit: Visit) -> None:
    """The lifetime in each version, and requests after its end."""
    for version in (0, 1, 2):
        line = _authenticated(visit, REAUTH, f"v{version}", version)
        line.ask(_METADATA, 1)
        visit.wait(_EXPIRED)
        line.ask(_METADATA, 1, "after the end")
        line.is_open()
    line = _authenticated(visit, REAUTH, "ApiVersions")
    visit.wait(_EXPIRED)
    line.is_open("after the end")
    line.ask(_API_VERSIONS, 3)
    line.is_open()
    line = visit.call(REAUTH, "tokens")
    handshake(line, "PLAIN", 0)
    line.token(ALICE, "token")
    visit.wait(_EXPIRED)
    line.ask(_METADATA, 1, "after the end")
    line.is_open()


@visit
def again(visit: Visit) -> None:
    """In time, and after the end; with requests in between."""
    line = _authenticated(visit, REAUTH, "in time")
    handshake(line, "PLAIN")
    line.ask(_METADATA, 1, "in between")
    line.is_open()
    line = _authenticated(visit, REAUTH, "in time, undisturbed")
    handshake(line, "PLAIN")
    authenticate(line, ALICE)
    line.ask(_METADATA, 1)
    visit.wait(_EXPIRED)
    handshake(line, "PLAIN")
    line.is_open("after the end")
    authenticate(line, ALICE)
    line.ask(_METADATA, 1)
    line.is_open()
    line = _authenticated(visit, REAUTH, "ApiVersions first")
    line.ask(_API_VERSIONS, 3)
    handshake(line, "PLAIN")
    line.ask(_API_VERSIONS, 3, "in between")
    line.is_open()


@visit
def failing(visit: Visit) -> None:
    """A wrong password, another user, another mechanism, an unknown mechanism."""
    for listener in (REAUTH, SASL_PLAINTEXT):
        line = _authenticated(visit, listener, "wrong password")
        handshake(line, "PLAIN")
        authenticate(line, plain("alice", "wrong"))
        line.is_open()
        line.ask(_METADATA, 1)
        line = _authenticated(visit, listener, "other user")
        handshake(line, "PLAIN")
        authenticate(line, BOB)
        line.is_open()
        line.ask(_METADATA, 1)
        line = _authenticated(visit, listener, "other mechanism")
        handshake(line, "SCRAM-SHA-256")
        client = ScramClient(mechanism="SCRAM-SHA-256", user="alice", password="alice-scram")
        answer = authenticate(line, client.first(), note="first")
        if isinstance(answer, SaslAuthenticateResponse) and answer.auth_bytes:
            authenticate(line, client.final(bytes(answer.auth_bytes)), note="final")
        line.is_open()
        line.ask(_METADATA, 1)
        line = _authenticated(visit, listener, "unknown mechanism")
        handshake(line, "x")
        line.is_open()
        line.ask(_METADATA, 1)
        handshake(line, "PLAIN")
        authenticate(line, ALICE)
        for version in (0, 1):
            line = _authenticated(visit, listener, f"handshake v{version}")
            handshake(line, "PLAIN", version)
            line.token(ALICE, "token")
            line.is_open()
        line = _authenticated(visit, listener, "handshake twice")
        handshake(line, "PLAIN")
        handshake(line, "PLAIN")
        line.is_open()
        line = _authenticated(visit, listener, "handshake v0, header")
        handshake(line, "PLAIN", 0)
        authenticate(line, ALICE)
        line.is_open()
        line = visit.call(listener, "handshake v0 first")
        handshake(line, "PLAIN", 0)
        line.token(ALICE, "token")
        line.ask(_METADATA, 1)
        handshake(line, "PLAIN", 0)
        line.token(ALICE, "token")
        line.is_open()
        line.ask(_METADATA, 1)
        line = visit.call(listener, "handshake v0, then v1")
        handshake(line, "PLAIN", 0)
        line.token(ALICE, "token")
        handshake(line, "PLAIN", 1)
        authenticate(line, ALICE)
        line.is_open()
        line.ask(_METADATA, 1)


@visit
def often(visit: Visit) -> None:
    """Two times at once, and tokens without a handshake."""
    for listener in (REAUTH, SASL_PLAINTEXT):
        line = _authenticated(visit, listener, "often")
        for _ in range(3):
            handshake(line, "PLAIN")
            authenticate(line, ALICE)
        line.ask(_METADATA, 1)
        line = _authenticated(visit, listener, "SaslAuthenticate alone")
        authenticate(line, ALICE)
        line.is_open()
        line.ask(_METADATA, 1)
        line = _authenticated(visit, listener, "a large token")
        handshake(line, "PLAIN")
        authenticate(line, ALICE.ljust(MOST_BYTES + 1, b"x"))
        line.is_open()
