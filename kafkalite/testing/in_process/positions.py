"""Where clients stand: the offsets that each of them fetched last, told from its fetch requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from kafkalite_wire.apis import ApiKey

if TYPE_CHECKING:
    from collections.abc import Callable

    from kafkalite.controls.engine import Call
    from kafkalite_wire.messages.fetch import FetchRequest

_BY_TOPIC_ID: Final = 13
_SESSION_GOES_ON: Final = 1
"""The first epoch of a fetch session in which only changes are told (KIP-227)."""


class _Standing:
    """The last word of one connection."""

    __slots__ = ("client_id", "number", "offsets")

    def __init__(self, client_id: str) -> None:
        self.client_id = client_id
        self.number = 0
        self.offsets: dict[tuple[str | bytes, int], int] = {}


class Positions:
    """The fetch positions of all connections; fetches are numbered in the order in which they come."""

    def __init__(self, topic_id: Callable[[str], bytes | None], changed: Callable[[], None]) -> None:
        self._topic_id = topic_id
        self._changed = changed
        self._standings: WeakKeyDictionary[object, _Standing] = WeakKeyDictionary()
        self.fetches = 0

    def forget(self) -> None:
        """Forget where clients stood, because what they stood in has been exchanged."""
        self._standings.clear()

    def observe(self, call: Call) -> None:
        """Look at a request on its way."""
        if call.api.key is not ApiKey.FETCH:
            return
        request: FetchRequest = call.request
        self.fetches += 1
        standing = self._standings.get(call.connection)
        if standing is None:
            standing = self._standings[call.connection] = _Standing(call.client_id)
        if request.session_epoch < _SESSION_GOES_ON:
            standing.offsets.clear()
        by_id = call.api_version >= _BY_TOPIC_ID
        for forgotten in request.forgotten_topics_data:
            for index in forgotten.partitions:
                standing.offsets.pop((forgotten.topic_id if by_id else forgotten.topic, index), None)
        for topic in request.topics:
            for partition in topic.partitions:
                key = (topic.topic_id if by_id else topic.topic, partition.partition)
                standing.offsets[key] = partition.fetch_offset
        standing.number = self.fetches
        self._changed()

    def of(self, client_id: str, topic: str, partition: int, *, since: int) -> int | None:
        """Give the offset that a client fetched last, if it did in or after the fetch of a number."""
        keys = ((topic, partition), (self._topic_id(topic) or topic, partition))
        newest: _Standing | None = None
        for standing in self._standings.values():
            if standing.client_id == client_id and standing.number >= since and (
                newest is None or standing.number > newest.number
            ) and any(key in standing.offsets for key in keys):  # fmt: skip
                newest = standing
        if newest is None:
            return None
        return next(newest.offsets[key] for key in keys if key in newest.offsets)
