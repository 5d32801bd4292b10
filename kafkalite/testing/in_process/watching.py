"""Waits that end with the very event that they wait for: a change of a group, a commit, a fetch."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from kafkalite.testing.in_process.history import History
from kafkalite.testing.in_process.looking import group_of
from kafkalite.testing.in_process.positions import Positions
from kafkalite.testing.in_process.waits import Waits
from kafkalite.testing.model.views import Group, TopicPartition

if TYPE_CHECKING:
    from collections.abc import Callable

    from kafkalite.broker import Broker
    from kafkalite.cluster.cluster import Cluster
    from kafkalite.coordinators.results import CoordinatorResult, Reply
    from kafkalite.requests.interceptors import InterceptorChain
    from kafkalite.testing.in_process.portal import Portal
    from kafkalite.testing.model.conditions import Condition
    from kafkalite.testing.model.wait import Wait

T = TypeVar("T")


class Watch:
    """Looks at a broker whenever something has changed in it. To be used in the broker's loop, but for ``until``."""

    def __init__(self, broker: Broker, interceptors: InterceptorChain, portal: Portal) -> None:
        self._broker = broker
        self._waits: Waits[None] = Waits(portal)
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
        self.positions.forget()
        self.history.tell_all("the broker was restored", self._cluster.now())
        self.check()

    # What conditions look at

    def group(self, group_id: str) -> Group:
        """Give a group as it is now."""
        return group_of(self._cluster, group_id)

    def partitions(self, topic: str) -> int:
        """Tell how many partitions a topic has, 0 if there is no such topic."""
        found = self._cluster.storage.topics.get(topic)
        return 0 if found is None else found.partitions

    def position(self, member_client_id: str, partition: TopicPartition, *, since: int) -> int | None:
        """Give the offset that a client fetched last from a partition."""
        return self.positions.of(member_client_id, partition.topic, partition.partition, since=since)

    def stable_since(self, group_id: str) -> int:
        """Give the number of the first fetch that came after the group became stable."""
        return self._stable_since.get(group_id, 0)

    # Waiting

    def until(self, condition: Condition[T]) -> Wait[T]:
        """Wait until the condition holds. For all other threads."""
        return self._waits.wait(lambda _: condition.seen(self), lambda: self._missing(condition))

    async def wait(self, is_so: Callable[[], bool], patience: float) -> None:
        """Wait until something is so, or the patience, in seconds of the machine's clock, has run out."""
        await self._waits.hold(is_so, patience)

    def _missing(self, condition: Condition[T]) -> str:
        """Say in words what is missing, what there is and what happened."""
        group_id = condition.group_id
        return (
            f"waited for {condition.missing(self)}\nnow: {self.group(group_id)}\n"
            f"history (the broker's time):\n{self.history.of(group_id)}"
        )

    def check(self) -> None:
        """Look whether anything that is awaited has come."""
        self._waits.check()

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
    return type(reply.response).__name__ == "HeartbeatResponse"
