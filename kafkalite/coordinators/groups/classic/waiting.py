"""Requests whose replies are owed: joins that wait for the other members, syncs that wait for the leader."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from kafkalite.coordinators.results import ResultBuilder
    from kafkalite_wire.messages.join_group import JoinGroupResponse
    from kafkalite_wire.messages.sync_group import SyncGroupResponse


class Waiter:
    """A waiting request. Its member counts as waiting even if its client has gone away, as in Kafka."""

    __slots__ = ("api_version", "token")

    def __init__(self, token: object, api_version: int) -> None:
        self.token: object | None = token
        self.api_version = api_version


class Waiting:
    """All waiting requests, by token."""

    def __init__(self) -> None:
        self._waiters: dict[object, Waiter] = {}

    def add(self, token: object, api_version: int) -> Waiter:
        """Owe a reply."""
        waiter = self._waiters[token] = Waiter(token, api_version)
        return waiter

    def answer(self, waiter: Waiter, response: JoinGroupResponse | SyncGroupResponse, result: ResultBuilder) -> None:
        """Reply, unless nobody is there any more to read it."""
        if waiter.token is not None:
            del self._waiters[waiter.token]
            result.reply(waiter.token, response)

    def abandon(self, token: object) -> None:
        """Forget a token whose client is gone."""
        waiter = self._waiters.pop(token, None)
        if waiter is not None:
            waiter.token = None

    def tokens(self) -> Collection[object]:
        """List the tokens that have not been answered."""
        return tuple(self._waiters)
