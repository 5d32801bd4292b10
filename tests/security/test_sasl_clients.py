"""The client's side of SASL mechanisms, against the server's."""

from __future__ import annotations

import base64

import pytest

from kafkalite.security.sasl import (
    AuthenticationFailed,
    PlainServer,
    SaslServer,
    ScramMechanism,
    ScramServer,
    TokenOwner,
    scram_credential,
)
from kafkalite.security.sasl_client import BearerClient, PlainClient, SaslClient, ScramClient

SHA_256 = ScramMechanism.SCRAM_SHA_256


def authenticate(client: SaslClient, server: SaslServer) -> None:
    token: bytes | None = client.first()
    while token is not None:
        token = client.following(server.evaluate(token))


def scram_server(password: str, mechanism: ScramMechanism = SHA_256) -> ScramServer:
    credential = scram_credential(password, mechanism)
    owner = TokenOwner(user="anna", lifetime=60, credential=credential)
    return ScramServer(mechanism, lambda *_: credential, lambda *_: owner)


def test_a_password_is_sent_by_plain() -> None:
    server = PlainServer({"anna": "secret"})
    authenticate(PlainClient("anna", "secret"), server)
    assert server.user == "anna"


@pytest.mark.parametrize("mechanism", ScramMechanism)
@pytest.mark.parametrize("user", ["anna", "an,na=2"])
def test_a_password_is_proved_by_scram(mechanism: ScramMechanism, user: str) -> None:
    server = scram_server("secret", mechanism)
    authenticate(ScramClient(mechanism, user, "secret"), server)
    assert server.user == user


def test_a_delegation_token_is_proved_by_scram() -> None:
    server = scram_server("hmac")
    authenticate(ScramClient(SHA_256, "id", "hmac", is_token=True), server)
    assert (server.user, server.has_token) == ("anna", True)


def test_a_wrong_password_is_refused() -> None:
    with pytest.raises(AuthenticationFailed):
        authenticate(ScramClient(SHA_256, "anna", "wrong"), scram_server("secret"))


SALT = base64.b64encode(b"salt").decode()


@pytest.mark.parametrize(
    "first",
    [
        "",
        "r=other,s=c2FsdA==,i=4096",
        "r=nonce,s=c2FsdA==,i=4096",
        "r=nonceX,s=c2FsdA==,i=1",
        "r=nonceX,s=c2FsdA==,i=99999999",
        "r=nonceX,s=c2FsdA,i=4096",
        "r=nonceX,s=c2FsdA==,i=4096,more",
    ],
)
def test_a_servers_first_message_that_is_none_is_refused(first: str) -> None:
    client = ScramClient(SHA_256, "anna", "secret", nonce="nonce")
    client.first()
    with pytest.raises(AuthenticationFailed):
        client.following(first.encode())


@pytest.mark.parametrize("final", ["", "v=", "v=AAAA", "e=unknown-user"])
def test_a_server_that_does_not_know_the_password_is_refused(final: str) -> None:
    client = ScramClient(SHA_256, "anna", "secret", nonce="nonce")
    assert client.following(f"r=nonceX,s={SALT},i=4096".encode()) is not None
    with pytest.raises(AuthenticationFailed, match="does not know the password"):
        client.following(final.encode())


def test_a_refused_token_is_explained() -> None:
    client = BearerClient("a.b.c")
    assert client.first() == b"n,,\x01auth=Bearer a.b.c\x01\x01"
    assert client.following(b"") is None
    with pytest.raises(AuthenticationFailed, match="invalid_token"):
        client.following(b'{"status":"invalid_token"}')
