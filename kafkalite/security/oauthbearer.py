"""The server's side of the SASL mechanism OAUTHBEARER (RFC 7628), as Kafka's brokers speak it (KIP-255).

The client sends a token. One that is refused is answered with a JSON object, a challenge; the client answers with the
byte 0x01, and then the authentication fails with that object as its message. A client may also send another token.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from kafkalite.security.sasl import OAUTHBEARER, AuthenticationFailed, invalid_credentials

_ACKNOWLEDGED: Final = b"\x01"
_NAME: Final = r"(?:[\x01-\x2b\x2d-\x3c\x3e-\x7f]|=2C|=3D)+"
_CLIENT_FIRST: Final = re.compile(
    rf"n,(?:a=(?P<authorization_id>{_NAME}))?,\x01(?P<pairs>(?:[A-Za-z]+=[\x21-\x7e \t\r\n]+\x01)*)\x01"
)
_AUTHORIZATION: Final = re.compile(r"(?i:bearer) +(?P<token>[-_~+/.a-zA-Z0-9]+=*)")


class InvalidToken(Exception):  # noqa: N818  # the name reads as the state it reports
    """A token that is not accepted; the message says why, for the log, and quotes nothing of the token."""

    def __init__(self, reason: str, *, missing_scope: str | None = None) -> None:
        super().__init__(reason)
        self._missing_scope = missing_scope

    def challenge(self) -> str:
        """Return what the client learns of it."""
        if self._missing_scope is None:
            return '{"status":"invalid_token"}'
        return f'{{"status":"insufficient_scope", "scope":"{self._missing_scope}"}}'


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """What an accepted token says."""

    user: str
    lifetime: float
    """Seconds until it expires; 0 if it has expired, but within the allowed clock skew."""


VerifyToken = Callable[[str], AccessToken]
"""Checks a token in its compact form. Raises InvalidToken."""


class BearerServer:
    """One authentication by the mechanism OAUTHBEARER."""

    mechanism = OAUTHBEARER

    def __init__(self, verify: VerifyToken) -> None:
        self._verify = verify
        self._refused: InvalidToken | None = None
        self.user: str | None = None
        self.lifetime: float | None = None

    def evaluate(self, token: bytes) -> bytes:
        """Take the client's message with a token, or its answer to a challenge. Raises AuthenticationFailed."""
        if token == _ACKNOWLEDGED and self._refused is not None:
            raise AuthenticationFailed(
                self._refused.challenge(), reason=f"a token of {OAUTHBEARER} is refused: {self._refused}"
            )
        self._refused = None
        authorization_id, bearer = _read(token)
        try:
            accepted = self._verify(bearer)
        except InvalidToken as problem:
            self._refused = problem
            return problem.challenge().encode()
        if authorization_id not in ("", accepted.user):
            raise AuthenticationFailed(
                f"Authentication failed: Client requested an authorization id ({authorization_id}) that is different "
                f"from the token's principal name ({accepted.user})"
            )
        self.user, self.lifetime = accepted.user, accepted.lifetime
        return b""


def _read(message: bytes) -> tuple[str, str]:
    """Return the authorization id and the token of a client's message. Raises AuthenticationFailed."""
    first = _CLIENT_FIRST.fullmatch(message.decode("utf-8", "replace"))
    if first is None:
        raise invalid_credentials(OAUTHBEARER)
    pairs = dict(pair.split("=", 1) for pair in first["pairs"].split("\x01")[:-1])
    authorization = _AUTHORIZATION.fullmatch(pairs.get("auth", ""))
    if authorization is None:
        raise invalid_credentials(OAUTHBEARER)
    return first["authorization_id"] or "", authorization["token"]
