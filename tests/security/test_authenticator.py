"""Which frame passes in which state of a connection's authentication."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kafkalite.security.authenticator import (
    Authenticator,
    IllegalSaslState,
    SaslSettings,
    UnsupportedMechanism,
    Verdict,
)
from kafkalite.security.sasl import MECHANISMS, AuthenticationFailed
from kafkalite_wire.apis import ApiKey

ANNA, BEN, WRONG = b"\0anna\0secret", b"\0ben\0secret", b"\0anna\0wrong"
KEYS = {"versions": ApiKey.API_VERSIONS, "handshake": ApiKey.SASL_HANDSHAKE, "token": ApiKey.SASL_AUTHENTICATE}
HANDLE, REFUSE, CLOSE, IGNORE, TOKEN = Verdict.HANDLE, Verdict.REFUSE, Verdict.CLOSE, Verdict.IGNORE, Verdict.TOKEN


@dataclass
class Client:
    """A connection: what it sends, and who the broker thinks it is."""

    lifetime: float = 0.0
    now: float = 1000.0
    users: list[str] = field(default_factory=list)
    failures: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        settings = SaslSettings(
            mechanisms=MECHANISMS,
            passwords={"anna": "secret", "ben": "secret"},
            find_credential=lambda user, mechanism: None,
            session_lifetimes={"PLAIN": self.lifetime} if self.lifetime else {},
            now=lambda: self.now,
        )
        self.authenticator = Authenticator(settings, self.users.append, lambda: self.failures.append(self.now))

    def shakes_hands(self, mechanism: str = "PLAIN", version: int = 1) -> Verdict:
        verdict = self.authenticator.verdict(ApiKey.SASL_HANDSHAKE)
        if verdict is HANDLE:
            self.authenticator.begin(mechanism, version)
        return verdict

    def sends(self, token: bytes) -> tuple[bytes, float]:
        assert self.authenticator.verdict(ApiKey.SASL_AUTHENTICATE) in (HANDLE, TOKEN)
        return self.authenticator.evaluate(token)

    def authenticated(self) -> Client:
        assert self.shakes_hands() is HANDLE
        self.sends(ANNA)
        return self

    def verdicts(self) -> dict[str, Verdict]:
        """Return what would be done with each request, where asking changes nothing."""
        asked = {**KEYS, "other": ApiKey.METADATA, "unknown": 999}
        return {name: self.authenticator.verdict(key) for name, key in asked.items()}


def test_before_anything_versions_and_a_handshake_pass() -> None:
    assert Client().verdicts() == {
        "versions": HANDLE, "handshake": HANDLE, "token": CLOSE, "other": CLOSE, "unknown": CLOSE
    }  # fmt: skip


def test_versions_are_shown_once() -> None:
    client = Client()
    client.authenticator.versions_shown()
    assert client.verdicts() == {
        "versions": CLOSE, "handshake": HANDLE, "token": CLOSE, "other": CLOSE, "unknown": CLOSE
    }  # fmt: skip


def test_after_a_handshake_only_tokens_pass() -> None:
    client = Client()
    client.shakes_hands()
    assert client.verdicts() == {
        "versions": REFUSE, "handshake": REFUSE, "token": HANDLE, "other": REFUSE, "unknown": REFUSE
    }  # fmt: skip


def test_after_a_handshake_of_version_0_each_frame_is_a_token() -> None:
    client = Client()
    client.shakes_hands(version=0)
    assert set(client.verdicts().values()) == {TOKEN}


def test_an_authenticated_client_may_do_everything() -> None:
    client = Client().authenticated()
    assert client.users == ["anna"]
    assert client.authenticator.is_authenticated
    assert set(client.verdicts().values()) == {HANDLE}


def test_without_a_lifetime_nobody_authenticates_again() -> None:
    client = Client().authenticated()
    with pytest.raises(IllegalSaslState):
        client.authenticator.begin("PLAIN", 1)
    with pytest.raises(IllegalSaslState, match="after successful authentication"):
        client.authenticator.evaluate(ANNA)
    assert client.authenticator.is_authenticated


@pytest.mark.parametrize("token", [WRONG, b"", b"\0carl\0secret"])
def test_after_a_failure_frames_are_dropped(token: bytes) -> None:
    client = Client()
    client.shakes_hands()
    with pytest.raises(AuthenticationFailed):
        client.sends(token)
    assert set(client.verdicts().values()) == {IGNORE}
    with pytest.raises(IllegalSaslState):
        client.authenticator.evaluate(ANNA)
    with pytest.raises(IllegalSaslState):
        client.authenticator.begin("PLAIN", 1)
    assert client.users == []
    assert len(client.failures) == 1


@pytest.mark.parametrize("mechanism", ["", "plain", "GSSAPI", "SCRAM-SHA-1"])
def test_another_mechanism_is_unsupported(mechanism: str) -> None:
    client = Client()
    with pytest.raises(UnsupportedMechanism, match=f"Unsupported SASL mechanism '{mechanism}'"):
        client.shakes_hands(mechanism)
    assert set(client.verdicts().values()) == {IGNORE}


def test_a_session_ends_with_its_lifetime() -> None:
    client = Client(lifetime=10)
    client.shakes_hands()
    assert client.sends(ANNA) == (b"", 10)
    client.now += 9.9
    assert client.authenticator.verdict(ApiKey.METADATA) is HANDLE
    client.now += 0.1
    for key in (ApiKey.METADATA, ApiKey.API_VERSIONS, ApiKey.SASL_AUTHENTICATE):
        assert client.authenticator.verdict(key) is CLOSE
    assert client.authenticator.is_authenticated


@pytest.mark.parametrize("later", [0, 5, 10, 100])
def test_a_client_authenticates_again_before_or_after_the_end_of_its_session(later: float) -> None:
    client = Client(lifetime=10).authenticated()
    client.now += later
    assert client.shakes_hands() is HANDLE
    assert not client.authenticator.is_authenticated
    assert client.authenticator.verdict(ApiKey.METADATA) is REFUSE
    assert client.sends(ANNA) == (b"", 10)
    client.now += 9.9
    assert client.authenticator.verdict(ApiKey.METADATA) is HANDLE
    assert client.users == ["anna", "anna"]


def test_a_client_authenticates_again_once_a_second() -> None:
    client = Client(lifetime=10).authenticated()
    client.shakes_hands()
    client.sends(ANNA)
    client.now += 0.9
    assert client.authenticator.verdict(ApiKey.SASL_HANDSHAKE) is HANDLE
    with pytest.raises(IllegalSaslState):
        client.authenticator.begin("PLAIN", 1)
    client.now += 0.1
    client.shakes_hands()
    client.sends(ANNA)


def test_a_client_stays_who_it_is() -> None:
    client = Client(lifetime=10).authenticated()
    client.shakes_hands()
    with pytest.raises(AuthenticationFailed, match=r"from User\.anna: User\.ben"):
        client.sends(BEN)
    assert client.users == ["anna"]
    assert set(client.verdicts().values()) == {IGNORE}


def test_a_client_keeps_its_mechanism() -> None:
    client = Client(lifetime=10).authenticated()
    assert client.shakes_hands("SCRAM-SHA-256") is HANDLE
    assert set(client.verdicts().values()) == {CLOSE}


def test_an_unknown_mechanism_ends_an_authenticated_connection_without_a_response() -> None:
    client = Client(lifetime=10).authenticated()
    with pytest.raises(AuthenticationFailed):
        client.shakes_hands("x")
    assert set(client.verdicts().values()) == {IGNORE}


@given(
    lifetime=st.sampled_from([0.0, 5.0]),
    steps=st.lists(
        st.tuples(st.sampled_from(["begin", "evaluate", "versions", "refused", "wait", *KEYS]), st.binary(max_size=3))
        | st.tuples(st.just("evaluate"), st.sampled_from([ANNA, BEN, WRONG]))
    ),
)
def test_whatever_happens_only_the_right_password_authenticates(
    lifetime: float, steps: list[tuple[str, bytes]]
) -> None:
    client = Client(lifetime=lifetime)
    for step, token in steps:
        before = len(client.users)
        try:
            if step == "begin":
                client.authenticator.begin("PLAIN" if len(token) < 2 else "SCRAM-SHA-256", len(token) % 2)
            elif step == "evaluate":
                client.authenticator.evaluate(token)
            elif step == "versions":
                client.authenticator.versions_shown()
            elif step == "refused":
                client.authenticator.refused()
            elif step == "wait":
                client.now += 3
            else:
                client.authenticator.verdict(KEYS[step])
        except (IllegalSaslState, UnsupportedMechanism, AuthenticationFailed):
            pass
        assert len(client.users) == before or token in (ANNA, BEN)
    assert len(set(client.users)) <= 1
    assert client.users or not client.authenticator.is_authenticated
