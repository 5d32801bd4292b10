"""A relay that measures: requests, sizes, the time at each hop, back-pressure, and why connections end.

A proxy that is not measured makes plain relays, and pays nothing for this.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final, Protocol

import trio

from kafkalite.proxy.relay import Relay
from kafkalite_wire.apis import DECLARED_APIS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kafkalite.proxy.relay import Connect, LogIn, OnResponse
    from kafkalite.server.connection import Connection
    from kafkalite.server.outbox import Outbox
    from kafkalite_wire.schema import Buffer

_LENGTH: Final = 4
_API_KEY: Final = struct.Struct(">h")


class Measurements(Protocol):
    """What is measured. Times are seconds; an API is named as in Kafka's protocol guide."""

    def connected(self) -> None:
        """Count a connection of a client."""
        ...

    def ended(self, reason: str, /) -> None:
        """Count a connection that has ended."""
        ...

    def request(self, api: str, size: int, /) -> None:
        """Count a request that is sent to the cluster."""
        ...

    def response(self, api: str, size: int, waited: float, /) -> None:
        """Count a response, and the time that the cluster took."""
        ...

    def passed_on(self, api: str, waited: float, /) -> None:
        """Note the time that the client took to accept a response."""
        ...

    def held_back(self, side: str, waited: float, /) -> None:
        """Note the time for which ``client`` or ``cluster`` took no bytes, and its opposite was not read."""
        ...


class MeasuredRelay(Relay):
    """A relay that reports to :class:`Measurements`."""

    def __init__(
        self,
        client: Connection,
        connect: Connect,
        nursery: trio.Nursery,
        *,
        largest: int,
        log_in: LogIn | None,
        measurements: Measurements,
    ) -> None:
        super().__init__(client, connect, nursery, largest=largest, log_in=log_in)
        self._measurements = measurements
        self._last_api = ""
        self._client_has_room = self._measured_wait_for_client

    def send(self, parts: Sequence[Buffer], correlation_id: int | None, on_response: OnResponse | None) -> None:
        """Send a request, and measure its response."""
        # What has no correlation id is a token of a login, without a header.
        api = "SaslAuthenticate" if correlation_id is None else _api_of(parts)
        self._measurements.request(api, sum(map(len, parts)))
        if on_response is None:
            super().send(parts, correlation_id, None)
            return
        sent = trio.current_time()
        pass_on = on_response

        def measured(frame: bytearray) -> None:
            self._measurements.response(api, len(frame), trio.current_time() - sent)
            self._last_api = api
            pass_on(frame)

        super().send(parts, correlation_id, measured)

    async def run(self) -> None:
        """Pass on responses, and count the connection."""
        self._measurements.connected()
        try:
            await super().run()
        finally:
            self._measurements.ended(self.end)

    async def _measured_wait_for_client(self) -> None:
        began = trio.current_time()
        await self._client.drained()
        waited = trio.current_time() - began
        self._measurements.passed_on(self._last_api, waited)
        if waited:
            self._measurements.held_back("client", waited)

    async def _drain(self, outbox: Outbox) -> None:
        began = trio.current_time()
        try:
            await super()._drain(outbox)
        finally:
            self._measurements.held_back("cluster", trio.current_time() - began)


def _api_of(parts: Sequence[Any]) -> str:
    """Return the name of the API of a request, whose length is a part of its own or begins the first one."""
    first = parts[0]
    frame, start = (parts[1], 0) if len(first) == _LENGTH else (first, _LENGTH)
    (key,) = _API_KEY.unpack_from(frame, start)
    api = DECLARED_APIS.get(key)
    return f"API {key}" if api is None else api.name
