"""PLAIN and SCRAM, token by token. That they answer as Kafka does is a test of the conformance suite."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kafkalite.security.sasl import (
    AuthenticationFailed,
    PlainServer,
    SaslServer,
    ScramMechanism,
    ScramServer,
    scram_credential,
)
from kafkalite_storage.metadata.cluster_image import ScramCredential
from tests.support.scram_exchange import final_message

SHA_256, SHA_512 = ScramMechanism
INVALID = "Authentication failed: Invalid username or password"
CREDENTIALS = {(name, each): scram_credential("secret", each) for name in ("anna", "a,b=c") for each in ScramMechanism}


def find(user: str, mechanism: ScramMechanism) -> ScramCredential | None:
    return CREDENTIALS.get((user, mechanism))


def plain(token: bytes) -> str:
    """Return the user, or why there is none."""
    server = PlainServer({"anna": "secret", "zoë": "pässword", "nobody": ""})
    try:
        assert server.evaluate(token) == b""
    except AuthenticationFailed as failure:
        assert server.user is None
        return str(failure)
    assert server.user is not None
    return server.user


@pytest.mark.parametrize(
    ("token", "outcome"),
    [
        (b"\0anna\0secret", "anna"),
        (b"anna\0anna\0secret", "anna"),
        ("\0zoë\0pässword".encode(), "zoë"),
        (b"\0anna\0Secret", INVALID),
        (b"\0anna\0secret ", INVALID),
        (b"\0ben\0secret", INVALID),
        (b"\0nobody\0", "Authentication failed: password not specified"),
        (b"\0\0secret", "Authentication failed: username not specified"),
        (b"\0anna\0\xff", INVALID),
        (b"", "Invalid SASL/PLAIN response: expected 3 tokens, got 1"),
        (b"anna\0secret", "Invalid SASL/PLAIN response: expected 3 tokens, got 2"),
        (b"\0anna\0secret\0", "Invalid SASL/PLAIN response: expected 3 tokens, got 4"),
        (b"\0" * 9, "Invalid SASL/PLAIN response: expected 3 tokens, got 4"),
        (
            b"ben\0anna\0secret",
            "Authentication failed: Client requested an authorization id that is different from username",
        ),
        (b"ben\0anna\0wrong", INVALID),
    ],
)
def test_plain(token: bytes, outcome: str) -> None:
    assert plain(token) == outcome


def test_scram_sha_256_as_rfc_7677_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    salted = hashlib.pbkdf2_hmac("sha256", b"pencil", salt, 4096)
    credential = ScramCredential(
        salt=salt,
        stored_key=hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest(),
        server_key=hmac.digest(salted, b"Server Key", "sha256"),
        iterations=4096,
    )
    monkeypatch.setattr("secrets.token_urlsafe", lambda size: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0")
    server = ScramServer(SHA_256, lambda user, mechanism: credential)
    assert server.evaluate(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO") == (
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    )
    assert server.user is None
    final = server.evaluate(
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    )
    assert final == b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    assert server.user == "user"


def begin(bare: bytes, mechanism: ScramMechanism = SHA_256, header: bytes = b"n,,") -> tuple[ScramServer, bytes]:
    server = ScramServer(mechanism, find)
    return server, server.evaluate(header + bare)


def failure_of(server: ScramServer, token: bytes) -> str:
    with pytest.raises(AuthenticationFailed) as failure:
        server.evaluate(token)
    assert server.user is None
    return str(failure.value)


@pytest.mark.parametrize("mechanism", list(ScramMechanism))
@pytest.mark.parametrize(("sent", "user"), [(b"anna", "anna"), (b"a=2Cb=3Dc", "a,b=c")])
def test_scram_proves_the_user_to_the_server_and_the_server_to_the_user(
    mechanism: ScramMechanism, sent: bytes, user: str
) -> None:
    bare = b"n=" + sent + b",r=abc"
    server, first = begin(bare, mechanism)
    final = final_message(mechanism.hash_name, "secret", bare, first)
    answer = server.evaluate(final)
    assert server.user == user
    message = b",".join((bare, first, final.partition(b",p=")[0]))
    verifier = hmac.digest(CREDENTIALS[user, mechanism].server_key, message, mechanism.hash_name)
    assert answer == b"v=" + base64.b64encode(verifier)


@pytest.mark.parametrize("mechanism", list(ScramMechanism))
def test_a_wrong_password_and_an_unknown_user_fail_alike_at_the_last_message(mechanism: ScramMechanism) -> None:
    failures = set()
    for user, password in ((b"anna", "wrong"), (b"ben", "secret")):
        bare = b"n=" + user + b",r=abc"
        server, first = begin(bare, mechanism)
        failures.add(failure_of(server, final_message(mechanism.hash_name, password, bare, first)))
    assert failures == {
        "Authentication failed during authentication due to invalid credentials with SASL mechanism "
        + mechanism.sasl_name
    }


def test_the_first_answers_to_an_unknown_user_look_like_those_to_a_known_one() -> None:
    def shown(user: bytes, mechanism: ScramMechanism = SHA_256) -> bytes:
        return begin(b"n=" + user + b",r=abc", mechanism)[1].partition(b",s=")[2]

    assert shown(b"ben") == shown(b"ben")  # a known user's salt does not change either
    assert shown(b"ben") != shown(b"carl")
    assert shown(b"ben") != shown(b"ben", SHA_512)
    assert len(shown(b"ben")) == len(shown(b"anna"))


def test_nonces_differ() -> None:
    assert len({begin(b"n=anna,r=abc")[1] for _ in range(20)}) == 20


@pytest.mark.parametrize(
    "token",
    [
        b"n,,n=anna,r=abc,x=y,z=1",
        b"n,,n=anna,r=abc,tokenauth=false",
        b"n,a=anna,n=anna,r=abc",
        b"n,,m=x,n=anna,r=abc",
    ],
)
def test_first_messages_that_kafka_accepts(token: bytes) -> None:
    assert ScramServer(SHA_256, find).evaluate(token).startswith(b"r=abc")


@pytest.mark.parametrize(
    "token",
    [
        b"",
        b"n,,n=anna",
        b"n,,r=abc,n=anna",
        b"n,,n=an=na,r=abc",
        b"n,,n=,r=abc",
        b"n,,n=anna,r=",
        b"n,,n=anna,r=a b",
        b"n,,n=anna,r=abc,",
        b"n,,n=anna,r=abc,1=2",
        b"n,,n=anna,r=abc,tokenauth=true",
        b"n,,n=anna,r=abc,x=y,tokenauth=TRUE",
        b"n,,n=anna,r=abc\n",
        b"y,,n=anna,r=abc",
        b"p=tls-unique,,n=anna,r=abc",
        "n,,n=zoë,r=abc".encode(),
        b"\0anna\0secret",
    ],
)
def test_first_messages_that_kafka_refuses(token: bytes) -> None:
    assert "invalid credentials" in failure_of(ScramServer(SHA_256, find), token)


def test_an_authorization_id_has_to_be_the_user() -> None:
    server = ScramServer(SHA_256, find)
    assert "different from username" in failure_of(server, b"n,a=ben,n=anna,r=abc")


@pytest.mark.parametrize(
    "change",
    [
        lambda final: b"",
        lambda final: final + b",x=y",
        lambda final: final.replace(b",r=abc", b",r=xbc"),
        lambda final: final.replace(b",r=abc", b",r=" + b"abc" * 2),
        lambda final: final.partition(b",p=")[0],
        lambda final: final.partition(b",p=")[0] + b",p=",
        lambda final: final.partition(b",p=")[0] + b",p=AAAA",
        lambda final: final.partition(b",p=")[0] + b",p=" + b"A" * 43 + b"=",
        lambda final: final.replace(b"c=biws", b"c=*"),
    ],
)
def test_a_final_message_with_one_mistake_is_refused(change: object) -> None:
    server, first = begin(b"n=anna,r=abc")
    final = final_message("sha256", "secret", b"n=anna,r=abc", first)
    assert callable(change)
    assert "invalid credentials" in failure_of(server, change(final))


def test_a_proof_is_of_no_use_on_another_connection() -> None:
    _, first = begin(b"n=anna,r=abc")
    other, _ = begin(b"n=anna,r=abc")
    failure_of(other, final_message("sha256", "secret", b"n=anna,r=abc", first))


def test_a_password_is_derived_with_a_new_salt_each_time() -> None:
    one, other = (scram_credential("secret", SHA_512) for _ in range(2))
    assert one.salt != other.salt
    assert one.stored_key != other.stored_key
    assert one.iterations == 4096


@given(tokens=st.lists(st.binary() | st.sampled_from([b"n,,n=anna,r=a", b"c=biws,r=a,p=AAAA"]), max_size=4))
@example(tokens=[b"n,,n=anna,r=a", b"c=biws,r=a,p=AAA="])
def test_any_tokens_end_in_a_token_or_a_refusal(tokens: list[bytes]) -> None:
    servers: list[SaslServer] = [PlainServer({"anna": "secret"}), *(ScramServer(each, find) for each in ScramMechanism)]
    for server in servers:
        for token in tokens:
            try:
                assert isinstance(server.evaluate(token), bytes)
            except AuthenticationFailed as failure:
                problem = str(failure)
            else:
                continue
            assert "secret" not in problem
            break
        assert server.user in (None, "anna")
