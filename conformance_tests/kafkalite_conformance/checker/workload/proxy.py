"""A TCP proxy on loopback between clients and one broker, which cuts connections and can change frames.

It replaces the broker's address by its own in the responses that name brokers, so that clients stay on it. If there are
several brokers it changes nothing, and clients leave it after their first Metadata response.
"""

import threading
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from types import TracebackType
from typing import Any, Final

import trio

from kafkalite_conformance.checker.workload.frames import Meddler, RequestFrame
from kafkalite_wire.apis import APIS, ApiKey
from kafkalite_wire.errors import WireError
from kafkalite_wire.frames import FrameReader, decode_response, encode_response
from kafkalite_wire.payloads import read_payload
from kafkalite_wire.schema import Payload

_RECEIVE: Final = 1 << 16
_NAME_BROKERS: Final = (ApiKey.METADATA, ApiKey.FIND_COORDINATOR, ApiKey.DESCRIBE_CLUSTER)
_HOST: Final = "127.0.0.1"


class Proxy:
    """A proxy that runs in a thread of its own, for as long as a `with` block lasts."""

    def __init__(self, upstream: str, meddler: Meddler | None = None) -> None:
        host, _, port = upstream.rpartition(":")
        self._upstream = (host, int(port))
        self._meddler = meddler or Meddler()
        self._connections: set[trio.CancelScope] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=trio.run, args=(self._main,), name="proxy", daemon=True)
        self._token: trio.lowlevel.TrioToken | None = None
        self._everything = trio.CancelScope()
        self._port = 0
        self._has_one_broker = True

    def __enter__(self) -> "Proxy":
        self._thread.start()
        if not self._ready.wait(timeout=30):
            raise TimeoutError("the proxy did not start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        trio.from_thread.run_sync(self._everything.cancel, trio_token=self._token)
        self._thread.join(timeout=30)

    @property
    def bootstrap(self) -> str:
        """The address for clients."""
        return f"{_HOST}:{self._port}"

    def cut(self) -> int:
        """Close all connections; return how many there were. What is on its way may be lost on either side."""
        return trio.from_thread.run_sync(self._cut, trio_token=self._token)

    def _cut(self) -> int:
        connections = list(self._connections)
        for connection in connections:
            connection.cancel()
        return len(connections)

    async def _main(self) -> None:
        with self._everything:
            async with trio.open_nursery() as nursery:
                listeners = await trio.open_tcp_listeners(0, host=_HOST)
                self._port = listeners[0].socket.getsockname()[1]
                self._token = trio.lowlevel.current_trio_token()
                self._ready.set()
                await trio.serve_listeners(self._serve, listeners, handler_nursery=nursery)

    async def _serve(self, client: trio.SocketStream) -> None:
        with trio.CancelScope() as scope:
            self._connections.add(scope)
            try:
                await self._connect(client, scope)
            except* (OSError, trio.BrokenResourceError, trio.ClosedResourceError, WireError):
                pass  # either side is gone: both ends are closed
            finally:
                self._connections.discard(scope)

    async def _connect(self, client: trio.SocketStream, scope: trio.CancelScope) -> None:
        async with client, await trio.open_tcp_stream(*self._upstream) as broker, trio.open_nursery() as nursery:
            pair = _Pair(self, self._meddler, client, broker)
            nursery.start_soon(_until_end, pair.requests, scope)
            nursery.start_soon(_until_end, pair.responses, scope)

    def with_own_address(self, request: RequestFrame, frame: bytes) -> bytes:
        """Replace the broker's address in a response that names brokers."""
        api = APIS[request.api_key]
        try:
            correlation_id, message = decode_response(api, request.version, frame, lossless=True)
        except WireError:
            return frame  # a version that is not declared
        match api.key:
            case ApiKey.FIND_COORDINATOR if not self._has_one_broker:
                return frame
            case ApiKey.FIND_COORDINATOR:
                coordinators = tuple(self._named(each) if each.port >= 0 else each for each in message.coordinators)
                message = replace(message, coordinators=coordinators)
                if message.port > 0:
                    message = self._named(message)
            case _:
                self._has_one_broker = len(message.brokers) <= 1
                if self._has_one_broker:
                    message = replace(message, brokers=tuple(map(self._named, message.brokers)))
        return join(encode_response(api, request.version, correlation_id, message, lossless=True))

    def _named(self, broker: Any) -> Any:
        return replace(broker, host=_HOST, port=self._port)


class _Pair:
    """A client's connection and the one to the broker behind it."""

    def __init__(self, proxy: Proxy, meddler: Meddler, client: trio.SocketStream, broker: trio.SocketStream) -> None:
        self._proxy = proxy
        self._meddler = meddler
        self._client = client
        self._broker = broker
        self._pending: dict[int, RequestFrame] = {}
        self._sending = trio.Lock()

    async def requests(self) -> None:
        frames = FrameReader()
        while data := await self._client.receive_some(_RECEIVE):
            for frame in frames.feed(data):
                request = RequestFrame.read(frame)
                exchange = self._meddler.request(request)
                if exchange.to_broker:
                    self._pending[request.correlation_id] = request
                    await self._broker.send_all(b"".join(map(framed, exchange.to_broker)))
                for answer in exchange.to_client:
                    await self._answer(answer)

    async def responses(self) -> None:
        frames = FrameReader()
        while data := await self._broker.receive_some(_RECEIVE):
            for frame in frames.feed(data):
                # A response to a request that the meddler added is dropped.
                request = self._pending.pop(int.from_bytes(frame[:4], signed=True), None)
                if request is None:
                    continue
                answer = self._meddler.response(request, frame)
                if request.api_key in _NAME_BROKERS:
                    answer = self._proxy.with_own_address(request, answer)
                await self._answer(answer)

    async def _answer(self, frame: bytes) -> None:
        async with self._sending:
            await self._client.send_all(framed(frame))


async def _until_end(copy: Callable[[], Awaitable[None]], scope: trio.CancelScope) -> None:
    await copy()
    scope.cancel()


def framed(frame: bytes) -> bytes:
    """Return a frame with its length before it."""
    return len(frame).to_bytes(4) + frame


def join(parts: Iterable[Payload]) -> bytes:
    """Return an encoded response as one frame, without its length."""
    return b"".join(map(read_payload, parts))[4:]
