"""Checks of the access tokens of OAUTHBEARER, which are JSON Web Tokens (RFC 7519).

Signed tokens are checked as Kafka's BrokerJwtValidator does, with keys of an identity provider; unsecured ones, which
anyone can make, as its OAuthBearerUnsecuredValidatorCallbackHandler does.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from kafkalite.security.oauthbearer import AccessToken, InvalidToken

if TYPE_CHECKING:
    from kafkalite.security.token_keys import TokenKeys

Now = Callable[[], float]
"""The time of the wall clock in seconds."""

_BASE64URL: Final = re.compile(r"(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-]{2,3})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRules:
    """What a token has to say (``sasl.oauthbearer.*``)."""

    audience: tuple[str, ...] = ()
    """One of them must be in `aud`; empty for any."""
    issuer: str | None = None
    subject_claim: str = "sub"
    scope_claim: str = "scope"
    clock_skew: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsecuredRules:
    """What a token without a signature has to say (the options `unsecuredValidator...` of the login module)."""

    subject_claim: str = "sub"
    scope_claim: str = "scope"
    required_scope: tuple[str, ...] = ()
    clock_skew: float = 0.0


class SignedTokens:
    """Checks signed tokens."""

    def __init__(self, keys: TokenKeys, rules: ClaimRules, now: Now) -> None:
        self._keys = keys
        self._rules = rules
        self._now = now

    def verify(self, token: str) -> AccessToken:
        """Return what a token says. Raises InvalidToken."""
        claims = _object(self._keys.verified(token), "claims")
        rules, now = self._rules, self._now()
        expires = _moment(claims, "exp", required=True)
        issued = _moment(claims, "iat", required=True)
        not_before = _moment(claims, "nbf", required=False)
        if now - rules.clock_skew >= expires:
            raise InvalidToken("it has expired")
        if expires < issued or expires < not_before:
            raise InvalidToken("it expires before it begins")
        if now + rules.clock_skew < not_before:
            raise InvalidToken("it is not valid yet")
        if not isinstance(claims.get("jti", ""), str):
            raise InvalidToken("jti is not a string")
        _check_origin(claims, rules)
        _check_scope(claims.get(rules.scope_claim))
        user = claims.get(rules.subject_claim)
        if not isinstance(user, str) or not user.strip():
            raise InvalidToken(f"{rules.subject_claim} is missing")
        return AccessToken(user=user.strip(), lifetime=max(expires - now, 0.0))


def _check_origin(claims: Mapping[str, Any], rules: ClaimRules) -> None:
    issuer = claims.get("iss")
    if rules.issuer is not None and issuer != rules.issuer:
        raise InvalidToken("iss is another issuer")
    if rules.audience and not any(each in rules.audience for each in _several(claims.get("aud"))):
        raise InvalidToken("aud is another audience")


def _several(value: object) -> Sequence[object]:
    """Return the elements of a claim that is a list, or the claim itself."""
    return cast("list[object]", value) if isinstance(value, list) else [value]


def _check_scope(scope: object) -> None:
    """Refuse a scope that Kafka cannot read; which one it is does not matter."""
    scopes = _several(scope)
    if not isinstance(scope, str | list):
        return  # no scope, or one that Kafka ignores
    names = {each for each in scopes if isinstance(each, str) and each.strip()}
    if len(names) != len(scopes):
        raise InvalidToken("the scope is not a list of names")


def _moment(claims: Mapping[str, Any], name: str, *, required: bool) -> float:
    value = claims.get(name)
    if value is None and not required:
        return 0.0
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < _LATEST:
        raise InvalidToken(f"{name} is missing or no time")
    return float(value)


_LATEST: Final = 9_000_000_000
"""The year 2255: Kafka counts nanoseconds in 64 bits."""


class UnsecuredTokens:
    """Checks tokens without a signature."""

    def __init__(self, rules: UnsecuredRules, now: Now) -> None:
        self._rules = rules
        self._now = now

    def verify(self, token: str) -> AccessToken:
        """Return what a token says. Raises InvalidToken."""
        parts = token.split(".")
        if len(parts) != 3:  # header, claims, signature
            raise InvalidToken("it is no token in compact form")
        if _object(_decoded(parts[0]), "header").get("alg") != "none" or parts[2]:
            raise InvalidToken("it is signed, or says so")
        claims = _object(_decoded(parts[1]), "claims")
        rules, now = self._rules, self._now()
        expires = _moment(claims, "exp", required=True)
        if now - rules.clock_skew >= expires:
            raise InvalidToken("it has expired")
        if claims.get("iat") is not None:
            issued = _moment(claims, "iat", required=True)
            if now + rules.clock_skew < issued or expires <= issued:
                raise InvalidToken("it was issued later")
        user = claims.get(rules.subject_claim)
        if not isinstance(user, str) or not user.strip():
            raise InvalidToken(f"{rules.subject_claim} is missing")
        self._check_scope(claims.get(rules.scope_claim))
        return AccessToken(user=user, lifetime=max(expires - now, 0.0))

    def _check_scope(self, scope: object) -> None:
        scopes = () if scope is None else _several(scope)
        names = [each.strip() for each in scopes if isinstance(each, str)]
        if len(names) != len(scopes):
            raise InvalidToken("the scope is not a list of names")
        required = self._rules.required_scope
        if not set(names).issuperset(required):
            raise InvalidToken("a scope is missing", missing_scope=f"[{', '.join(required)}]")


def _decoded(part: str) -> bytes:
    if not _BASE64URL.fullmatch(part):
        raise InvalidToken("it is not base64url")
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except binascii.Error:
        raise InvalidToken("it is not base64url") from None


def _object(data: bytes, what: str) -> Mapping[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise InvalidToken(f"the {what} are not JSON") from None
    if not isinstance(found, dict):
        raise InvalidToken(f"the {what} are no JSON object")
    return cast("dict[str, Any]", found)
