"""Makes access tokens for one run of a broker, which accepts them: an identity provider for tests."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from joserfc.jwk import ECKey, Key

DEFAULT_LIFETIME: Final = 3600.0
ISSUER: Final = "kafkalite"
AUDIENCE: Final = "kafka"


class TokenIssuer:
    """Signs tokens with a key that is made when the first is asked for."""

    def __init__(self, *, issuer: str = ISSUER, audience: str = AUDIENCE, subject_claim: str = "sub") -> None:
        self.issuer: Final = issuer
        self.audience: Final = audience
        self.subject_claim: Final = subject_claim

    @cached_property
    def _key(self) -> ECKey:
        from joserfc.jwk import ECKey

        key: ECKey = ECKey.generate_key("P-256", {"kid": secrets.token_hex(8), "use": "sig"})
        return key

    def current(self) -> Sequence[Key]:
        """Return the key, as a source of keys does."""
        return (self._key,)

    def is_missing(self, key_id: str) -> None:
        """Do nothing: there is no other key."""

    def issue(self, user: str, *, lifetime: float, now: float, claims: Mapping[str, Any] | None = None) -> str:
        """Return a token for a user, expired if ``lifetime`` is negative. ``claims`` replace those that are usual."""
        from joserfc import jwt

        expires = now + lifetime
        standard = {
            "iss": self.issuer,
            "aud": self.audience,
            "iat": min(now, expires - 1),
            "exp": expires,
            self.subject_claim: user,
        }
        header = {"alg": "ES256", "kid": self._key.kid}
        token: str = jwt.encode(header, {**standard, **(claims or {})}, self._key)
        return token
