"""The authentication of one connection: which request or token may come next, and who the client is in the end.

    new -> versions known -> handshaken -> authenticated
                                  |              |
                                  v              v  (KIP-368: once more, before or after the end of the session)
                                failed         asked -> handshaken again

A client asks for a mechanism with SaslHandshake and sends its tokens in SaslAuthenticate requests (KIP-152). After a
SaslHandshake of version 0 the tokens come as frames without a header; the server's leave in the same way. Which request
passes in which state, and what comes of one that does not, is that of Kafka's SaslServerAuthenticator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from kafkalite.security.sasl import (
    OAUTHBEARER,
    PLAIN,
    AuthenticationFailed,
    FindCredential,
    FindToken,
    PlainServer,
    ScramMechanism,
    ScramServer,
    no_token,
)
from kafkalite_wire.apis import ApiKey

if TYPE_CHECKING:
    from kafkalite.security.oauthbearer import VerifyToken
    from kafkalite.security.sasl import SaslServer

_SCRAM: Final = {mechanism.sasl_name: mechanism for mechanism in ScramMechanism}
_SHORTEST_INTERVAL: Final = 1.0
"""Seconds between two authentications of a connection that has been authenticated before."""
_LONGEST_SHOWN: Final = 40
AFTER_AUTHENTICATION: Final = "SaslAuthenticate request received after successful authentication"
"""The error message for a SaslAuthenticate request without a handshake before it."""


class IllegalSaslState(Exception):  # noqa: N818  # the name reads as the state it reports
    """A request that does not come in its turn; the message may be sent to the client."""


class UnsupportedMechanism(Exception):  # noqa: N818  # the name reads as the state it reports
    """A mechanism that the listener has not enabled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SaslSettings:
    """What the authentication of a listener's clients depends on."""

    mechanisms: tuple[str, ...]
    """The enabled mechanisms, in the order in which they are shown to clients."""
    passwords: Mapping[str, str]
    """The users of PLAIN."""
    find_credential: FindCredential
    """Finds the users of SCRAM."""
    find_token: FindToken = no_token
    """Finds delegation tokens."""
    verify_token: VerifyToken | None = None
    """Checks the tokens of OAUTHBEARER; set if that is enabled."""
    session_lifetimes: Mapping[str, float]
    """By mechanism, the seconds after which a client must authenticate again; none for no limit
    (``connections.max.reauth.ms``)."""
    now: Callable[[], float]


class Verdict(Enum):
    """What is done with a frame."""

    HANDLE = auto()
    """It is handled as any request."""
    TOKEN = auto()
    """It is a token without a header."""
    REFUSE = auto()
    """It is answered with ILLEGAL_SASL_STATE, and the connection is closed."""
    CLOSE = auto()
    """The connection is closed."""
    IGNORE = auto()
    """It is dropped: the connection is about to be closed."""


class _State(Enum):
    NEW = auto()
    VERSIONS_KNOWN = auto()
    HANDSHAKEN = auto()
    AUTHENTICATED = auto()
    ASKED = auto()
    """An authenticated client's SaslHandshake is being handled."""
    OTHER_MECHANISM = auto()
    """It has asked for another mechanism than before."""
    FAILED = auto()


_BEFORE: Final[Mapping[_State, frozenset[int]]] = {
    _State.NEW: frozenset((ApiKey.API_VERSIONS, ApiKey.SASL_HANDSHAKE)),
    _State.VERSIONS_KNOWN: frozenset((ApiKey.SASL_HANDSHAKE,)),
}


class Authenticator:
    """The authentication of one connection."""

    def __init__(
        self, settings: SaslSettings, on_authenticated: Callable[[str], None], on_failed: Callable[[], None]
    ) -> None:
        """``on_authenticated`` is called with the user whenever an authentication succeeds, ``on_failed`` otherwise."""
        self._settings = settings
        self._on_authenticated = on_authenticated
        self._on_failed = on_failed
        self._state = _State.NEW
        self._server: SaslServer | None = None
        self._takes_raw_tokens = False
        self._user: str | None = None
        self._has_token = False
        self._mechanism = ""
        self._expires_at: float | None = None
        self._began_again_at: float | None = None

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """The mechanisms that the client may choose."""
        return self._settings.mechanisms

    @property
    def is_authenticated(self) -> bool:
        """Whether the client has proved who it is, and is not about to do so again."""
        return self._state is _State.AUTHENTICATED

    @property
    def has_authenticated(self) -> bool:
        """Whether the client has proved who it is at least once."""
        return self._user is not None

    @property
    def has_token(self) -> bool:
        """Whether the client has proved who it is by a delegation token."""
        return self._has_token

    @property
    def has_lifetime(self) -> bool:
        """Whether the client's session ends, so that it may authenticate again."""
        return self._expires_at is not None

    def verdict(self, api_key: int) -> Verdict:
        """Return what is done with the next frame, whose first two bytes are ``api_key`` if it has a header."""
        state = self._state
        if state is _State.AUTHENTICATED:
            if self._expires_at is None:
                return Verdict.HANDLE
            return self._verdict_in_session(api_key, self._expires_at)
        if state is _State.HANDSHAKEN:
            if self._takes_raw_tokens:
                return Verdict.TOKEN
            return Verdict.HANDLE if api_key == ApiKey.SASL_AUTHENTICATE else Verdict.REFUSE
        if state is _State.FAILED:
            return Verdict.IGNORE
        return Verdict.HANDLE if api_key in _BEFORE.get(state, ()) else Verdict.CLOSE

    def _verdict_in_session(self, api_key: int, expires_at: float) -> Verdict:
        now = self._settings.now()
        if api_key == ApiKey.SASL_HANDSHAKE and (
            self._began_again_at is None or now - self._began_again_at >= _SHORTEST_INTERVAL
        ):
            self._began_again_at = now
            self._state = _State.ASKED
            return Verdict.HANDLE
        return Verdict.HANDLE if now < expires_at else Verdict.CLOSE

    def versions_shown(self) -> None:
        """Note that the client has been shown the versions of APIs, which it may ask for once."""
        if self._state is _State.NEW:
            self._state = _State.VERSIONS_KNOWN

    def refused(self) -> None:
        """Note that the connection is about to be closed."""
        self._state = _State.FAILED

    def begin(self, mechanism: str, version: int) -> None:
        """Take a SaslHandshake request.

        Raises IllegalSaslState, UnsupportedMechanism, and AuthenticationFailed where the connection is to be closed
        without a response.
        """
        if self._state not in (_State.NEW, _State.VERSIONS_KNOWN, _State.ASKED):
            raise IllegalSaslState("SaslHandshake request received after successful authentication")
        asks_again = self._state is _State.ASKED
        if mechanism not in self._settings.mechanisms:
            self._state = _State.FAILED
            reason = f"Unsupported SASL mechanism {mechanism[:_LONGEST_SHOWN]!r}"
            raise AuthenticationFailed(reason) if asks_again else UnsupportedMechanism(reason)
        if asks_again and mechanism != self._mechanism:
            self._state = _State.OTHER_MECHANISM
            return
        self._mechanism = mechanism
        self._server = self._new_server(mechanism)
        self._takes_raw_tokens = version == 0
        self._state = _State.HANDSHAKEN

    def _new_server(self, mechanism: str) -> SaslServer:
        if mechanism == PLAIN:
            return PlainServer(self._settings.passwords)
        if mechanism == OAUTHBEARER:
            from kafkalite.security.oauthbearer import BearerServer

            assert self._settings.verify_token is not None
            return BearerServer(self._settings.verify_token)
        return ScramServer(_SCRAM[mechanism], self._settings.find_credential, self._settings.find_token)

    def evaluate(self, token: bytes) -> tuple[bytes, float]:
        """Take the client's next token. Return the server's, and the session's lifetime in seconds, 0 for no limit.

        Raises AuthenticationFailed, and IllegalSaslState without a handshake.
        """
        if self._state is not _State.HANDSHAKEN or self._server is None:
            raise IllegalSaslState(AFTER_AUTHENTICATION)
        try:
            answer = self._server.evaluate(token)
            user = self._server.user
            if user is not None and self._user not in (None, user):
                raise AuthenticationFailed(
                    f"Cannot change principals during re-authentication from User.{self._user}: User.{user}"
                )
        except AuthenticationFailed:
            self._state = _State.FAILED
            self._on_failed()
            raise
        if user is None:
            return answer, 0.0
        limits = (self._server.lifetime, self._settings.session_lifetimes.get(self._mechanism))
        lifetime = min((limit for limit in limits if limit is not None), default=None)
        self._has_token = isinstance(self._server, ScramServer) and self._server.has_token
        self._server = None
        self._state = _State.AUTHENTICATED
        self._user = user
        self._expires_at = None if lifetime is None else self._settings.now() + lifetime
        self._on_authenticated(user)
        return answer, lifetime or 0.0
