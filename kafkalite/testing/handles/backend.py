"""What a handle stands on: a broker in this process, or one elsewhere that is asked through the protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from kafkalite.testing.model.batches import Text
from kafkalite.testing.model.errors import NotInTime
from kafkalite.testing.model.views import Group, Header, Record, Topic

if TYPE_CHECKING:
    from kafkalite.testing.in_process.images import Snapshots
    from kafkalite.testing.in_process.steering import Steering
    from kafkalite.testing.model.conditions import Condition

T = TypeVar("T")

PATIENCE: Final = 10.0
"""Seconds, on the test's clock, that are waited for anything by default."""


@dataclass(frozen=True, slots=True)
class Wait(Generic[T]):
    """Something that was asked for and comes later; whoever does not want it any more gives up, and hears why."""

    future: Future[T]
    give_up: Callable[[], str]

    def result(self, timeout: float) -> T:
        """Block until it has come. Raises NotInTime, which tells what there is instead."""
        try:
            return self.future.result(timeout)
        except (TimeoutError, CancelledError):
            pass
        raise NotInTime(f"after {timeout:g} s: {self.give_up()}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Records to be produced that differ in their values only."""

    topic: str
    partition: int | None
    values: Sequence[Text]
    key: Text
    headers: Sequence[Header]
    timestamp: int | None


class Backend(Protocol):
    """A broker as a handle needs it. Calls block, and a few milliseconds are all they may take; waits do not."""

    @property
    def bootstrap(self) -> str:
        """Where clients find the broker."""
        ...

    def create_topic(self, name: str, partitions: int, configs: Mapping[str, str]) -> None:
        """Create a topic. Raises ValueError where the broker refuses."""
        ...

    def delete_topic(self, name: str) -> None:
        """Delete a topic. Raises LookupError if there is none."""
        ...

    def topics(self) -> dict[str, Topic]:
        """Show all topics but Kafka's own."""
        ...

    def append(self, batch: Batch) -> tuple[Record, ...]:
        """Produce; a topic that is missing is created."""
        ...

    def records(self, topic: str, partition: int | None, offset: int) -> list[Record]:
        """Show what is in a topic, in the order of time; offsets below ``offset`` are left out."""
        ...

    def arrival(self, topic: str, partition: int | None, offset: int, count: int) -> Wait[list[Record]]:
        """Wait until there are so many records."""
        ...

    def groups(self) -> list[str]:
        """Name all groups."""
        ...

    def group(self, group_id: str) -> Group:
        """Show a group, ``Dead`` if there is none."""
        ...

    def delete_group(self, group_id: str) -> None:
        """Delete a group without members. Raises ValueError where the broker refuses."""
        ...

    def until(self, condition: Condition[T]) -> Wait[T]:
        """Wait until a condition holds."""
        ...

    @property
    def snapshots(self) -> Snapshots:
        """The snapshots of a broker in this process. Raises NotOnThisBroker."""
        ...

    @property
    def steering(self) -> Steering:
        """The controls of a broker in this process. Raises NotOnThisBroker."""
        ...
