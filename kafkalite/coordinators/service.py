"""The coordinator service: loads a coordinator from its topic, appends what it decides, and only then sends replies.

A coordinator is a pure state machine whose state is an internal topic. Each call of it returns a
:class:`~kafkalite.coordinators.results.CoordinatorResult`; :meth:`CoordinatorService.perform` carries it out. If an
append fails, the coordinator's state is ahead of its log: the clients concerned are disconnected, and the coordinator
is loaded again.

Loading is in steps, which the requests that need the coordinator take: each of them runs one step of the same load in
its turn, and goes on when the coordinator is there (:meth:`CoordinatorService.load`). Kafka answers them with
COORDINATOR_LOAD_IN_PROGRESS, and clients ask again. No request sees a coordinator that is loaded in part.

Loading is per partition. A partition that cannot be read costs only what belongs to it (its groups answer
NOT_COORDINATOR, as in Kafka, where such a partition has failed); a single record that is not Kafka's is skipped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from logging import getLogger
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from kafkalite.coordinators.replay import ReplayedRecord, replay
from kafkalite.errors import RequestError
from kafkalite.partitions import WORK_OF_OPENING_A_LOG
from kafkalite.requests.steps import Steps, WorkMeter, finish
from kafkalite_storage.errors import StorageError
from kafkalite_storage.log.log import AppendOrigin
from kafkalite_wire.batch import CorruptBatch
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.records import BatchBuilder

if TYPE_CHECKING:
    from collections.abc import Collection

    from kafkalite.background.flusher import LogFlusher
    from kafkalite.background.timers import Timer, TimerQueue
    from kafkalite.coordinators.results import (
        CoordinatorResult,
        MarkerAppend,
        ProducerIdAndEpoch,
        ResponseSink,
        TransactionMarker,
    )
    from kafkalite.requests.steps import StepQueue
    from kafkalite_storage.log.log import PartitionLog
    from kafkalite_storage.storage import Storage

log = getLogger("kafkalite.coordinators")

Skip = Callable[[ReplayedRecord, str], None]
"""Called with a record that a coordinator cannot read, and the reason."""

WriteMarker = Callable[[str, int, "TransactionMarker", Callable[[ErrorCode], None]], None]
"""Writes a marker to a partition of a topic, then calls a function with the error or NONE, perhaps later."""

_NAMED_AT_MOST: Final = 10
"""Unreadable records of a partition that are logged one by one; the others are counted."""

_WORK_OF_A_MARKER: Final = 60
_REMEMBERED_IDS: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class CoordinatorEnvironment:
    """What the coordinators of a cluster share."""

    storage: Storage
    timers: TimerQueue
    wall_ms: Callable[[], int]
    """Returns milliseconds since 1970."""
    flusher: LogFlusher
    write_marker: WriteMarker
    """Writes the marker of a transaction to a partition."""
    steps: StepQueue
    """Runs what is to be done in steps after a reply."""


class Coordinator(Protocol):
    """What the service needs of a coordinator."""

    def load_partition(
        self,
        records: Iterable[ReplayedRecord],
        skip: Skip,
        meter: WorkMeter,
        *,
        number: int,
        partitions: int,
        now: float,
        wall_ms: int,
    ) -> Steps[None]:
        """Take over, in steps, what one partition of so many holds. Unreadable records are passed to ``skip``."""
        ...

    def fail_partitions(self, failed: Collection[int], partitions: int) -> None:
        """Refuse requests for what belongs to partitions that could not be read, out of so many."""
        ...

    def next_deadline(self) -> float | None:
        """Return when :meth:`advance` must be called, None while no timer is set."""
        ...

    def advance(self, now: float, wall_ms: int) -> CoordinatorResult:
        """Run the timers that are due."""
        ...

    def waiting_handles(self) -> Collection[ResponseSink]:
        """Return the handles that are owed a response."""
        ...


AnyCoordinator = TypeVar("AnyCoordinator", bound=Coordinator)


class CoordinatorService(Generic[AnyCoordinator]):
    """One coordinator with its topic, its timer and its clients.

    ``partition_for`` maps the id of a record to a partition, out of a number of them. ``ensure_topic`` creates the
    topic if it does not exist.
    """

    def __init__(
        self,
        topic: str,
        new: Callable[[], AnyCoordinator],
        partition_for: Callable[[str, int], int],
        environment: CoordinatorEnvironment,
        ensure_topic: Callable[[], object],
    ) -> None:
        self._topic = topic
        self._new = new
        self._partition_for = lru_cache(_REMEMBERED_IDS)(partition_for)
        self._storage = environment.storage
        self._timers = environment.timers
        self._wall_ms = environment.wall_ms
        self._flusher = environment.flusher
        self._write_marker = environment.write_marker
        self._steps = environment.steps
        self._ensure_topic = ensure_topic
        self._is_retired = False
        self._timer: Timer | None = None
        self._loaded: AnyCoordinator | None = None
        self._loading: Steps[AnyCoordinator] | None = None
        self._after_loading: list[Callable[[AnyCoordinator], None]] = []
        self._partitions = 0
        self._logged: set[tuple[int, int]] = set()
        self.on_loaded: Callable[[AnyCoordinator], None] | None = None
        """Called with a coordinator that has just been loaded, before any request reaches it."""
        self.on_appended: Callable[[int, int, bytes, bytes | None], None] | None = None
        """Called with each record that was appended: partition, offset, key and value."""
        self.on_performed: Callable[[CoordinatorResult], None] | None = None
        """Called with each result once its replies have been sent."""

    @property
    def coordinator(self) -> AnyCoordinator:
        """The coordinator. If it is not loaded it is loaded now, in one piece; requests :meth:`load` it before."""
        return self._loaded or finish(self.load())

    # Load

    def load(self) -> Steps[AnyCoordinator]:
        """Return the coordinator, which is loaded in steps if it is not. All who wait for it share one load."""
        while self._loaded is None:
            if self._is_retired:
                raise RequestError(f"the state of {self._topic} was replaced")
            if self._loading is None:
                self._loading = self._load()
            try:
                next(self._loading)
            except StopIteration as loaded:
                self._loading = None
                self._take_over(loaded.value)
                coordinator: AnyCoordinator = loaded.value
                return coordinator
            except BaseException:
                self._loading = None
                raise
            yield
        return self._loaded

    def with_loaded(self, call: Callable[[AnyCoordinator], None]) -> None:
        """Call ``call`` with the coordinator, after a load that is in progress; not at all if none is loaded."""
        if self._loaded is not None:
            call(self._loaded)
        elif self._loading is not None:
            self._after_loading.append(call)

    def _take_over(self, coordinator: AnyCoordinator) -> None:
        self._loaded = coordinator
        if self.on_loaded is not None:
            self.on_loaded(coordinator)
        calls, self._after_loading = self._after_loading, []
        for call in calls:
            call(coordinator)
        if self._loaded is coordinator:
            self._set_timer()

    def _load(self) -> Steps[AnyCoordinator]:
        coordinator = self._new()
        partitions = self._count_partitions()
        failed: list[int] = []
        meter = WorkMeter()
        for number in range(partitions):
            if meter.add(WORK_OF_OPENING_A_LOG):
                yield
            if not (yield from self._load_partition(coordinator, number, partitions, meter)):
                failed.append(number)
        if failed:
            coordinator.fail_partitions(failed, partitions)
        return coordinator

    def _count_partitions(self) -> int:
        """Count the topic's partitions once: those added later count from the next start on, as in Kafka."""
        if self._partitions == 0:
            topic = self._storage.topics.get(self._topic)
            self._partitions = 0 if topic is None else topic.partitions
        return self._partitions

    def _load_partition(
        self, coordinator: AnyCoordinator, number: int, partitions: int, meter: WorkMeter
    ) -> Steps[bool]:
        try:
            partition = self._storage.log(self._topic, number)
            skipped = _Skipped(partition)
            # Read everything first: a partition that cannot be read to its end must not be loaded in part.
            records: list[ReplayedRecord] = []
            for record in replay(partition):
                if meter.add():
                    yield
                records.append(record)
        except (StorageError, CorruptBatch) as error:
            if (number, -1) not in self._logged:
                self._logged.add((number, -1))
                log.error(
                    "cannot load partition %s-%d: %s; what it coordinates is refused with NOT_COORDINATOR until it can "
                    "be read: restore its files from a backup, or delete them to give up what it holds, and restart",
                    self._topic,
                    number,
                    error,
                )
            return False
        yield from coordinator.load_partition(
            records,
            skipped.add,
            meter,
            number=number,
            partitions=partitions,
            now=self._timers.now(),
            wall_ms=self._wall_ms(),
        )
        skipped.log_once(self._logged, number)
        return True

    @property
    def is_loaded(self) -> bool:
        """Whether the coordinator is loaded."""
        return self._loaded is not None

    @property
    def partitions(self) -> int:
        """How many partitions the coordinator was loaded from."""
        return self._count_partitions()

    def records_of(self, key_id: str) -> Iterator[ReplayedRecord]:
        """Yield the records of the partition that an id belongs to. Raises StorageError and CorruptBatch."""
        partitions = self._count_partitions()
        if partitions:
            yield from self.records_in(self._partition_for(key_id, partitions))

    def records_in(self, partition: int) -> Iterator[ReplayedRecord]:
        """Yield the records of a partition of the topic. Raises StorageError and CorruptBatch."""
        return replay(self._storage.log(self._topic, partition))

    def reload(self, reason: str | None = None) -> None:
        """Load the coordinator again on next use; with a reason, disconnect the clients that wait for a response."""
        loaded, self._loaded = self._loaded, None
        self._loading = None
        self._after_loading.clear()
        self._stop_timer()
        if loaded is not None and reason is not None:
            for handle in loaded.waiting_handles():
                handle.fail(reason)

    def topic_deleted(self) -> None:
        """Drop everything, and disconnect the clients that wait for a response."""
        self._partitions = 0
        self.reload(f"{self._topic} was deleted")

    # Append, then reply

    def perform(self, result: CoordinatorResult) -> None:
        """Carry a result out: append, sync where `flush.messages` asks for it, then reply."""
        unsynced: list[PartitionLog] = []
        if result.records or result.begun is not None:
            try:
                unsynced = self._append(result)
            except StorageError as error:
                self._append_failed(result, error)
                return
        if unsynced:
            self._flusher.when_all_synced(unsynced, lambda error: self._synced(result, error))
        else:
            self._finish(result)
        self._set_timer()
        if self.on_performed is not None:
            self.on_performed(result)

    def _synced(self, result: CoordinatorResult, error: StorageError | None) -> None:
        if error is None:
            self._finish(result)
        else:
            self._append_failed(result, error)

    def _finish(self, result: CoordinatorResult) -> None:
        for handle, response in result.replies:
            handle.send(response)
        if result.markers:
            self._steps.start(f"markers of {self._topic}", self.write_markers(result.markers), _failed)
        for call in result.then:
            self.perform(call())

    def write_markers(self, markers: Iterable[MarkerAppend]) -> Steps[None]:
        """Append markers to the logs of their partitions."""
        meter = WorkMeter()
        for marker in markers:
            self._write_marker(marker.topic, marker.partition, marker.marker, partial(self._marked, marker))
            if meter.add(_WORK_OF_A_MARKER):
                yield
            if self._is_retired:
                return

    def _marked(self, marker: MarkerAppend, error: ErrorCode) -> None:
        self.perform(marker.done(error))

    def _append_failed(self, result: CoordinatorResult, error: StorageError) -> None:
        log.error("cannot append to %s: %s; loading it again", self._topic, error)
        reason = f"cannot append to {self._topic}"
        for reply in result.replies:
            reply.handle.fail(reason)
        self.reload(reason)

    def _append(self, result: CoordinatorResult) -> list[PartitionLog]:
        """Append everything; return the logs that must be synced before the replies leave."""
        wall_ms = self._wall_ms()
        unsynced: list[PartitionLog] = []
        self._ensure_topic()
        partitions = self._count_partitions()
        batches: dict[int, BatchBuilder] = {}
        if result.begun is not None:
            key_id, begun = result.begun
            batches[self._partition_for(key_id, partitions)] = begun
        for key_id, key, value, partition in result.records:
            number = self._partition_for(key_id, partitions) if partition is None else partition
            batch = batches.get(number)
            if batch is None:
                batch = batches[number] = BatchBuilder()
            batch.add(key, value)
        next_offsets: dict[int, int] = {}
        for number, batch in batches.items():
            built = _built(batch, wall_ms, result.producer)
            next_offsets[number] = self._append_batch(number, built, wall_ms, unsynced)
        if self.on_appended is not None:
            for key_id, key, value, partition in result.records:
                number = self._partition_for(key_id, partitions) if partition is None else partition
                self.on_appended(number, next_offsets[number], key, value)
                next_offsets[number] += 1
        return unsynced

    def _append_batch(self, number: int, batch: bytes, wall_ms: int, unsynced: list[PartitionLog]) -> int:
        partition = self._storage.log(self._topic, number)
        appended = partition.append(batch, now_ms=wall_ms, origin=AppendOrigin.BROKER, sync=False)
        if appended.awaits_sync:
            unsynced.append(partition)
        elif partition.flush_within is not None:
            self._flusher.sync_within(partition, partition.flush_within)
        return appended.base_offset

    # Timers

    def retire(self) -> None:
        """Stop the timer and what is done in steps: another state of the broker takes over."""
        self._is_retired = True
        self._stop_timer()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def timers_changed(self) -> None:
        """Look again at when the coordinator's next timer is due."""
        self._set_timer()

    def _set_timer(self) -> None:
        when = self.coordinator.next_deadline()
        if self._timer is not None:
            if when == self._timer.when and self._timer.callback is not None:
                return
            self._timer.cancel()
        self._timer = None if when is None else self._timers.call_at(when, self._advance, self._timer_failed)

    def _advance(self) -> None:
        self.perform(self.coordinator.advance(self._timers.now(), self._wall_ms()))

    def _timer_failed(self, reason: str) -> None:
        log.error("%s; loading %s again", reason, self._topic)
        self.reload(reason)


def _built(batch: BatchBuilder, wall_ms: int, producer: ProducerIdAndEpoch | None) -> bytes:
    if producer is None:
        return batch.build(wall_ms)
    return batch.build(
        wall_ms,
        producer_id=producer.producer_id,
        producer_epoch=producer.producer_epoch,
        base_sequence=0,  # as in Kafka, which does not check the sequence of a coordinator's batches
        is_transactional=True,
    )


def _failed(reason: str) -> None:
    del reason  # the crash guard has logged it; the transactions are completed after the next start


class _Skipped:
    """The records of a partition that the coordinator could not read."""

    def __init__(self, partition: PartitionLog) -> None:
        self._partition = partition
        self._records: list[tuple[ReplayedRecord, str]] = []

    def add(self, record: ReplayedRecord, reason: str) -> None:
        self._records.append((record, reason))

    def log_once(self, logged: set[tuple[int, int]], number: int) -> None:
        new = [(record, reason) for record, reason in self._records if (number, record.offset) not in logged]
        logged.update((number, record.offset) for record, _ in new)
        for record, reason in new[:_NAMED_AT_MOST]:
            log.warning(
                "%s: skipped the record at offset %d: %s; another program has written it, or a newer broker. What the "
                "other records say is not affected, and nothing needs to be done",
                self._file_of(record.offset),
                record.offset,
                reason,
            )
        if len(new) > _NAMED_AT_MOST:
            counted = Counter(reason for _, reason in new[_NAMED_AT_MOST:])
            reasons = ", ".join(f"{count} with {reason}" for reason, count in counted.most_common(3))
            log.warning("%s: skipped more records like these: %s", self._partition.directory, reasons)

    def _file_of(self, offset: int) -> str:
        bases = [segment.base_offset for segment in self._partition.segments if segment.base_offset <= offset]
        return f"{self._partition.directory}/{max(bases, default=0):020d}.log"
