"""Where clients stand: the offsets that each of them fetched last, told from its fetch requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from kafkalite.requests.interceptors import Interceptor, Stage
from kafkalite_wire.apis import ApiKey

if TYPE_CHECKING:
    from collections.abc import Callable

    from kafkalite.requests.context import RequestContext
    from kafkalite.requests.interceptors import Forward
    from kafkalite.requests.response_handle import ResponseHandle
    from kafkalite_wire.apis import Api
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


class Positions(Interceptor):
    """The fetch positions of all connections; fetches are numbered in the order in which they come."""

    stage = Stage.OBSERVERS

    def __init__(self, topic_id: Callable[[str], bytes | None], changed: Callable[[], None]) -> None:
        self._topic_id = topic_id
        self._changed = changed
        self._standings: WeakKeyDictionary[object, _Standing] = WeakKeyDictionary()
        self.fetches = 0

    def forget(self) -> None:
        """Forget where clients stood, because what they stood in has been exchanged."""
        self._standings.clear()

    def wants(self, api: Api, version: int) -> bool:
        """Return whether it is Fetch."""
        del version
        return api.key is ApiKey.FETCH

    def intercept(
        self, request: FetchRequest, context: RequestContext, response: ResponseHandle[Any], forward: Forward
    ) -> None:
        """Take note of the offsets that are fetched."""
        del response
        self._note(request, context)
        forward()

    def _note(self, request: FetchRequest, context: RequestContext) -> None:
        self.fetches += 1
        standing = self._standings.get(context.info)
        if standing is None:
            standing = self._standings[context.info] = _Standing(context.client_id)
        if request.session_epoch < _SESSION_GOES_ON:
            standing.offsets.clear()
        by_id = context.api_version >= _BY_TOPIC_ID
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
