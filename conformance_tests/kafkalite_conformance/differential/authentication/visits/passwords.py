"""The mechanism PLAIN."""

from kafkalite_conformance.differential.authentication.line import Visit
from kafkalite_conformance.differential.authentication.secured_brokers import PLAIN_USERS, SASL_PLAINTEXT, SASL_SSL
from kafkalite_conformance.differential.authentication.visits.entering import (
    ALICE,
    authenticate,
    handshake,
    plain,
    visit,
)
from kafkalite_wire.messages.api_versions import ApiVersionsRequest
from kafkalite_wire.messages.metadata import MetadataRequest


@visit
def tokens(visit: Visit) -> None:
    """In each version."""
    for note, token in (
        ("right", ALICE),
        ("wrong password", plain("alice", "alice-secrex")),
        ("other's password", plain("alice", "bob-secret")),
        ("unknown user", plain("mallory", "alice-secret")),
        ("empty user", plain("", "alice-secret")),
        ("empty password", plain("alice", "")),
        ("empty both", plain("", "")),
        ("empty user, authorization id", plain("", "alice-secret", "alice")),
        ("own authorization id", plain("alice", "alice-secret", "alice")),
        ("other authorization id", plain("alice", "alice-secret", "bob")),
        ("other authorization id, wrong password", plain("alice", "wrong", "bob")),
        ("user of SCRAM", plain("carol", "carol-scram")),
        ("nothing", b""),
        ("one NUL", b"\0"),
        ("two NULs", b"\0\0"),
        ("three NULs", b"\0\0\0"),
        ("no NUL", b"alice"),
        ("one part", b"\0alice"),
        ("user, password", b"alice\0alice-secret"),
        ("four parts", ALICE + b"\0"),
        ("five parts", ALICE + b"\0more\0"),
        ("not UTF-8", b"\0alice\0\xff\xfe"),
        ("user not UTF-8", b"\0\xc3\x28\0x"),
    ):
        for version in (0, 1, 2):
            line = visit.call(SASL_PLAINTEXT, note)
            handshake(line, "PLAIN")
            authenticate(line, token, version)
            line.is_open()
            line.ask(MetadataRequest(topics=()), 1)


@visit
def users(visit: Visit) -> None:
    """As the configuration writes them: quotes, backslashes, letters beyond ASCII, and no password."""
    for user, password in PLAIN_USERS.items():
        for given in (password, password + "x"):
            line = visit.call(SASL_PLAINTEXT, user)
            handshake(line, "PLAIN")
            authenticate(line, plain(user, given), note="right" if given == password else "wrong")
            line.is_open()


@visit
def afterwards(visit: Visit) -> None:
    """What a client may ask once it has authenticated, and once it has not."""
    line = visit.call(SASL_PLAINTEXT, "right")
    handshake(line, "PLAIN")
    authenticate(line, ALICE)
    for version in range(6):
        line.ask(ApiVersionsRequest(client_software_name="a", client_software_version="1"), version)
    line.ask(MetadataRequest(topics=None), 9)
    authenticate(line, ALICE, note="again")
    line.is_open()
    line.ask(MetadataRequest(topics=None), 9)
    for again in (plain("alice", "no"), ALICE):
        line = visit.call(SASL_PLAINTEXT, "after a refusal")
        handshake(line, "PLAIN")
        authenticate(line, plain("alice", "wrong"))
        authenticate(line, again)
        line.is_open()
        line = visit.call(SASL_PLAINTEXT, "a handshake after a refusal")
        handshake(line, "PLAIN")
        authenticate(line, plain("alice", "wrong"))
        handshake(line, "PLAIN")
        line.is_open()


@visit
def over_tls(visit: Visit) -> None:
    """SASL_SSL."""
    for password in ("alice-secret", "wrong"):
        line = visit.call(SASL_SSL, password, context=visit.certificates.context())
        handshake(line, "PLAIN")
        authenticate(line, plain("alice", password))
        line.is_open()
        line.ask(MetadataRequest(topics=None), 9)
