"""What TLS and SASL add to the connections of a listener."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import trio

from kafkalite.requests.authentication import AuthenticationGate
from kafkalite.security.authenticator import Authenticator
from kafkalite.security.principal_mapping import NoMatchingRule
from kafkalite.security.principals import ANONYMOUS
from kafkalite.server.tls_transport import TlsTransport

if TYPE_CHECKING:
    from kafkalite.requests.authentication import Refuse
    from kafkalite.security.authenticator import SaslSettings
    from kafkalite.security.principal_mapping import PrincipalMapping
    from kafkalite.security.tls import TlsContext
    from kafkalite.server.connection import Connection, FrameLimit
    from kafkalite.server.key_fetcher import KeyFetcher
    from kafkalite.server.transport import Transport

_HANDSHAKE_LIMIT: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerProtection:
    """The security of one listener; at least one of ``tls`` and ``sasl`` is set."""

    name: str
    tls: TlsContext | None
    sasl: SaslSettings | None
    limit_before: FrameLimit
    """The largest frame of a client that has not authenticated."""
    refuse: Refuse
    """Answers a failed authentication."""
    principals: PrincipalMapping | None = None
    """How certificates become users; None where the subject of a certificate is the user."""
    key_fetcher: KeyFetcher | None = None
    """Keeps the keys of OAUTHBEARER up to date, where they are fetched."""
    derive_users: Callable[[], Awaitable[None]] | None = None
    """Derives the keys of the users of SCRAM, in the background."""

    async def handshake(self, connected: socket.socket) -> TlsTransport:
        """Make the TLS handshake within ten seconds. Raises OSError, and closes the socket then."""
        assert self.tls is not None
        transport = TlsTransport(connected, self.tls.current())
        try:
            with trio.fail_after(_HANDSHAKE_LIMIT):
                await transport.handshake()
            if self.principals is not None and transport.principal != ANONYMOUS:
                transport.principal = self.principals.user(transport.principal)
        except NoMatchingRule as problem:
            transport.abort()
            raise OSError(str(problem)) from None
        except trio.TooSlowError:
            transport.abort()
            raise TimeoutError("it took too long") from None
        except BaseException:
            transport.abort()
            raise
        return transport

    def protect(
        self,
        connection: Connection,
        transport: Transport,
        dispatch: Callable[[Connection, memoryview], None],
        *,
        on_failed: Callable[[], None],
    ) -> None:
        """Note who the client is, and let it authenticate before its requests reach ``dispatch``.

        ``on_failed`` is called when it fails to prove who it is.
        """
        connection.info.listener = self.name
        if isinstance(transport, TlsTransport):
            connection.info.principal = f"User:{transport.principal}"
            connection.info.server_name = transport.server_name
        if self.sasl is None:
            return

        def authenticated(user: str) -> None:
            connection.info.principal = f"User:{user}"
            connection.limit_frames(None)
            if not authenticator.has_lifetime:
                connection.guard(dispatch)  # the rest of its requests need no gate

        authenticator = Authenticator(self.sasl, authenticated, on_failed)
        connection.info.authenticator = authenticator
        connection.limit_frames(self.limit_before)
        gate: AuthenticationGate[Connection] = AuthenticationGate(
            authenticator,
            dispatch,
            refuse=self.refuse,
            on_again=lambda: connection.limit_frames(self.limit_before),
        )
        connection.guard(gate)


def reason_of(error: OSError) -> str:
    """Say why a handshake failed, for the log."""
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    return error.strerror or str(error) or type(error).__name__
