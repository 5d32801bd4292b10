"""Logins with delegation tokens, over real connections; and the names of users with certificates."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.create_delegation_token import CreateDelegationTokenRequest
from kafkalite_wire.messages.expire_delegation_token import ExpireDelegationTokenRequest
from kafkalite_wire.messages.metadata import MetadataRequest
from kafkalite_wire.messages.sasl_authenticate import SaslAuthenticateRequest, SaslAuthenticateResponse
from kafkalite_wire.messages.sasl_handshake import SaslHandshakeRequest
from tests.security.conftest import Authority
from tests.security.test_protected_connections import client_of, dial, running
from tests.support.protocol_client import ProtocolClient
from tests.support.scram_exchange import final_message

TLS, SASL = range(2)
CREATE = CreateDelegationTokenRequest(
    owner_principal_type=None, owner_principal_name=None, renewers=(), max_lifetime_ms=60_000
)


@pytest.fixture
def properties(authority: Authority, broker_pem: Path) -> dict[str, str]:
    return {
        "listeners": "SSL://127.0.0.1:0,SASL_PLAINTEXT://127.0.0.1:0",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(broker_pem),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority.file),
        "listener.name.ssl.ssl.client.auth": "requested",
        "listener.name.ssl.ssl.principal.mapping.rules": "RULE:^CN=(.*?),.*$/$1/L",
        "sasl.enabled.mechanisms": "SCRAM-SHA-256,SCRAM-SHA-512",
        "kafkalite.sasl.users": "ben:secret",
        "delegation.token.secret.key": "hush",
        "connection.failed.authentication.delay.ms": "20",
    }


async def log_in(
    client: ProtocolClient, name: str, password: str, extension: str = ",tokenauth=true", *, bits: int = 256
) -> SaslAuthenticateResponse:
    assert (await client.call(SaslHandshakeRequest(mechanism=f"SCRAM-SHA-{bits}"), 1)).error_code == 0
    bare = f"n={name},r=abc{extension}".encode()
    first: SaslAuthenticateResponse = await client.call(SaslAuthenticateRequest(auth_bytes=b"n,," + bare), 2)
    if first.error_code:
        return first
    final = final_message(f"sha{bits}", password, bare, bytes(first.auth_bytes))
    answer: SaslAuthenticateResponse = await client.call(SaslAuthenticateRequest(auth_bytes=final), 2)
    return answer


async def test_a_client_logs_in_with_a_token_as_its_owner(properties: dict[str, str], authority: Authority) -> None:
    async with running(properties) as broker:
        anna = await client_of(broker, TLS, authority, authority.issue("anna", "a.example", common_name="Anna"))
        token = await anna.call(CREATE, 3)
        assert (token.error_code, token.principal_name) == (0, "anna")
        password = base64.b64encode(token.hmac).decode()

        for bits in (256, 512):
            client = ProtocolClient(await dial(broker, SASL))
            answer = await log_in(client, token.token_id, password, ",x=y,tokenauth=TRUE", bits=bits)
            assert answer.error_code == 0
            assert 0 < answer.session_lifetime_ms <= 60_000
            refused = await client.call(CREATE, 3)
            assert refused.error_code == ErrorCode.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED
            assert refused.principal_name == "anna"

        for name, wrong, extension in (
            (token.token_id, "wrong", ",tokenauth=true"),
            (token.token_id, password, ""),
            (token.token_id, password, ",tokenAuth=true"),
            ("unknown", password, ",tokenauth=true"),
            ("ben", "secret", ",tokenauth=true"),
        ):
            client = ProtocolClient(await dial(broker, SASL))
            answer = await log_in(client, name, wrong, extension)
            assert answer.error_code == ErrorCode.SASL_AUTHENTICATION_FAILED

        await anna.call(ExpireDelegationTokenRequest(hmac=token.hmac, expiry_time_period_ms=-1), 2)
        client = ProtocolClient(await dial(broker, SASL))
        assert (await log_in(client, token.token_id, password)).error_code == ErrorCode.SASL_AUTHENTICATION_FAILED


async def test_a_user_of_scram_may_create_a_token(properties: dict[str, str]) -> None:
    async with running(properties) as broker:
        client = ProtocolClient(await dial(broker, SASL))
        assert (await log_in(client, "ben", "secret", "")).session_lifetime_ms == 0
        token = await client.call(CREATE, 1)
        assert (token.error_code, token.principal_name) == (0, "ben")


async def test_a_certificate_that_no_rule_matches_ends_the_connection(
    properties: dict[str, str], authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    properties["listener.name.ssl.ssl.principal.mapping.rules"] = "RULE:^OU=x$/x/"
    async with running(properties) as broker:
        client = await client_of(broker, TLS, authority)
        assert (await client.call(MetadataRequest(topics=()), 9)).brokers  # a client without a certificate has no name
        client = await client_of(broker, TLS, authority, authority.issue("anna", "a.example", common_name="Anna"))
        assert await client.is_closed()
    assert "no rule of ssl.principal.mapping.rules matches CN=Anna," in caplog.text
