"""Responses that are passed on as bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kafkalite.requests.context import Connection
    from kafkalite_wire.schema import Payload


class PassedOn:
    """The place of a passed-on request in the order of its connection's responses."""

    __slots__ = ("_connection", "mute_seconds", "parts")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.mute_seconds = 0.0
        self.parts: list[Payload] | None = None

    def send(self, parts: list[Payload]) -> None:
        """Send the response when all earlier ones have left."""
        self.parts = parts
        self._connection.flush_responses()

    def next_request_arrived(self) -> None:
        """Do nothing: the cluster sees the next request itself."""

    def disconnected(self) -> None:
        """Do nothing: the relay ends with its client."""
