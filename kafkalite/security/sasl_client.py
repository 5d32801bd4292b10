"""The client's side of SASL mechanisms: PLAIN (RFC 4616), SCRAM (RFC 5802) and OAUTHBEARER (RFC 7628).

A :class:`SaslClient` is made for one authentication. It makes the client's tokens from the server's, and knows when
the server has proved what its mechanism lets it prove.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from typing import Final, Protocol

from kafkalite.security.sasl import (
    LEAST_ITERATIONS,
    AuthenticationFailed,
    ScramMechanism,
    credential_of,
)

_NONCE_BYTES: Final = 18
_MOST_ITERATIONS: Final = 1 << 17
"""A server that asks for more would only keep the client busy."""
_SERVER_FIRST: Final = re.compile(
    rb"r=(?P<nonce>[\x21-\x2b\x2d-\x7e]+),s=(?P<salt>[A-Za-z0-9/+=]+),i=(?P<count>\d{1,9})"
)
_SERVER_FINAL: Final = re.compile(rb"v=(?P<signature>[A-Za-z0-9/+=]+)")


class SaslClient(Protocol):
    """One authentication by one mechanism."""

    def first(self) -> bytes:
        """Return the first token."""
        ...

    def following(self, challenge: bytes) -> bytes | None:
        """Return the token that answers the server's, or None when the authentication is complete.

        Raises AuthenticationFailed.
        """
        ...


class PlainClient:
    """The mechanism PLAIN: one token with a user name and a password."""

    def __init__(self, user: str, password: str) -> None:
        self._token = f"\0{user}\0{password}".encode()

    def first(self) -> bytes:
        """Return the token."""
        return self._token

    def following(self, challenge: bytes) -> bytes | None:
        """Return None: nothing follows."""
        del challenge
        return None


class ScramClient:
    """The mechanisms SCRAM-SHA-256 and SCRAM-SHA-512; the server proves that it knows the password, too."""

    def __init__(
        self, mechanism: ScramMechanism, user: str, password: str, *, is_token: bool = False, nonce: str = ""
    ) -> None:
        """``is_token`` says that user and password are id and HMAC of a delegation token; ``nonce`` is for tests."""
        self._mechanism = mechanism
        self._password = password
        self._nonce = (nonce or secrets.token_urlsafe(_NONCE_BYTES)).encode()
        name = user.replace("=", "=3D").replace(",", "=2C").encode()
        self._bare = b"n=%b,r=%b%b" % (name, self._nonce, b",tokenauth=true" if is_token else b"")
        self._signature: bytes | None = None

    def first(self) -> bytes:
        """Return the first message."""
        return b"n,," + self._bare

    def following(self, challenge: bytes) -> bytes | None:
        """Return the final message, and then check the server's. Raises AuthenticationFailed."""
        if self._signature is None:
            return self._proof(challenge)
        final = _SERVER_FINAL.fullmatch(challenge)
        if final is None or not hmac.compare_digest(_decoded(final["signature"]), self._signature):
            raise AuthenticationFailed("the server does not know the password")
        return None

    def _proof(self, challenge: bytes) -> bytes:
        first = _SERVER_FIRST.fullmatch(challenge)
        if first is None or not first["nonce"].startswith(self._nonce) or first["nonce"] == self._nonce:
            raise AuthenticationFailed("the server's first message is not one of SCRAM")
        iterations = int(first["count"])
        if not LEAST_ITERATIONS <= iterations <= _MOST_ITERATIONS:
            raise AuthenticationFailed(f"the server asks for {iterations} iterations")
        name, salt = self._mechanism.hash_name, _decoded(first["salt"])
        salted = hashlib.pbkdf2_hmac(name, self._password.encode(), salt, iterations)
        credential = credential_of(salted, self._mechanism, salt=salt, iterations=iterations)
        without_proof = b"c=biws,r=" + first["nonce"]
        message = b",".join((self._bare, challenge, without_proof))
        key = hmac.digest(salted, b"Client Key", name)
        signed = hmac.digest(credential.stored_key, message, name)
        self._signature = hmac.digest(credential.server_key, message, name)
        proof = bytes(left ^ right for left, right in zip(key, signed, strict=True))
        return without_proof + b",p=" + base64.b64encode(proof)


class BearerClient:
    """The mechanism OAUTHBEARER: one token; a server that refuses it says why, and is acknowledged."""

    def __init__(self, token: str) -> None:
        self._token = token

    def first(self) -> bytes:
        """Return the message with the token."""
        return f"n,,\x01auth=Bearer {self._token}\x01\x01".encode()

    def following(self, challenge: bytes) -> bytes | None:
        """Return None for an accepted token. Raises AuthenticationFailed with the server's reason for another."""
        if challenge:
            raise AuthenticationFailed(f"the server refuses the token: {challenge[:200].decode('utf-8', 'replace')}")
        return None


def _decoded(text: bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise AuthenticationFailed("the server's message is not one of SCRAM") from None
