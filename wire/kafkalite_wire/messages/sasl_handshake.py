"""SaslHandshake (key 17): choose the mechanism that a client authenticates with (KIP-43).

Versions: 1 the tokens follow in SaslAuthenticate requests; after version 0 they follow without a header (KIP-152).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import INT16, STRING, array_of, field, message


@message(api_key=ApiKey.SASL_HANDSHAKE)
class SaslHandshakeRequest:
    """The mechanism that the client wants."""

    mechanism: str = field(STRING)


@message(api_key=ApiKey.SASL_HANDSHAKE)
class SaslHandshakeResponse:
    """The mechanisms that the listener has enabled, and an error where the wanted one is not among them."""

    error_code: int = field(INT16, default=0)
    mechanisms: tuple[str, ...] = field(array_of(STRING))
