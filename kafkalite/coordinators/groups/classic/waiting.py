"""Requests that wait: joins for the other members, syncs for the leader."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from kafkalite.coordinators.results import ResponseSink, ResultBuilder
    from kafkalite_wire.messages.join_group import JoinGroupResponse
    from kafkalite_wire.messages.sync_group import SyncGroupResponse


class Waiter:
    """A waiting request. Its member counts as waiting even after its client has disconnected, as in Kafka."""

    __slots__ = ("api_version", "handle")

    def __init__(self, handle: ResponseSink, api_version: int) -> None:
        self.handle: ResponseSink | None = handle
        self.api_version = api_version


class Waiting:
    """All waiting requests, by handle."""

    def __init__(self) -> None:
        self._waiters: dict[ResponseSink, Waiter] = {}

    def add(self, handle: ResponseSink, api_version: int) -> Waiter:
        """Add a request that is owed a response."""
        waiter = self._waiters[handle] = Waiter(handle, api_version)
        return waiter

    def answer(self, waiter: Waiter, response: JoinGroupResponse | SyncGroupResponse, result: ResultBuilder) -> None:
        """Reply, unless the client has disconnected."""
        if waiter.handle is not None:
            del self._waiters[waiter.handle]
            result.reply(waiter.handle, response)

    def abandon(self, handle: ResponseSink) -> None:
        """Drop the handle of a client that has disconnected."""
        waiter = self._waiters.pop(handle, None)
        if waiter is not None:
            waiter.handle = None

    def handles(self) -> Collection[ResponseSink]:
        """Return the handles that are owed a response."""
        return tuple(self._waiters)
