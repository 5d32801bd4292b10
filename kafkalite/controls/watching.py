"""Observation of a broker's groups: their history, where their members fetch, and waits for either."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

import trio

from kafkalite.controls.queries import group_of
from kafkalite.controls.views import Group, TopicPartition
from kafkalite.controls.waiting import Waiters, within
from kafkalite.requests.interceptors import Interceptor, Stage
from kafkalite_wire.apis import ApiKey

if TYPE_CHECKING:
    from kafkalite.broker import Broker
    from kafkalite.cluster.cluster import Cluster
    from kafkalite.controls.conditions import Condition
    from kafkalite.coordinators.groups.views import GroupView
    from kafkalite.coordinators.results import CoordinatorResult, Reply
    from kafkalite.requests.context import RequestContext
    from kafkalite.requests.interceptors import Forward, InterceptorChain
    from kafkalite.requests.response_handle import ResponseHandle
    from kafkalite_wire.apis import Api
    from kafkalite_wire.messages.fetch import FetchRequest

_LINES: Final = 40
_GROUPS: Final = 1000
_BY_TOPIC_ID: Final = 13
_SESSION_CONTINUES: Final = 1
"""The first epoch of a fetch session in which only changes are named (KIP-227)."""


class History:
    """The last changes of the groups that changed last, with seconds of the broker's clock since it began."""

    def __init__(self, began: float) -> None:
        self._began = began
        self._last: dict[str, tuple[object, ...]] = {}
        self._lines: dict[str, deque[str]] = {}

    def note(self, group: GroupView, now: float) -> bool:
        """Add a line if a group has changed; return whether its state or generation is new."""
        members = tuple(member.member_id for member in group.members)
        is_now = (group.state, group.generation, members)
        before = self._last.get(group.group_id)
        if before == is_now:
            return False
        self._last[group.group_id] = is_now
        names = ", ".join(member.group_instance_id or member.client_id for member in group.members) or "no members"
        self.add(group.group_id, f"{group.state.value}, generation {group.generation}: {names}", now)
        return before is None or before[:2] != is_now[:2]

    def add(self, group_id: str, what: str, now: float) -> None:
        """Add a line about a group."""
        lines = self._lines.pop(group_id, deque[str](maxlen=_LINES))
        self._lines[group_id] = lines  # last in the order of changes
        lines.append(f"  {now - self._began:+10.3f} s  {what}")
        if len(self._lines) > _GROUPS:
            oldest = next(iter(self._lines))
            del self._lines[oldest]
            self._last.pop(oldest, None)

    def add_to_all(self, what: str, now: float) -> None:
        """Add a line about all groups; the next state of each is a change, whatever it is."""
        for group_id in tuple(self._lines):
            self.add(group_id, what, now)
        self._last.clear()

    def of(self, group_id: str) -> str:
        """Return the lines about a group, oldest first."""
        return "\n".join(self._lines.get(group_id, ("  nothing happened",)))


class _Position:
    """What one connection fetched last."""

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
        self._positions: WeakKeyDictionary[object, _Position] = WeakKeyDictionary()
        self.fetches = 0

    def clear(self) -> None:
        """Forget all positions."""
        self._positions.clear()

    def wants(self, api: Api, version: int) -> bool:
        """Return whether it is Fetch."""
        del version
        return api.key is ApiKey.FETCH

    def intercept(
        self, request: FetchRequest, context: RequestContext, response: ResponseHandle[Any], forward: Forward
    ) -> None:
        """Note the offsets that are fetched."""
        del response
        self._note(request, context)
        forward()

    def _note(self, request: FetchRequest, context: RequestContext) -> None:
        self.fetches += 1
        position = self._positions.get(context.info)
        if position is None:
            position = self._positions[context.info] = _Position(context.client_id)
        if request.session_epoch < _SESSION_CONTINUES:
            position.offsets.clear()
        by_id = context.api_version >= _BY_TOPIC_ID
        for forgotten in request.forgotten_topics_data:
            for index in forgotten.partitions:
                position.offsets.pop((forgotten.topic_id if by_id else forgotten.topic, index), None)
        for topic in request.topics:
            for partition in topic.partitions:
                key = (topic.topic_id if by_id else topic.topic, partition.partition)
                position.offsets[key] = partition.fetch_offset
        position.number = self.fetches
        self._changed()

    def of(self, client_id: str, topic: str, partition: int, *, since: int) -> int | None:
        """Return the offset that a client fetched last, in or after the fetch of a number."""
        keys = ((topic, partition), (self._topic_id(topic) or topic, partition))
        newest: _Position | None = None
        for position in self._positions.values():
            if position.client_id == client_id and position.number >= since and (
                newest is None or position.number > newest.number
            ) and any(key in position.offsets for key in keys):  # fmt: skip
                newest = position
        if newest is None:
            return None
        return next(newest.offsets[key] for key in keys if key in newest.offsets)


class Watch:
    """What conditions look at, looked at again whenever something has changed. For use in the broker's loop."""

    def __init__(self, broker: Broker, interceptors: InterceptorChain) -> None:
        self._broker = broker
        self.waiters: Waiters[None] = Waiters()
        self._stable_since: dict[str, int] = {}
        self.history = History(self._cluster.now())
        self.positions = Positions(self._topic_id, self.check)
        interceptors.add(self.positions)
        self._cluster.groups.on_performed = self._performed
        broker.on_restored.append(self._restored)

    @property
    def _cluster(self) -> Cluster:
        return self._broker.cluster

    def _restored(self) -> None:
        self._stable_since.clear()
        self.positions.clear()
        self.history.add_to_all("the broker was restored", self._cluster.now())
        self.check()

    def group(self, group: str) -> Group:
        """Return a group as it is now."""
        return group_of(self._cluster, group)

    def partition_count(self, topic: str) -> int:
        """Return the number of a topic's partitions, 0 if there is no such topic."""
        found = self._cluster.storage.topics.get(topic)
        return 0 if found is None else found.partitions

    def position(self, client_id: str, partition: TopicPartition, *, since: int) -> int | None:
        """Return the offset that a client fetched last from a partition."""
        return self.positions.of(client_id, partition.topic, partition.partition, since=since)

    def stable_since(self, group_id: str) -> int:
        """Return the number of the first fetch after the group became stable."""
        return self._stable_since.get(group_id, 0)

    async def until(self, condition: Condition, timeout: float) -> Group:
        """Wait until a condition holds. Raises WaitTimeout, which describes the group and its history."""
        return await within(
            timeout, self.waiters.until(lambda _: condition.met(self)), lambda: self._missing(condition)
        )

    async def hold(self, is_so: Callable[[], bool], timeout: float) -> None:
        """Wait until something is so, or for ``timeout`` seconds of the machine's clock."""
        with trio.move_on_after(timeout):
            await self.waiters.until(lambda _: is_so() or None)

    def check(self) -> None:
        """Look again at everything that is awaited."""
        self.waiters.check()

    def _missing(self, condition: Condition) -> str:
        group_id = condition.group_id
        return (
            f"waited for {condition.missing(self)}\nnow: {self.group(group_id)}\n"
            f"history (the broker's time):\n{self.history.of(group_id)}"
        )

    def _performed(self, effects: CoordinatorResult) -> None:
        if effects.replies and not effects.records and all(map(_is_heartbeat, effects.replies)):
            return  # most calls by far, and a heartbeat that is answered changes no group
        groups = {group.group_id: group for group in self._cluster.groups.coordinator.groups()}
        for group_id in self._stable_since.keys() - groups.keys():
            del self._stable_since[group_id]
        for group_id, group in groups.items():
            if self.history.note(group, self._cluster.now()) and group.state.value == "Stable":
                self._stable_since[group_id] = self.positions.fetches + 1
        self.check()

    def _topic_id(self, name: str) -> bytes | None:
        topic = self._cluster.storage.topics.get(name)
        return None if topic is None else topic.topic_id


def _is_heartbeat(reply: Reply) -> bool:
    return type(reply.response).__name__.endswith("HeartbeatResponse")
