"""The server's side of SASL mechanisms: PLAIN (RFC 4616) and SCRAM (RFC 5802); OAUTHBEARER has its own module.

A :class:`SaslServer` is made for one authentication. It is given the client's tokens and returns the server's, and it
knows the user once it is complete. What a client may learn of a failure is the message of AuthenticationFailed; it does
not say whether the user or the password is wrong, and finding that out takes the same time.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Protocol

from kafkalite_storage.metadata.cluster_image import ScramCredential

PLAIN: Final = "PLAIN"
OAUTHBEARER: Final = "OAUTHBEARER"
LEAST_ITERATIONS: Final = 4096
_SALT_BYTES: Final = 16
_NONCE_BYTES: Final = 18
_SECRET: Final = secrets.token_bytes(32)
_NO_PASSWORD: Final = secrets.token_hex()
_MOST_PLAIN_TOKENS: Final = 4
"""Kafka does not count further."""
_OTHER_AUTHORIZATION_ID: Final = (
    "Authentication failed: Client requested an authorization id that is different from username"
)

# The grammar of RFC 5802, section 7, as far as Kafka's brokers accept it. They leave `m=` and the extensions of the
# final message out of what is signed.
_NAME: Final = rb"(?:[\x01-\x2b\x2d-\x3c\x3e-\x7f]|=2C|=3D)+"
_NONCE: Final = rb"[\x21-\x2b\x2d-\x7e]+"
_VALUE: Final = rb"[\x01-\x2b\x2d-\x7f]+"
_EXTENSIONS: Final = rb"(?:,[A-Za-z]+=%b)*" % _VALUE
_BASE64: Final = rb"(?:[A-Za-z0-9/+]{4})*(?:[A-Za-z0-9/+]{3}=|[A-Za-z0-9/+]{2}==)?"
_CLIENT_FIRST: Final = re.compile(
    rb"n,(?:a=(?P<authorization_id>%b))?,"
    rb"(?:m=%b,)?(?P<bare>n=(?P<user>%b),r=(?P<nonce>%b)(?P<extensions>%b))"
    % (_NAME, _VALUE, _NAME, _NONCE, _EXTENSIONS)
)
_CLIENT_FINAL: Final = re.compile(
    rb"(?P<without_proof>c=%b,r=(?P<nonce>%b))%b,p=(?P<proof>%b)" % (_BASE64, _NONCE, _EXTENSIONS, _BASE64)
)
_TOKEN_AUTHENTICATION: Final = re.compile(rb",tokenauth=(?i:true)(?:,|\Z)")


class AuthenticationFailed(Exception):  # noqa: N818  # the name reads as the state it reports
    """The client is not who it claims to be; the message may be sent to it, ``reason`` is for the log."""

    def __init__(self, message: str, *, reason: str | None = None) -> None:
        super().__init__(message)
        self.reason: Final = reason or message


def invalid_credentials(mechanism: str) -> AuthenticationFailed:
    """Return the failure that says no more than the mechanism."""
    return AuthenticationFailed(
        f"Authentication failed during authentication due to invalid credentials with SASL mechanism {mechanism}"
    )


class ScramMechanism(IntEnum):
    """The SCRAM mechanisms, by Kafka's numbers (org.apache.kafka.clients.admin.ScramMechanism)."""

    SCRAM_SHA_256 = 1
    SCRAM_SHA_512 = 2

    @property
    def sasl_name(self) -> str:
        """The name of the mechanism in SASL, such as ``SCRAM-SHA-256``."""
        return self.name.replace("_", "-")

    @property
    def hash_name(self) -> str:
        """The name of the hash in hashlib."""
        return self.name.removeprefix("SCRAM_").replace("_", "").lower()


MECHANISMS: Final = (PLAIN, *(mechanism.sasl_name for mechanism in ScramMechanism), OAUTHBEARER)
"""The mechanisms that a listener can enable."""

FindCredential = Callable[[str, ScramMechanism], ScramCredential | None]
"""Returns what is stored of a user for a mechanism, or None for an unknown user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenOwner:
    """What is known of a delegation token."""

    user: str
    """Its owner."""
    lifetime: float
    """Seconds until it expires, 0 if it has expired."""
    credential: ScramCredential


FindToken = Callable[[str, ScramMechanism], TokenOwner | None]
"""Returns what is known of a delegation token by its id, or None for an unknown one."""


def no_credential(user: str, mechanism: ScramMechanism) -> ScramCredential | None:
    """Find no user."""
    del user, mechanism
    return None


def no_token(token_id: str, mechanism: ScramMechanism) -> TokenOwner | None:
    """Find no delegation token."""
    del token_id, mechanism
    return None


class SaslServer(Protocol):
    """One authentication by one mechanism."""

    mechanism: str
    user: str | None
    """Who the client is; None until it is proved."""
    lifetime: float | None
    """The seconds for which that proof holds; None for no limit."""

    def evaluate(self, token: bytes) -> bytes:
        """Take the client's next token and return the server's. Raises AuthenticationFailed."""
        ...


class PlainServer:
    """The mechanism PLAIN: one token with a user name and a password."""

    mechanism = PLAIN

    def __init__(self, passwords: Mapping[str, str]) -> None:
        self._passwords = passwords
        self.user: str | None = None
        self.lifetime: float | None = None

    def evaluate(self, token: bytes) -> bytes:
        """Check the token ``[authorization id] NUL user NUL password``. Raises AuthenticationFailed."""
        parts = token.split(b"\0")
        if len(parts) != 3:
            raise AuthenticationFailed(
                f"Invalid SASL/PLAIN response: expected 3 tokens, got {min(len(parts), _MOST_PLAIN_TOKENS)}"
            )
        authorization_id, user, password = (part.decode("utf-8", "replace") for part in parts)
        if not user:
            raise AuthenticationFailed("Authentication failed: username not specified")
        if not password:
            raise AuthenticationFailed("Authentication failed: password not specified")
        expected = self._passwords.get(user)
        # For an unknown user a password is compared, too, so that both failures take the same time.
        compared = _NO_PASSWORD if expected is None else expected
        if not hmac.compare_digest(_digest(compared), _digest(password)) or expected is None:
            raise AuthenticationFailed("Authentication failed: Invalid username or password")
        if authorization_id not in ("", user):
            raise AuthenticationFailed(_OTHER_AUTHORIZATION_ID)
        self.user = user
        return b""


def _digest(password: str) -> bytes:
    return hashlib.sha256(password.encode()).digest()  # of one length, whatever the password's


class ScramServer:
    """The mechanisms SCRAM-SHA-256 and SCRAM-SHA-512: two tokens, and no password leaves the client.

    Messages have the form that Kafka's brokers accept, which is not quite that of RFC 5802: extensions are allowed and
    ignored, channel binding is neither offered nor checked, and names are of ASCII. With the extension
    ``tokenauth=true`` the name is the id of a delegation token, whose owner the user becomes.
    """

    def __init__(self, mechanism: ScramMechanism, find: FindCredential, find_token: FindToken = no_token) -> None:
        self.mechanism = mechanism.sasl_name
        self.user: str | None = None
        self.lifetime: float | None = None
        self.has_token = False
        """Whether the user proved its identity by a delegation token."""
        self._mechanism = mechanism
        self._find = find
        self._find_token = find_token
        self._exchange: _Exchange | None = None

    def evaluate(self, token: bytes) -> bytes:
        """Take the client's first or final message. Raises AuthenticationFailed."""
        if self._exchange is None:
            return self._begin(token)
        return self._finish(token, self._exchange)

    def _begin(self, message: bytes) -> bytes:
        first = _CLIENT_FIRST.fullmatch(message)
        if first is None:
            raise self._failure()
        name = _user(first["user"])
        if first["authorization_id"] is not None and _user(first["authorization_id"]) != name:
            raise AuthenticationFailed(_OTHER_AUTHORIZATION_ID)
        token_owner: TokenOwner | None = None
        known: ScramCredential | None
        if _TOKEN_AUTHENTICATION.search(first["extensions"]):
            token_owner = self._find_token(name, self._mechanism)
            if token_owner is None:
                raise self._failure()  # ids are too long for trying
            known = token_owner.credential
        else:
            known = self._find(name, self._mechanism)
        # With an unknown user it goes on as with a known one, whose password is then wrong.
        credential = _no_credential(name, self._mechanism) if known is None else known
        nonce = first["nonce"] + secrets.token_urlsafe(_NONCE_BYTES).encode()
        answer = b"r=%b,s=%b,i=%d" % (nonce, base64.b64encode(credential.salt), credential.iterations)
        self._exchange = _Exchange(
            user=name if token_owner is None else token_owner.user,
            token_owner=token_owner,
            is_known=known is not None,
            credential=credential,
            nonce=nonce,
            messages=first["bare"] + b"," + answer,
        )
        return answer

    def _finish(self, token: bytes, exchange: _Exchange) -> bytes:
        final = _CLIENT_FINAL.fullmatch(token)
        if final is None or final["nonce"] != exchange.nonce:
            raise self._failure()
        name, credential = self._mechanism.hash_name, exchange.credential
        message = exchange.messages + b"," + final["without_proof"]
        signature = hmac.digest(credential.stored_key, message, name)
        proof = base64.b64decode(final["proof"])
        if len(proof) != len(signature):
            raise self._failure()
        key = bytes(left ^ right for left, right in zip(proof, signature, strict=True))
        is_right = hmac.compare_digest(hashlib.new(name, key).digest(), credential.stored_key)
        if not (is_right and exchange.is_known):
            raise self._failure()
        self.user = exchange.user
        if exchange.token_owner is not None:
            self.has_token, self.lifetime = True, exchange.token_owner.lifetime
        return b"v=" + base64.b64encode(hmac.digest(credential.server_key, message, name))

    def _failure(self) -> AuthenticationFailed:
        return invalid_credentials(self.mechanism)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Exchange:
    """What the first two messages settled."""

    user: str
    token_owner: TokenOwner | None
    is_known: bool
    credential: ScramCredential
    nonce: bytes
    messages: bytes
    """The client's first message without its header, and the server's."""


def _user(name: bytes) -> str:
    return name.replace(b"=2C", b",").replace(b"=3D", b"=").decode("ascii")


def _no_credential(user: str, mechanism: ScramMechanism) -> ScramCredential:
    """Return a credential that fits no password; its salt is the same each time, as that of a known user is."""
    size = hashlib.new(mechanism.hash_name).digest_size
    return ScramCredential(
        salt=salt_of(user, mechanism),
        stored_key=secrets.token_bytes(size),
        server_key=secrets.token_bytes(size),
        iterations=LEAST_ITERATIONS,
    )


def salt_of(user: str, mechanism: ScramMechanism) -> bytes:
    """Return a salt that is the same for a name as long as this process runs, whether or not there is such a user."""
    return hmac.digest(_SECRET, f"{mechanism.sasl_name} {user}".encode(), "sha256")[:_SALT_BYTES]


def scram_credential(password: str, mechanism: ScramMechanism, salt: bytes | None = None) -> ScramCredential:
    """Derive what a broker stores of a password, with a new salt if none is passed."""
    salt = secrets.token_bytes(_SALT_BYTES) if salt is None else salt
    salted = hashlib.pbkdf2_hmac(mechanism.hash_name, password.encode(), salt, LEAST_ITERATIONS)
    return credential_of(salted, mechanism, salt=salt, iterations=LEAST_ITERATIONS)


def credential_of(
    salted_password: bytes, mechanism: ScramMechanism, *, salt: bytes, iterations: int
) -> ScramCredential:
    """Derive what a broker stores of a salted password (RFC 5802, section 3)."""
    name = mechanism.hash_name
    return ScramCredential(
        salt=salt,
        stored_key=hashlib.new(name, hmac.digest(salted_password, b"Client Key", name)).digest(),
        server_key=hmac.digest(salted_password, b"Server Key", name),
        iterations=iterations,
    )
