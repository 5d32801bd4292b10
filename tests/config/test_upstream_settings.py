"""Kafka's client properties, for the proxy's connections to the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from kafkalite.config.property import ConfigError
from kafkalite.config.setting import Setting
from kafkalite.config.upstream import Upstream, upstream_of
from kafkalite.security.cluster_credentials import TokenEndpoint, TokenFile

PLAIN = 'org.apache.kafka.common.security.plain.PlainLoginModule required username="anna" password="pear";'
BEARER = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required"


def upstream(properties: Mapping[str, str], **environment: str) -> Upstream:
    names = {name.replace("_", "."): text for name, text in properties.items()}
    given = {name: Setting(name, text, "here") for name, text in names.items()}
    return upstream_of(given, environment=environment)


def test_without_properties_connections_are_plain() -> None:
    assert upstream({}) == Upstream()


def test_host_names_are_checked_unless_the_algorithm_is_empty() -> None:
    for algorithm, checked in ((None, True), ("https", True), ("", False)):
        given = {} if algorithm is None else {"ssl_endpoint_identification_algorithm": algorithm}
        tls = upstream({"security_protocol": "ssl", **given}).tls
        assert tls is not None
        assert tls.current().check_hostname is checked


def test_a_password_comes_from_the_environment_and_is_not_shown() -> None:
    jaas = PLAIN.replace("pear", "${env:FRUIT}")
    given = {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN", "sasl_jaas_config": jaas}
    made = upstream(given, FRUIT="plum")
    assert made.login is not None
    assert (made.login.user, made.login.password) == ("anna", "plum")
    assert "plum" not in repr(made)


def test_without_a_mechanism_the_clients_logins_are_passed_on() -> None:
    assert upstream({"security_protocol": "SASL_SSL"}).login is None


def test_tokens_come_from_a_file_or_an_endpoint(tmp_path: Path) -> None:
    file, endpoint = f"file://{tmp_path}/token", "https://idp/token"
    common = {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "OAUTHBEARER"}
    made = upstream({**common, "sasl_oauthbearer_token_endpoint_url": file}).login
    assert made is not None
    assert made.tokens == TokenFile(f"{tmp_path}/token")
    jaas = f'{BEARER} clientId="proxy" clientSecret="pear" scope="kafka";'
    made = upstream({**common, "sasl_oauthbearer_token_endpoint_url": endpoint, "sasl_jaas_config": jaas}).login
    assert made is not None
    assert made.tokens == TokenEndpoint(url=endpoint, client_id="proxy", client_secret="pear", scope="kafka")
    assert "pear" not in repr(made)


@pytest.mark.parametrize(
    ("properties", "problem"),
    [
        ({"acks": "all"}, "acks has no effect"),
        ({"security_protocol": "TLS"}, "security.protocol: 'TLS' is not one of"),
        ({"sasl_mechanism": "PLAIN"}, "sasl.mechanism needs security.protocol"),
        ({"security_protocol": "SSL", "ssl_endpoint_identification_algorithm": "dns"}, "has to be https"),
        (
            {"security_protocol": "SSL", "ssl_truststore_location": "a.jks", "ssl_truststore_type": "JKS"},
            "JKS is not supported",
        ),
        (
            {"security_protocol": "SSL", "ssl_truststore_location": "none.pem", "ssl_truststore_type": "PEM"},
            "ssl.truststore.location: none.pem: No such file",
        ),
        ({"security_protocol": "SASL_SSL", "sasl_mechanism": "GSSAPI"}, "'GSSAPI' is not one of PLAIN"),
        ({"security_protocol": "SASL_SSL", "sasl_mechanism": "PLAIN"}, "PLAIN needs sasl.jaas.config with username"),
        ({"security_protocol": "SASL_SSL", "sasl_jaas_config": PLAIN}, "sasl.jaas.config needs sasl.mechanism"),
        (
            {"security_protocol": "SASL_SSL", "sasl_mechanism": "SCRAM-SHA-256", "sasl_jaas_config": PLAIN},
            "SCRAM-SHA-256 needs org.apache.kafka.common.security.scram.ScramLoginModule",
        ),
        ({"security_protocol": "SASL_SSL", "sasl_mechanism": "OAUTHBEARER"}, "token.endpoint.url"),
    ],
)
def test_a_mistake_is_named(properties: dict[str, str], problem: str) -> None:
    with pytest.raises(ConfigError, match="here: ") as raised:
        upstream(properties)
    assert problem in str(raised.value)
    assert "pear" not in str(raised.value)
