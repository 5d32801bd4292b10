"""The exchange of OAUTHBEARER: what a client sends, and what it learns. Outcomes are those of Apache Kafka 4.4.0."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kafkalite.security.oauthbearer import AccessToken, BearerServer, InvalidToken
from kafkalite.security.sasl import AuthenticationFailed

REFUSED = "due to invalid credentials with SASL mechanism OAUTHBEARER"
CHALLENGE = b'{"status":"invalid_token"}'


def verify(token: str) -> AccessToken:
    if token == "narrow":
        raise InvalidToken("no scope", missing_scope="[read, write]")
    if not token.startswith("good"):
        raise InvalidToken("bad")
    return AccessToken(user="anna", lifetime=60.0)


def first(token: str = "good", header: str = "n,,", auth: str = "auth=Bearer ", rest: str = "") -> bytes:
    return f"{header}\x01{auth}{token}\x01{rest}\x01".encode()


@pytest.mark.parametrize(
    "message",
    [
        first(),
        first("good=="),
        first(header="n,a=anna,"),
        first(auth="auth=bEARER   "),
        first(rest="extension=value\x01"),
    ],
)
def test_a_token_proves_the_user(message: bytes) -> None:
    server = BearerServer(verify)
    assert server.evaluate(message) == b""
    assert (server.user, server.lifetime) == ("anna", 60.0)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x01",
        b"abc",
        b"n,,\x01auth=Bearer \xff\x01\x01",
        b"n,,\x01\x01",
        b"n,,\x01a=b\x01\x01",
        first(header="y,,"),
        first(auth="auth=Basic "),
        first("a!b"),
        first(rest="a1=b\x01"),
    ],
)
def test_other_messages_are_refused(message: bytes) -> None:
    server = BearerServer(verify)
    with pytest.raises(AuthenticationFailed, match=REFUSED):
        server.evaluate(message)
    assert server.user is None


def test_another_authorization_id_is_refused() -> None:
    with pytest.raises(AuthenticationFailed, match=r"authorization id \(ben\) that is different .* name \(anna\)$"):
        BearerServer(verify).evaluate(first(header="n,a=ben,"))


def test_a_challenge_comes_before_the_failure() -> None:
    server = BearerServer(verify)
    assert server.evaluate(first("bad")) == CHALLENGE
    with pytest.raises(AuthenticationFailed) as failure:
        server.evaluate(b"\x01")
    assert str(failure.value) == CHALLENGE.decode()
    assert failure.value.reason == "a token of OAUTHBEARER is refused: bad"


def test_after_a_challenge_another_token_may_be_sent() -> None:
    server = BearerServer(verify)
    assert server.evaluate(first("bad")) == CHALLENGE
    assert server.evaluate(first("narrow")) == b'{"status":"insufficient_scope", "scope":"[read, write]"}'
    assert server.evaluate(first()) == b""
    assert server.user == "anna"


@given(st.lists(st.binary(max_size=60) | st.binary(max_size=20).map(lambda b: b"n,,\x01auth=Bearer " + b), max_size=4))
@settings(max_examples=100)
def test_no_bytes_do_more_than_fail(messages: list[bytes]) -> None:
    server = BearerServer(verify)
    with contextlib.suppress(AuthenticationFailed):
        for message in messages:
            assert server.evaluate(message) in (b"", CHALLENGE)
            assert server.user in (None, "anna")
