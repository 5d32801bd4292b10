"""A kafkalite elsewhere, as what a handle stands on: it looks and steers in the broker's own process."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

from kafkalite.record_json import encoded
from kafkalite.testing.model.batches import as_bytes
from kafkalite.testing.model.conditions import HasCommitted, Positioned, Stable
from kafkalite.testing.model.errors import NotOnThisBroker
from kafkalite.testing.model.wait import Wait
from kafkalite.testing.over_http import reading
from kafkalite.testing.over_http.controls import Controls, segment
from kafkalite.testing.over_http.images import HttpImages
from kafkalite.testing.over_http.steering import HttpSteering

if TYPE_CHECKING:
    from kafkalite.testing.model.batches import Batch
    from kafkalite.testing.model.conditions import Condition
    from kafkalite.testing.model.views import Group, Record, Topic, TopicPartition
    from kafkalite.testing.over_http.controls import Told

T = TypeVar("T")


class HttpBackend:
    """A broker whose controls are at a URL; ``bootstrap`` is where clients find it."""

    def __init__(self, bootstrap: str, url: str) -> None:
        """Ask whether it is there. Raises ValueError for what is no URL, OSError and BrokerFailed."""
        self.bootstrap = bootstrap
        self._controls = Controls(url)
        self._controls.get("/")
        self.steering = HttpSteering(self._controls)
        self.images = HttpImages(self._controls)
        self.created: dict[str, None] = {}
        """The topics that were created here and not deleted again, for whoever cleans up."""

    def close(self) -> None:
        """Undo what is steered now."""
        self.steering.let_go()

    def forked(self, image: object) -> NoReturn:
        """Raise NotOnThisBroker: a second broker there would listen where nobody can reach it."""
        del image
        raise NotOnThisBroker("forks run only beside a broker in the test's process")

    # Topics

    def create_topic(self, name: str, partitions: int, configs: Mapping[str, str]) -> None:
        """Create a topic. Raises ValueError where the broker refuses."""
        self._controls.post("/topics", name=name, partitions=partitions, configs=configs)
        self.created[name] = None

    def delete_topic(self, name: str) -> None:
        """Delete a topic. Raises LookupError if there is none."""
        self._controls.delete(f"/topics/{segment(name)}")
        self.created.pop(name, None)

    def topics(self) -> dict[str, Topic]:
        """Show all topics but Kafka's own."""
        return {told["name"]: reading.topic(told) for told in self._controls.get("/topics")["topics"]}

    # Records

    def append(self, batch: Batch) -> tuple[Record, ...]:
        """Produce; a topic that is missing is created with the broker's defaults."""
        told = self._controls.post(
            "/produce",
            topic=batch.topic,
            values_base64=[encoded(as_bytes(value)) for value in batch.values],
            key_base64=encoded(as_bytes(batch.key)),
            partition=batch.partition,
            headers=[{"name": name, "value_base64": encoded(value)} for name, value in batch.headers],
            timestamp=batch.timestamp,
        )
        return tuple(reading.records(told))

    def records(self, topic: str, partition: int | None, offset: int) -> list[Record]:
        """Show what is in a topic."""
        return reading.records(
            self._controls.get(f"/topics/{segment(topic)}/records", partition=partition, offset=offset)
        )

    def arrival(self, topic: str, partition: int | None, offset: int, count: int) -> Wait[list[Record]]:
        """Wait until there are so many records."""
        asked = {"topic": topic, "count": count, "partition": partition, "offset": offset}
        return self._controls.wait("/consume", asked, reading.records)

    # Groups

    def groups(self) -> list[str]:
        """Name all groups."""
        names: list[str] = self._controls.get("/groups")["groups"]
        return names

    def group(self, group_id: str) -> Group:
        """Show a group, ``Dead`` if there is none."""
        return reading.group(self._controls.get(f"/groups/{segment(group_id)}"))

    def delete_group(self, group_id: str) -> None:
        """Delete a group without members. Raises ValueError where the broker refuses."""
        self._controls.delete(f"/groups/{segment(group_id)}")

    # Waiting

    def until(self, condition: Condition[T]) -> Wait[T]:
        """Wait until a condition holds, of those that the controls know."""
        return cast("Wait[T]", self._until(condition))

    def _until(self, condition: Condition[Any]) -> Wait[Group]:
        match condition:
            case Stable(group_id, members):
                return self._awaited("stable", {"group": group_id, "members": members})
            case HasCommitted(group_id, offsets) if not offsets:  # of an empty topic nothing is awaited
                return _come(self.group(group_id))
            case HasCommitted(group_id, offsets):
                wanted = {str(at.partition): offset for at, offset in offsets.items()}
                return self._awaited("committed", {"group": group_id, "topic": _topic(offsets), "offset": wanted})
            case Positioned(group_id, offsets) if not offsets:
                return self._awaited("positioned", {"group": group_id})
            case Positioned(group_id, offsets):
                (offset,) = set(offsets.values())
                only = next(iter(offsets)).partition if len(offsets) == 1 else None
                asked = {"group": group_id, "topic": _topic(offsets), "partition": only, "offset": offset}
                return self._awaited("positioned", asked)
            case _:
                raise NotOnThisBroker(f"waiting for {condition} works only with a broker in the test's process")

    def _awaited(self, what: str, asked: Told) -> Wait[Group]:
        return self._controls.wait(f"/await/{what}", asked, reading.group)


def _topic(offsets: Mapping[TopicPartition, int]) -> str:
    (topic,) = {at.topic for at in offsets}
    return topic


def _come(what: T) -> Wait[T]:
    future: Future[T] = Future()
    future.set_result(what)
    return Wait(future, lambda: "", lambda: None)
