"""SaslHandshake, and the tokens that follow one of version 0."""

import struct

from kafkalite_conformance.differential.authentication.line import Visit
from kafkalite_conformance.differential.authentication.scram_client import ScramClient
from kafkalite_conformance.differential.authentication.secured_brokers import (
    PLAINTEXT,
    SASL_PLAINTEXT,
    SHORT,
)
from kafkalite_conformance.differential.authentication.visits.entering import (
    ALICE,
    authenticate,
    handshake,
    plain,
    visit,
)
from kafkalite_wire.apis import ApiKey
from kafkalite_wire.messages.metadata import MetadataRequest

_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "plain", "Plain", "", "GSSAPI", "OAUTHBEARER", "SCRAM-SHA-1")


@visit
def mechanisms(visit: Visit) -> None:
    """Enabled, disabled, and unknown ones; a second request follows a refusal."""
    for version in (0, 1):
        for mechanism in _MECHANISMS:
            line = visit.call(SASL_PLAINTEXT, f"{mechanism!r}")
            handshake(line, mechanism, version)
            line.is_open()
    line = visit.call(SHORT)
    handshake(line, "SCRAM-SHA-256")
    line.is_open()
    for mechanism in ("SCRAM-SHA-256", "PLAIN"):
        line = visit.call(SHORT, "twice")
        handshake(line, "SCRAM-SHA-256")
        handshake(line, mechanism)
        line.is_open()


@visit
def twice(visit: Visit) -> None:
    """A second handshake before a token, and between two tokens."""
    for version in (0, 1):
        for second in (0, 1):
            line = visit.call(SASL_PLAINTEXT, f"v{version}")
            handshake(line, "PLAIN", version)
            handshake(line, "PLAIN", second)
            line.is_open()
    line = visit.call(SASL_PLAINTEXT, "another")
    handshake(line, "PLAIN")
    handshake(line, "SCRAM-SHA-256")
    authenticate(line, ALICE)
    line.is_open()
    line = visit.call(SASL_PLAINTEXT, "amid")
    handshake(line, "SCRAM-SHA-256")
    client = ScramClient(mechanism="SCRAM-SHA-256", user="alice", password="alice-scram")
    authenticate(line, client.first(), note="first")
    handshake(line, "SCRAM-SHA-256")
    line.is_open()


@visit
def tokens_without_a_header(visit: Visit) -> None:
    """After version 0, PLAIN."""
    for note, token in (
        ("right", ALICE),
        ("wrong", plain("alice", "no")),
        ("empty", b""),
        ("one NUL", b"\0"),
        ("truncated", ALICE[:5]),
        ("too many", ALICE + b"\0more"),
    ):
        line = visit.call(SASL_PLAINTEXT, note)
        handshake(line, "PLAIN", 0)
        line.token(token, "token")
        line.is_open()
        line.ask(MetadataRequest(topics=()), 1)


@visit
def tokens_of_scram_without_a_header(visit: Visit) -> None:
    """After version 0, SCRAM."""
    for password in ("alice-scram", "wrong"):
        client = ScramClient(mechanism="SCRAM-SHA-512", user="alice", password=password)
        line = visit.call(SASL_PLAINTEXT, password)
        handshake(line, client.mechanism, 0)
        first = line.token(client.first(), "first")
        if first:
            line.token(client.final(first), "final")
        line.is_open()
        line.ask(MetadataRequest(topics=()), 1)


@visit
def requests_and_tokens_mixed(visit: Visit) -> None:
    """A header after version 0, and none after version 1 or before any handshake."""
    line = visit.call(SASL_PLAINTEXT, "a header after v0")
    handshake(line, "PLAIN", 0)
    authenticate(line, ALICE)
    line.is_open()
    line = visit.call(SASL_PLAINTEXT, "no header after v1")
    handshake(line, "PLAIN", 1)
    line.token(ALICE, "token")
    line.is_open()
    for note, token in (("PLAIN", ALICE), ("GSSAPI", b"\x60\x82\x02\x01\x06\x09"), ("nothing", b""), ("short", b"\0")):
        line = visit.call(SASL_PLAINTEXT, "no handshake")
        line.token(token, note)
        line.is_open()


@visit
def no_handshake(visit: Visit) -> None:
    """SaslAuthenticate at once."""
    for version in (0, 1, 2):
        line = visit.call(SASL_PLAINTEXT, "at once")
        authenticate(line, ALICE, version)
        line.is_open()


@visit
def unserved_versions(visit: Visit) -> None:
    """Of both requests, and of frames that are malformed."""
    for listener in (SASL_PLAINTEXT, PLAINTEXT):
        for key in (ApiKey.SASL_HANDSHAKE, ApiKey.SASL_AUTHENTICATE):
            for version in (-1, 3, 99):
                line = visit.call(listener)
                line.frame(struct.pack(">hhih", key, version, 1, -1) + bytes(20), f"{key.name} v{version}")
                line.is_open()
        for note, frame in (
            ("null mechanism", struct.pack(">hhihh", 17, 1, 1, -1, -1)),
            ("no mechanism", struct.pack(">hhih", 17, 1, 1, -1)),
            ("bytes behind", struct.pack(">hhihh", 17, 1, 1, -1, 5) + b"PLAINmore"),
            ("not UTF-8", struct.pack(">hhihh", 17, 1, 1, -1, 2) + b"\xff\xfe"),
        ):
            line = visit.call(listener)
            line.stream(struct.pack(">i", len(frame)) + frame, note)
            line.is_open()
    for note, rest in (
        ("null token", struct.pack(">i", -1)),
        ("no token", b""),
        ("half", struct.pack(">i", 99) + b"x"),
    ):
        line = visit.call(SASL_PLAINTEXT)
        handshake(line, "PLAIN")
        line.frame(struct.pack(">hhih", 36, 1, 1, -1) + rest, note)
        line.is_open()
