"""Which access tokens are accepted. Outcomes are those of Apache Kafka 4.4.0."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, Key, OctKey, RSAKey

from kafkalite.security.access_tokens import ClaimRules, SignedTokens, UnsecuredRules, UnsecuredTokens
from kafkalite.security.oauthbearer import AccessToken, InvalidToken
from kafkalite.security.token_issuer import TokenIssuer
from kafkalite.security.token_keys import FetchedKeys, FileKeys, TokenKeys, parse_key_set

NOW = 1_000_000
EC: Key = ECKey.generate_key("P-256", {"kid": "ec"})
RSA: Key = RSAKey.generate_key(2048, {"kid": "rsa"})
OCT: Key = OctKey.generate_key(256, {"kid": "oct"})
STRANGER: Key = ECKey.generate_key("P-256", {"kid": "ec"})
KEY_SET = json.dumps({"keys": [EC.as_dict(private=False), RSA.as_dict(private=False), OCT.as_dict()]})
RULES = ClaimRules(audience=("kafka", "other"), issuer="https://issuer")
USUAL = {"iss": "https://issuer", "aud": "kafka", "sub": "anna", "iat": NOW, "exp": NOW + 60}
MISSING = object()


def changed(claims: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**USUAL, **claims}.items() if value is not MISSING}


def signed(key: Key = EC, algorithm: str = "ES256", kid: object = MISSING, **claims: Any) -> str:
    kid = key.kid if kid is MISSING else kid
    header: dict[str, Any] = {"alg": algorithm, **({} if kid is None else {"kid": kid})}
    return jws.serialize_compact(header, json.dumps(changed(claims)), key, algorithms=[algorithm])


def unsecured(header: object = None, signature: str = "", **claims: Any) -> str:
    parts = ({"alg": "none"} if header is None else header, changed(claims))
    return ".".join([*(encoded(json.dumps(part).encode()) for part in parts), signature])


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.fixture
def source() -> FetchedKeys:
    keys = FetchedKeys()
    keys.replace(KEY_SET.encode())
    return keys


@pytest.fixture
def tokens(source: FetchedKeys) -> SignedTokens:
    return SignedTokens(TokenKeys(source), RULES, lambda: NOW)


ACCEPTED = [
    signed(),
    signed(RSA, "RS256"),
    signed(RSA, "PS256"),
    signed(OCT, "HS256"),
    signed(kid=None),
    f"{signed()}==",
    signed(aud=["x", "other"]),
    signed(sub=" anna "),
    signed(nbf=NOW + 20, exp=NOW + 60),
    signed(iat=NOW + 50),
    signed(iat=NOW + 0.5),
    *(signed(scope=scope) for scope in ("a b", ["a", "b"], 5, None, {"a": 1})),
]


@pytest.mark.parametrize("token", ACCEPTED, ids=range(len(ACCEPTED)))
def test_accepted_tokens(token: str, tokens: SignedTokens) -> None:
    assert tokens.verify(token) == AccessToken(user="anna", lifetime=60)


def test_a_token_that_has_expired_within_the_clock_skew_is_accepted_without_a_lifetime(tokens: SignedTokens) -> None:
    assert tokens.verify(signed(iat=NOW - 100, exp=NOW - 20)) == AccessToken(user="anna", lifetime=0)


REFUSED = [
    (signed(iat=NOW - 100, exp=NOW - 40), "it has expired"),
    (signed(exp=MISSING), "exp is missing"),
    (signed(exp="x"), "exp is missing or no time"),
    (signed(exp=True), "exp is missing or no time"),
    (signed(exp=10**18), "exp is missing or no time"),
    (signed(iat=MISSING), "iat is missing"),
    (signed(iat=-5), "iat is missing or no time"),
    (signed(iat=NOW + 70), "it expires before it begins"),
    (signed(nbf=NOW + 70), "it expires before it begins"),
    (signed(nbf=NOW + 50), "it is not valid yet"),
    (signed(iss="x"), "iss is another issuer"),
    (signed(iss=5), "iss is another issuer"),
    (signed(iss=MISSING), "iss is another issuer"),
    (signed(aud="x"), "aud is another audience"),
    (signed(aud=MISSING), "aud is another audience"),
    (signed(aud=[["kafka"]]), "aud is another audience"),
    *((signed(sub=subject), "sub is missing") for subject in (MISSING, "", "  ", 5, None)),
    (signed(jti=5), "jti is not a string"),
    *((signed(scope=scope), "the scope is not") for scope in ("", ["a", "a"], ["a", " "], [5])),
    (signed(STRANGER), "no key proves its signature"),
    (signed(kid="unknown"), "no key proves its signature"),
    (signed(kid="rsa"), "no key proves its signature"),
    (signed(OCT, "HS256", kid="rsa"), "no key proves its signature"),
    (unsecured(), "no key proves its signature"),
    (signed()[:-6] + "AAAAAA", "no key proves its signature"),
    ("a.b", "it is not a signed token"),
    ("a.b.c.d.e", "it is not a signed token"),
    ("..", "it is not a signed token"),
    ("é.é.é", "it is not a signed token"),
]


@pytest.mark.parametrize(("token", "reason"), REFUSED, ids=range(len(REFUSED)))
def test_refused_tokens(token: str, reason: str, tokens: SignedTokens) -> None:
    with pytest.raises(InvalidToken, match=f"^{reason}"):
        tokens.verify(token)


def test_a_public_key_is_no_secret_for_hmac(tokens: SignedTokens) -> None:
    assert isinstance(RSA, RSAKey)
    message = ".".join(encoded(json.dumps(part).encode()) for part in ({"alg": "HS256", "kid": "rsa"}, USUAL))
    signature = hmac.digest(RSA.as_pem(private=False), message.encode(), "sha256")
    with pytest.raises(InvalidToken, match="no key proves its signature"):
        tokens.verify(f"{message}.{encoded(signature)}")


def test_claims_may_have_other_names(source: FetchedKeys) -> None:
    rules = ClaimRules(subject_claim="email", scope_claim="scp")
    tokens = SignedTokens(TokenKeys(source), rules, lambda: NOW)
    assert tokens.verify(signed(email="ben", scope="", iss=5, aud=MISSING)).user == "ben"
    with pytest.raises(InvalidToken, match="email is missing"):
        tokens.verify(signed())
    with pytest.raises(InvalidToken, match="the scope is not"):
        tokens.verify(signed(email="ben", scp=""))


def test_a_token_with_an_unknown_key_asks_for_new_keys(source: FetchedKeys, tokens: SignedTokens) -> None:
    asked: list[str] = []
    source.on_missing = asked.append
    renewed: Key = ECKey.generate_key("P-256", {"kid": "renewed"})
    with pytest.raises(InvalidToken, match="no key proves its signature"):
        tokens.verify(signed(renewed))
    source.replace(json.dumps({"keys": [renewed.as_dict(private=False)]}).encode())
    assert asked == ["renewed"]
    assert tokens.verify(signed(renewed)).user == "anna"


def test_a_file_of_keys_is_read_again_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text(KEY_SET)
    tokens = SignedTokens(TokenKeys(FileKeys(file)), RULES, lambda: NOW)
    assert tokens.verify(signed()).user == "anna"
    file.write_text(json.dumps({"keys": [STRANGER.as_dict(private=False)]}))
    assert tokens.verify(signed(STRANGER)).user == "anna"
    file.write_text("nothing")
    assert tokens.verify(signed(STRANGER)).user == "anna"
    with pytest.raises(InvalidToken):
        tokens.verify(signed())


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"keys":5}', '{"keys":[5]}', '{"keys":[{"kty":"x"}]}', "[" * 10_000])
def test_other_texts_are_no_key_sets(text: str) -> None:
    with pytest.raises(ValueError, match="JSON Web Key Set"):
        parse_key_set(text)


def test_keys_of_other_uses_and_types_are_left_out() -> None:
    described = [{"kty": "x"}, {**RSA.as_dict(private=False), "use": "enc"}, EC.as_dict(private=False)]
    assert [key.kid for key in parse_key_set(json.dumps({"keys": described}))] == ["ec"]


def test_made_tokens_are_accepted_until_they_expire() -> None:
    issuer = TokenIssuer(subject_claim="email")
    rules = ClaimRules(audience=(issuer.audience,), issuer=issuer.issuer, subject_claim="email", clock_skew=0)
    now = float(NOW)
    tokens = SignedTokens(TokenKeys(issuer), rules, lambda: now)
    token = issuer.issue("anna", lifetime=60, now=now)
    assert tokens.verify(token) == AccessToken(user="anna", lifetime=60)
    with pytest.raises(InvalidToken, match="it has expired"):
        tokens.verify(issuer.issue("anna", lifetime=-1, now=now))
    now += 60
    with pytest.raises(InvalidToken, match="it has expired"):
        tokens.verify(token)


UNSECURED = UnsecuredTokens(UnsecuredRules(), lambda: NOW)


@pytest.mark.parametrize(
    "claims", [{}, {"iat": MISSING}, {"nbf": NOW + 50}, {"exp": NOW + 60.0}, {"scope": ["a", "b"]}, {"iss": 5}]
)
def test_accepted_unsecured_tokens(claims: Mapping[str, Any]) -> None:
    assert UNSECURED.verify(unsecured(**claims)) == AccessToken(user="anna", lifetime=60)


REFUSED_UNSECURED = [
    (unsecured(exp=NOW), "it has expired"),
    (unsecured(exp=MISSING), "exp is missing"),
    (unsecured(iat=NOW + 1), "it was issued later"),
    (unsecured(iat=NOW - 5, exp=NOW - 5), "it has expired"),
    (unsecured(iat="q"), "iat is missing or no time"),
    *((unsecured(sub=subject), "sub is missing") for subject in (MISSING, "", " ", 5)),
    (unsecured(scope=5), "the scope is not"),
    (unsecured(signature="aaa"), "it is signed"),
    (unsecured(header={"alg": "ES256"}), "it is signed"),
    (unsecured(header={}), "it is signed"),
    (unsecured(header=[]), "the header are no JSON object"),
    (signed(), "it is signed"),
    (unsecured()[:-1], "it is no token in compact form"),
    ("!.!.", "it is not base64url"),
    ("e.e.", "it is not base64url"),
    (f"{encoded(b'{')}.{encoded(b'{')}.", "the header are not JSON"),
]


@pytest.mark.parametrize(("token", "reason"), REFUSED_UNSECURED, ids=range(len(REFUSED_UNSECURED)))
def test_refused_unsecured_tokens(token: str, reason: str) -> None:
    with pytest.raises(InvalidToken, match=f"^{reason}"):
        UNSECURED.verify(token)


def test_unsecured_tokens_may_need_a_scope_and_have_other_names_of_claims() -> None:
    rules = UnsecuredRules(subject_claim="u", scope_claim="s", required_scope=("read", "write"), clock_skew=5)
    tokens = UnsecuredTokens(rules, lambda: NOW)
    assert tokens.verify(unsecured(u="ben", s=["write", "x", "read"], exp=NOW - 4, iat=NOW - 9)).user == "ben"
    for scope in (None, "read", "read write", ["read"]):
        with pytest.raises(InvalidToken) as refused:
            tokens.verify(unsecured(u="ben", s=scope))
        assert refused.value.challenge() == '{"status":"insufficient_scope", "scope":"[read, write]"}'


PART = st.text('ab=.{}"', max_size=8) | st.binary(max_size=12).map(encoded) | st.just(encoded(b'{"alg":"none"}'))


@given(st.lists(PART, max_size=4).map(".".join), st.sampled_from(["", *signed().split(".")]))
@settings(max_examples=100)
def test_no_text_does_more_than_fail(token: str, part: str) -> None:
    keys = FetchedKeys()
    keys.replace(KEY_SET.encode())
    signed_tokens = SignedTokens(TokenKeys(keys), RULES, lambda: NOW)
    for each in (token, f"{part}.{token}", f"{token}.{part}"):
        for tokens in (signed_tokens, UNSECURED):
            with pytest.raises(InvalidToken):
                tokens.verify(each)
