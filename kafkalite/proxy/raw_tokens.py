"""Tokens of clients that have sent SaslHandshake in version 0: frames without a header, both ways (KIP-43).

Nothing in them says when the authentication is complete, so the proxy goes by the number of tokens of the mechanism.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from kafkalite.errors import RequestError
from kafkalite.proxy.passed_on import PassedOn
from kafkalite.security.sasl import OAUTHBEARER, PLAIN, ScramMechanism
from kafkalite_wire.apis import APIS, ApiKey
from kafkalite_wire.codec import decode
from kafkalite_wire.headers import read_request_header

if TYPE_CHECKING:
    from kafkalite.proxy.relay import Relay
    from kafkalite.server.connection import Connection

_LENGTH: Final = struct.Struct(">i")
_TOKENS: Final = {PLAIN: 1, OAUTHBEARER: 1, **{mechanism.sasl_name: 2 for mechanism in ScramMechanism}}
"""The tokens of a client that is accepted; one that is refused is disconnected by the cluster."""


class RawTokens:
    """Called with the frames of a connection until its authentication is complete."""

    def __init__(self, handshake: memoryview, relay: Relay, dispatch: Callable[[Connection, memoryview], None]) -> None:
        """``handshake`` is the frame that began it, ``dispatch`` what takes the frames afterwards.

        Raises WireError, and RequestError for a mechanism whose tokens are not known.
        """
        header = read_request_header(handshake)
        mechanism = decode(APIS[ApiKey.SASL_HANDSHAKE].request_type, 0, handshake, header.body).mechanism
        if mechanism not in _TOKENS:
            raise RequestError(f"the tokens of {mechanism[:40]!r} are passed on in SaslAuthenticate requests only")
        self._left = _TOKENS[mechanism]
        self._relay = relay
        self._dispatch = dispatch

    def __call__(self, connection: Connection, frame: memoryview) -> None:
        """Pass on one token."""
        place = PassedOn(connection)
        connection.enqueue(place)

        def on_response(received: bytearray) -> None:
            self._left -= 1
            if self._left <= 0:
                connection.guard(self._dispatch)
            place.send([received])

        self._relay.send((_LENGTH.pack(len(frame)), frame), None, on_response)
