"""What a handle stands on: a broker in this process, or one elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from kafkalite.testing.model.views import Group, Record, Topic

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from kafkalite.testing.handles.steering import Images, Steering
    from kafkalite.testing.model.batches import Batch
    from kafkalite.testing.model.conditions import Condition
    from kafkalite.testing.model.wait import Wait

T = TypeVar("T")


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
    def images(self) -> Images:
        """What makes snapshots. Raises NotOnThisBroker."""
        ...

    def forked(self, image: Any) -> AbstractContextManager[Backend]:
        """Run another broker that begins with an image, until the block ends. Raises NotOnThisBroker."""
        ...

    @property
    def steering(self) -> Steering:
        """The controls. Raises NotOnThisBroker."""
        ...
