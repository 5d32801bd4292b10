"""What a test waits for: in calls that block, and in coroutines for tests that run in an event loop themselves.

Either way a wait ends with the very event that it waits for, so no test needs to sleep.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, TypeVar

from kafkalite.testing.handles.event_loops import completed
from kafkalite.testing.handles.request_log import criteria
from kafkalite.testing.model.batches import existing
from kafkalite.testing.model.conditions import HasCommitted, Positioned, Stable
from kafkalite.testing.model.errors import NotPossible, NotThere
from kafkalite.testing.model.views import TopicPartition, no_topic
from kafkalite.testing.model.wait import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Unpack

    from kafkalite.controls.faults.firings import Fired
    from kafkalite.controls.request_log.exchange import Exchange
    from kafkalite.testing.handles.backend import Backend
    from kafkalite.testing.handles.faults import InjectedFault
    from kafkalite.testing.handles.request_log import Filters
    from kafkalite.testing.model.views import Group, Record
    from kafkalite.testing.model.wait import Wait
    from kafkalite_wire.apis import ApiKey

T = TypeVar("T")


class BlockingWaits:
    """Waits that block the thread which asks."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def consume(
        self, topic: str, count: int = 1, *, partition: int | None = None, offset: int = 0, timeout: float = PATIENCE
    ) -> list[Record]:
        """Wait until a topic has ``count`` records, and give the first ones; no group is involved. Raises NotInTime."""
        return _arrival(self._backend, topic, count, partition, offset).result(timeout)

    def await_stable(self, group: str, *, members: int | None = None, timeout: float = PATIENCE) -> Group:
        """Wait until a group is stable, with just so many members if ``members`` is given. Raises NotInTime."""
        return self._backend.until(Stable(group, members)).result(timeout)

    def await_committed(
        self,
        group: str,
        topic: str,
        *,
        partition: int | None = None,
        offset: int | Mapping[int, int] | None = None,
        timeout: float = PATIENCE,
    ) -> Group:
        """Wait until a group has committed ``offset``, by default all that the topic has now. Raises NotInTime.

        ``offset`` is one for all partitions, or one for each that matters: ``{0: 5, 2: 3}``.
        """
        return self._backend.until(_committed(self._backend, group, topic, partition, offset)).result(timeout)

    def await_positioned(
        self,
        group: str,
        topic: str | None = None,
        *,
        partition: int | None = None,
        offset: int = 0,
        timeout: float = PATIENCE,
    ) -> Group:
        """Wait until the members of a stable group fetch what they own; of ``topic`` from ``offset`` on.

        From then on nothing that is produced is missed by a consumer that begins at the end of a topic. Fetches are
        told apart by client id, so members should have one each. Raises NotInTime.
        """
        return self._backend.until(_positioned(self._backend, group, topic, partition, offset)).result(timeout)

    def await_request(
        self, api: str | ApiKey | None = None, *, timeout: float = PATIENCE, **filters: Unpack[Filters]
    ) -> Exchange:
        """Wait for a request that the request log has seen, and that has been answered or has ended otherwise.

        See :meth:`.request_log.Requests.await_request`. Raises NotInTime, and ValueError if the log is off.
        """
        return self._backend.steering.recorder.until(criteria(api, filters)).result(timeout)


class AwaitedWaits:
    """The same as coroutines, for asyncio and trio: the event loop goes on meanwhile."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def consume(
        self, topic: str, count: int = 1, *, partition: int | None = None, offset: int = 0, timeout: float = PATIENCE
    ) -> list[Record]:
        """Wait until a topic has ``count`` records, and give the first ones. Raises NotInTime."""
        return await _awaited(_arrival(self._backend, topic, count, partition, offset), timeout)

    async def await_stable(self, group: str, *, members: int | None = None, timeout: float = PATIENCE) -> Group:
        """Wait until a group is stable, with just so many members if ``members`` is given. Raises NotInTime."""
        return await _awaited(self._backend.until(Stable(group, members)), timeout)

    async def await_committed(
        self,
        group: str,
        topic: str,
        *,
        partition: int | None = None,
        offset: int | Mapping[int, int] | None = None,
        timeout: float = PATIENCE,
    ) -> Group:
        """Wait until a group has committed ``offset``, by default all that the topic has now. Raises NotInTime."""
        return await _awaited(self._backend.until(_committed(self._backend, group, topic, partition, offset)), timeout)

    async def await_positioned(
        self,
        group: str,
        topic: str | None = None,
        *,
        partition: int | None = None,
        offset: int = 0,
        timeout: float = PATIENCE,
    ) -> Group:
        """Wait until the members of a stable group fetch what they own; of ``topic`` from ``offset`` on.

        Raises NotInTime.
        """
        return await _awaited(self._backend.until(_positioned(self._backend, group, topic, partition, offset)), timeout)

    async def await_fired(
        self, fault: InjectedFault, count: int = 1, *, timeout: float = PATIENCE
    ) -> tuple[Fired, ...]:
        """Wait until a fault has acted on ``count`` requests. Raises NotInTime, which shows all that fired."""
        return await _awaited(fault.at_work.until(count), timeout)

    async def await_request(
        self, api: str | ApiKey | None = None, *, timeout: float = PATIENCE, **filters: Unpack[Filters]
    ) -> Exchange:
        """Wait for a request that the request log has seen, and that has been answered or has ended otherwise.

        Raises NotInTime, and ValueError if the log is off.
        """
        return await _awaited(self._backend.steering.recorder.until(criteria(api, filters)), timeout)


async def _awaited(wait: Wait[T], timeout: float) -> T:
    try:
        return await completed(wait.future, timeout)
    except (TimeoutError, CancelledError):
        pass
    except BaseException:
        wait.abandon()
        raise
    raise wait.not_in_time(timeout)


def _arrival(backend: Backend, topic: str, count: int, partition: int | None, offset: int) -> Wait[list[Record]]:
    if count < 0:
        raise NotPossible(f"there cannot be {count} records")
    return backend.arrival(topic, partition, offset, count)


def _committed(
    backend: Backend, group: str, topic: str, partition: int | None, offset: int | Mapping[int, int] | None
) -> HasCommitted:
    """Ask for commits: by default of all that is in the topic now.

    Raises LookupError if there is no such topic, or no such partition.
    """
    ends = _ends(backend, topic)
    if isinstance(offset, Mapping):
        if partition is not None:
            raise NotPossible("offset names the partitions already: leave partition out")
        return HasCommitted(
            group, {TopicPartition(topic, existing(topic, each, len(ends))): at for each, at in offset.items()}
        )
    if partition is not None:
        existing(topic, partition, len(ends))
    wanted = {at: ends[at.partition] if offset is None else offset for at in _chosen(topic, partition, ends)}
    # Nobody commits what was never there to be read.
    return HasCommitted(
        group, {at: offset for at, offset in wanted.items() if offset > 0} if offset is None else wanted
    )


def _positioned(backend: Backend, group: str, topic: str | None, partition: int | None, offset: int) -> Positioned:
    """Ask for fetch positions: by default of all that the members own, anywhere. Raises LookupError."""
    if topic is None:
        return Positioned(group, {})
    ends = _ends(backend, topic) if partition is None else ()
    return Positioned(group, dict.fromkeys(_chosen(topic, partition, ends), offset))


def _chosen(topic: str, partition: int | None, ends: tuple[int, ...]) -> Iterable[TopicPartition]:
    chosen = range(len(ends)) if partition is None else (partition,)
    return (TopicPartition(topic, index) for index in chosen)


def _ends(backend: Backend, topic: str) -> tuple[int, ...]:
    topics = backend.topics()
    if topic not in topics:
        raise NotThere(no_topic(topic, topics))
    return topics[topic].end_offsets
