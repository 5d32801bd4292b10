"""What happens to a frame of a client: passed on as bytes, or taken through the pipeline.

A request that no interceptor wants is not decoded: its frame goes to the broker as it is, and so does the response,
unless it names addresses (:mod:`kafkalite.proxy.rewriting`).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from kafkalite.errors import RequestError
from kafkalite.proxy.passed_on import PassedOn
from kafkalite.proxy.rewriting import rewriter_of, served_versions
from kafkalite.proxy.topic_names import BY_ID_SINCE, request_of
from kafkalite.proxy.upstream_end import UpstreamEnd
from kafkalite.requests.pipeline import Pipeline
from kafkalite_wire.apis import DECLARED_APIS, Api, ApiKey
from kafkalite_wire.errors import UnsupportedVersionError, WireError
from kafkalite_wire.frames import decode_response, encode_response
from kafkalite_wire.headers import read_request_header, read_request_prefix, read_response_header
from kafkalite_wire.varint import read_uvarint

if TYPE_CHECKING:
    from collections.abc import Callable

    from kafkalite.proxy.addresses import AddressMap
    from kafkalite.proxy.relay import Relay
    from kafkalite.proxy.topic_names import TopicNames
    from kafkalite.requests.context import Connection
    from kafkalite.requests.crash_guard import CrashGuard
    from kafkalite_wire.headers import RequestPrefix
    from kafkalite_wire.schema import Payload

_LENGTH: Final = struct.Struct(">i")
_INT16: Final = struct.Struct(">h")
_FIRST_FLEXIBLE_PRODUCE: Final = 9


class Dispatch:
    """Takes the frames of all connections to their brokers.

    ``addresses`` are the brokers'; ``topics`` learns from each Metadata response.
    """

    def __init__(self, addresses: AddressMap, crash_guard: CrashGuard, topics: TopicNames) -> None:
        self._addresses = addresses
        self._topics = topics
        self._relays: WeakKeyDictionary[Connection, Relay] = WeakKeyDictionary()
        self.pipeline = Pipeline(UpstreamEnd(self._relays.get, self._rewritten), crash_guard, only_served=False)
        self.passes_logins = True
        """Whether the cluster checks the clients' logins."""

    def through(self, start: Callable[[Any], Relay]) -> Callable[[Any, memoryview], None]:
        """Return what a listener calls with each frame; ``start`` makes the relay of a connection."""

        def dispatch(connection: Connection, frame: memoryview) -> None:
            relay = self._relays.get(connection)
            if relay is None:
                relay = self._relays[connection] = start(connection)
            try:
                self._dispatch(connection, frame, relay)
            except WireError as error:
                raise RequestError(str(error)) from None

        return dispatch

    def finish(self, connection: Any) -> None:
        """Close a connection when its client has the responses to what it asked for."""
        relay = self._relays.get(connection)
        if relay is None:
            connection.close()
        else:
            relay.finish()

    def _dispatch(self, connection: Connection, frame: memoryview, relay: Relay) -> None:
        prefix = read_request_prefix(frame)
        api = DECLARED_APIS.get(prefix.api_key)
        lowest, highest = served_versions(prefix.api_key) or (0, -1)
        if prefix.api_key == ApiKey.SASL_HANDSHAKE and prefix.api_version == 0 and self.passes_logins:
            self._expect_tokens(connection, frame, relay)
        if not lowest <= prefix.api_version <= highest:
            # The cluster answers an ApiVersions request of any version (KIP-511).
            if api is None or api.key is not ApiKey.API_VERSIONS:
                name = f"API key {prefix.api_key}" if api is None else api.name
                raise UnsupportedVersionError(f"{name} is not passed on", version=prefix.api_version)
        elif api is not None and self.pipeline.interceptors.wanting(api, prefix.api_version)[0]:
            self._through_pipeline(connection, frame, relay, api, prefix.api_version)
            return
        self._pass_on(connection, frame, relay, prefix, api)

    def _through_pipeline(
        self, connection: Connection, frame: memoryview, relay: Relay, api: Api, version: int
    ) -> None:
        unknown = self._topics.unknown_in(api, version, frame)
        if not unknown:
            self.pipeline(connection, frame)
            return
        connection.pause()  # keeps the frame, and the order of requests

        def on_answer(metadata: Any) -> None:
            try:
                self._topics.learn(metadata)
                self.pipeline(connection, frame)
            finally:
                connection.resume()

        relay.ask(request_of(unknown), BY_ID_SINCE, on_answer)

    def _expect_tokens(self, connection: Any, frame: memoryview, relay: Relay) -> None:
        # Imported here, because only old clients need it.
        from kafkalite.proxy.raw_tokens import RawTokens

        connection.guard(RawTokens(frame, relay, self.through(lambda _: relay)))

    def _pass_on(
        self, connection: Connection, frame: memoryview, relay: Relay, prefix: RequestPrefix, api: Api | None
    ) -> None:
        parts = (_LENGTH.pack(len(frame)), frame)
        if api is not None and api.key is ApiKey.PRODUCE and _acks(frame) == 0:
            relay.send(parts, prefix.correlation_id, None)
            return
        place = PassedOn(connection)
        connection.enqueue(place)
        version = prefix.api_version

        def on_response(received: bytearray) -> None:
            rewritten = None if api is None else self._reencoded(api, version, received, connection)
            place.send([received] if rewritten is None else rewritten)

        relay.send(parts, prefix.correlation_id, on_response)

    def _reencoded(self, api: Api, version: int, received: bytearray, connection: Connection) -> list[Payload] | None:
        """Return a response with the proxy's addresses, or None where the received one can be passed on."""
        if rewriter_of(api.key, version) is None:
            return None
        frame = memoryview(received)[_LENGTH.size :]
        correlation_id, message = decode_response(api, version, frame, lossless=True)
        changed = self._rewritten(api, version, message, connection)
        if changed is message:
            return None
        header = read_response_header(frame, api, version)
        return encode_response(api, version, correlation_id, changed, lossless=True, tagged_fields=header.tagged_fields)

    def _rewritten(self, api: Api, version: int, message: Any, connection: Connection) -> Any:
        if api.key is ApiKey.METADATA:
            self._topics.learn(message)
        rewrite = rewriter_of(api.key, version)
        if rewrite is None:
            return message
        dialled = connection.info.local[0]
        return rewrite(message, lambda node_id, host, port: self._addresses.local(node_id, host, port, dialled))


def _acks(frame: memoryview) -> int:
    """Return ``acks`` of a Produce request, the field behind the transactional id. Raises WireError."""
    header = read_request_header(frame)
    try:
        if header.api_version >= _FIRST_FLEXIBLE_PRODUCE:
            length, position = read_uvarint(frame, header.body)
            position += max(0, length - 1)
        else:
            (length,) = _INT16.unpack_from(frame, header.body)
            position = header.body + _INT16.size + max(0, length)
        (acks,) = _INT16.unpack_from(frame, position)
    except (IndexError, struct.error):
        raise WireError("the frame ends before acks", message="ProduceRequest", version=header.api_version) from None
    return int(acks)
