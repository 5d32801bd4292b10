"""How a listener checks tokens: which property counts for which, and what a mistake is answered with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from joserfc.jwk import ECKey

from kafkalite.config import ConfigError, load
from kafkalite.config.oauthbearer import KeyEndpoint, TokenConfig
from kafkalite.security.access_tokens import ClaimRules, UnsecuredRules
from kafkalite.security.token_issuer import TokenIssuer

OAUTH = "org.apache.kafka.common.security.oauthbearer."
MODULE = f"{OAUTH}OAuthBearerLoginModule required"
SASL = {"listeners": "SASL_PLAINTEXT://127.0.0.1:0", "sasl.enabled.mechanisms": "OAUTHBEARER"}
OWN = "listener.name.sasl_plaintext."
ENDPOINT = "sasl.oauthbearer.jwks.endpoint"
EXPECTED = {"sasl.oauthbearer.expected.audience": "a,b", "sasl.oauthbearer.expected.issuer": "i"}
FETCHED = {**EXPECTED, f"{ENDPOINT}.url": "https://keys.example/jwks"}


def tokens(properties: dict[str, str], security: str | None = None) -> TokenConfig:
    config = load(properties={**({} if security else SASL), **properties}, data="/data", security=security)
    (listener,) = config.security
    assert listener.sasl is not None
    assert listener.sasl.tokens is not None
    return listener.sasl.tokens


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    file = tmp_path / "key set.json"
    file.write_text(json.dumps({"keys": [ECKey.generate_key("P-256").as_dict(private=False)]}))
    return file


def test_keys_are_fetched_from_a_url() -> None:
    found = tokens({**FETCHED, f"{ENDPOINT}.refresh.ms": "5000", f"{ENDPOINT}.retry.backoff.ms": "7"})
    assert found.keys == KeyEndpoint(
        url="https://keys.example/jwks", refresh=5.0, first_backoff=0.007, longest_backoff=10.0
    )
    assert found.rules == ClaimRules(audience=("a", "b"), issuer="i")


def test_keys_are_read_from_a_file(keys: Path) -> None:
    own = {
        f"{OWN}{ENDPOINT}.url": keys.as_uri(),
        f"{OWN}oauthbearer.sasl.oauthbearer.sub.claim.name": "email",
        "sasl.oauthbearer.scope.claim.name": "scp",
        f"{OWN}sasl.oauthbearer.clock.skew.seconds": "0",
        "sasl.oauthbearer.allow.unverified.audience": "true",
        "sasl.oauthbearer.allow.unverified.issuer": "true",
    }
    found = tokens(own)
    assert found.keys == keys
    assert found.rules == ClaimRules(subject_claim="email", scope_claim="scp", clock_skew=0)


def test_unsecured_tokens_are_accepted_where_the_login_module_has_options_for_them() -> None:
    options = (
        'unsecuredValidatorPrincipalClaimName="u" unsecuredValidatorScopeClaimName="s" '
        'unsecuredValidatorRequiredScope="read write" unsecuredValidatorAllowableClockSkewMs="1500"'
    )
    found = tokens({f"{OWN}oauthbearer.sasl.jaas.config": f"{MODULE} {options};"})
    assert found == TokenConfig(
        rules=UnsecuredRules(subject_claim="u", scope_claim="s", required_scope=("read", "write"), clock_skew=1.5),
        keys=None,
    )
    login = {"sasl.jaas.config": f'{MODULE} unsecuredLoginStringClaim_sub="admin";'}
    assert tokens(login).rules == UnsecuredRules()


def test_unsecured_tokens_are_accepted_where_kafkas_class_for_them_is_named() -> None:
    handler = f"{OAUTH}internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler"
    found = tokens({**FETCHED, f"{OWN}oauthbearer.sasl.server.callback.handler.class": handler})
    assert found == TokenConfig(rules=UnsecuredRules(), keys=None)


def test_keys_go_before_options_for_unsecured_tokens() -> None:
    assert tokens({**FETCHED, "sasl.jaas.config": f'{MODULE} unsecuredLoginStringClaim_sub="admin";'}).keys
    handler = f"{OAUTH}OAuthBearerValidatorCallbackHandler"
    assert tokens({**FETCHED, f"{OWN}oauthbearer.sasl.server.callback.handler.class": handler}).keys


def test_a_broker_for_tests_accepts_the_tokens_that_it_makes() -> None:
    found = tokens({"sasl.oauthbearer.expected.audience": "x,y", "sasl.oauthbearer.sub.claim.name": "u"}, "sasl_ssl")
    assert isinstance(found.keys, TokenIssuer)
    assert found.rules == ClaimRules(audience=("x", "y"), issuer="kafkalite", subject_claim="u")
    assert (found.keys.audience, found.keys.issuer, found.keys.subject_claim) == ("x", "kafkalite", "u")
    config = load(data="/data", security="sasl_plaintext")
    assert config.token_issuer is not None
    assert load(data="/data", security="sasl_plaintext", properties=FETCHED).token_issuer is None


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({}, f"listener SASL_PLAINTEXT: {ENDPOINT}.url: OAUTHBEARER needs the URL of the keys that prove tokens"),
        ({f"{ENDPOINT}.url": "ftp://x/y"}, f"{ENDPOINT}.url: it has to be an https, http or file URL"),
        ({f"{ENDPOINT}.url": "https:///y"}, f"{ENDPOINT}.url: it has to be an https, http or file URL"),
        ({f"{ENDPOINT}.url": "file:///nowhere/x"}, f"{ENDPOINT}.url: /nowhere/x: No such file or directory"),
        ({"sasl.oauthbearer.expected.issuer": ""}, "sasl.oauthbearer.expected.issuer: set it, or set sasl.oauth"),
        ({"sasl.oauthbearer.expected.audience": ""}, "sasl.oauthbearer.expected.audience: set it, or set sasl.oauth"),
        ({"sasl.server.callback.handler.class": "a.B"}, f"handler.class: not supported: use {OAUTH}OAuthBearerVal"),
        (
            {f"{ENDPOINT}.url": "", "sasl.jaas.config": f'{MODULE} unsecuredValidatorAllowableClockSkewMs="x";'},
            "unsecuredValidatorAllowableClockSkewMs is not a number of milliseconds",
        ),
        ({"sasl.jaas.config": f'{MODULE} unsecuredValidatorRequiredScope="hush'}, "sasl.jaas.config: "),
    ],
)
def test_a_mistake_names_the_setting(properties: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError) as mistake:
        tokens({**FETCHED, **properties} if properties else {})
    assert message in str(mistake.value)
    assert "hush" not in str(mistake.value)


def test_a_file_without_keys_is_refused(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text('{"keys":[]}')
    with pytest.raises(ConfigError, match="a JSON Web Key Set without a key for signatures"):
        tokens({**EXPECTED, f"{ENDPOINT}.url": (tmp_path / "keys").as_uri()})
