"""Clients that fetch their access tokens from an endpoint beside the broker."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator

import pytest
from confluent_kafka import KafkaError, Producer

from kafkalite.testing import Handle, TokenEndpoint, run, token_endpoint

TIMEOUT = 20
GRANT = {"grant_type": "client_credentials"}


@pytest.fixture
def broker() -> Iterator[Handle]:
    with run(security="sasl_ssl") as broker:
        yield broker


@pytest.fixture
def endpoint(broker: Handle) -> Iterator[TokenEndpoint]:
    with token_endpoint(broker) as endpoint:
        yield endpoint


def test_librdkafka_fetches_its_token(broker: Handle, endpoint: TokenEndpoint) -> None:
    producer = Producer(endpoint.client_config("confluent", client_id="anna"))
    producer.produce("t", b"v")
    assert producer.flush(TIMEOUT) == 0
    assert [record.value for record in broker.records("t")] == [b"v"]
    assert endpoint.issued == 1
    errors: list[KafkaError] = []
    refused = {**endpoint.client_config("librdkafka"), "sasl.oauthbearer.client.secret": "wrong", "log_level": 0}
    producer = Producer({**refused, "error_cb": errors.append})
    while not errors:
        producer.poll(TIMEOUT)
    assert "invalid_client" in errors[0].str() or "401" in errors[0].str()
    assert endpoint.issued == 1


def asked(url: str, form: dict[str, str], authorization: str = "") -> tuple[int, dict[str, object]]:
    headers = {"Authorization": authorization} if authorization else {}
    request = urllib.request.Request(url, urllib.parse.urlencode(form).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            body = error.read()
        return error.code, json.loads(body) if body.startswith(b"{") else {}


def test_what_the_endpoint_answers(broker: Handle, endpoint: TokenEndpoint) -> None:
    secret = endpoint.client_secret
    basic = "Basic " + base64.b64encode(f"anna:{secret}".encode()).decode()
    endpoint.lifetime_s = 60
    status, answer = asked(endpoint.url, {**GRANT, "scope": "read write"}, basic)
    claims = json.loads(base64.urlsafe_b64decode(str(answer.pop("access_token")).split(".")[1] + "=="))
    assert (status, answer) == (200, {"token_type": "Bearer", "expires_in": 60})
    assert (claims["sub"], claims["scope"]) == ("anna", ["read", "write"])
    assert asked(endpoint.url, {**GRANT, "client_id": "ben", "client_secret": secret})[0] == 200
    assert endpoint.issued == 2
    assert asked(endpoint.url, GRANT) == (401, {"error": "invalid_client"})
    assert asked(endpoint.url, GRANT, "Basic ???") == (401, {"error": "invalid_client"})
    assert asked(endpoint.url, {**GRANT, "client_id": "ben", "client_secret": "x"})[0] == 401
    assert asked(endpoint.url, {"grant_type": "password"}, basic) == (400, {"error": "unsupported_grant_type"})
    assert asked(endpoint.url + "s", GRANT, basic)[0] == 404
    assert asked(endpoint.url, {"x": "y" * 70_000}, basic)[0] == 400
    assert endpoint.issued == 2


def test_settings_of_a_java_client(endpoint: TokenEndpoint) -> None:
    settings = endpoint.client_config("java", client_id='an"na')
    assert settings["sasl.oauthbearer.token.endpoint.url"] == endpoint.url
    assert f'clientId="an\\"na" clientSecret="{endpoint.client_secret}"' in settings["sasl.jaas.config"]


def test_where_there_are_no_tokens_there_are_no_settings(endpoint: TokenEndpoint) -> None:
    with pytest.raises(ValueError, match="aiokafka takes a token"):
        endpoint.client_config("aiokafka")
    with (
        run({"sasl.enabled.mechanisms": "PLAIN"}, security="sasl_plaintext") as broker,
        token_endpoint(broker) as other,
        pytest.raises(ValueError, match="OAUTHBEARER is not enabled"),
    ):
        other.client_config("java")
