"""The partitions of share groups that this process leads: loaded on first use, with the locks of their records.

The durable state is with the share coordinator. A change that it does not record is taken back; where it refuses the
epochs of a partition, another leads it, and the partition is loaded again on its next use.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from kafkalite.coordinators.share.state import NO_OFFSET, ShareKey
from kafkalite.errors import RefusedError
from kafkalite.sharing.share_partition import Acquired, SharePartition
from kafkalite_storage.segment.segment import NOTHING, FetchSlice
from kafkalite_wire.batch import CONTROL, HEADER_SIZE, TRANSACTIONAL, read_header
from kafkalite_wire.error_codes import ErrorCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from kafkalite.background.timers import Timer, TimerQueue
    from kafkalite.coordinators.groups.share.configs import ShareGroupConfig
    from kafkalite.coordinators.recording import Recording
    from kafkalite.coordinators.share.state import ShareState
    from kafkalite.coordinators.share_state_service import ShareStateService
    from kafkalite.fetch.delayed import DelayedFetches
    from kafkalite.sharing.share_partition import Acknowledgement, AcquireMode, Change
    from kafkalite_storage.log.log import PartitionLog
    from kafkalite_storage.metadata.topics import Topic
    from kafkalite_storage.storage import Storage
    from kafkalite_wire.batch import BatchHeader

_DURATION: Final = re.compile(
    r"by_duration:P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?", re.ASCII | re.IGNORECASE
)
_OTHERS_LEAD: Final = frozenset((
    ErrorCode.FENCED_LEADER_EPOCH, ErrorCode.FENCED_STATE_EPOCH, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
))  # fmt: skip
_OTHER_TRANSACTIONS: Final = 1
"""How many pieces of a log in a row may hold nothing but aborted records, before others have their turn."""


@dataclass(slots=True, eq=False)
class LedPartition:
    """A partition of a share group, with its log."""

    key: ShareKey
    topic: str
    log: PartitionLog
    share: SharePartition
    state_epoch: int
    leader_epoch: int
    timer: Timer | None = None

    def readable_end(self, config: ShareGroupConfig) -> int:
        """Return the offset behind the last record that may be delivered."""
        return self.log.last_stable_offset if config.reads_committed else self.log.high_watermark


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How much a member wants to acquire, and in which way."""

    max_records: int
    max_bytes: int
    batch_size: int
    mode: AcquireMode


class SharePartitions:
    """All partitions of share groups that are in use, by group, topic id and partition."""

    def __init__(
        self,
        storage: Storage,
        timers: TimerQueue,
        states: ShareStateService,
        config_of: Callable[[str], ShareGroupConfig],
        delayed_fetches: DelayedFetches,
        wall_ms: Callable[[], int],
    ) -> None:
        self._storage = storage
        self._timers = timers
        self._states = states
        self._delayed_fetches = delayed_fetches
        self._wall_ms = wall_ms
        self.config_of = config_of
        """Returns the configuration of a group."""
        self._led: dict[ShareKey, LedPartition] = {}

    def get(self, group_id: str, topic: Topic, index: int) -> LedPartition:
        """Return a partition that exists. Raises StorageError, and RefusedError if its state cannot be taken over."""
        key = ShareKey(group_id, topic.topic_id, index)
        led = self._led.get(key)
        if led is None:
            led = self._led[key] = self._load(key, topic)
        return led

    def find(self, group_id: str, topic_id: bytes, index: int) -> LedPartition | None:
        """Return a partition that is in use, None of any other."""
        return self._led.get(ShareKey(group_id, topic_id, index))

    def _load(self, key: ShareKey, topic: Topic) -> LedPartition:
        log = self._storage.log(topic.name, key.partition)
        leader_epoch = topic.assignment[key.partition].leader_epoch
        state = self._take_over(key, leader_epoch)
        if state.start_offset == NO_OFFSET:
            share = SharePartition(self._first_offset(log, self.config_of(key.group_id).auto_offset_reset))
        else:
            share = SharePartition(state.start_offset, state.batches)
        return LedPartition(
            key=key,
            topic=topic.name,
            log=log,
            share=share,
            state_epoch=state.state_epoch,
            leader_epoch=leader_epoch,
        )

    def _take_over(self, key: ShareKey, leader_epoch: int) -> ShareState:
        """Return a state, and fence the leaders before this one. As in Kafka, the group must have been assigned it."""
        recording = self._states.take_over(key, leader_epoch=leader_epoch)
        state = self._states.read(key)
        if recording.is_settled and recording.error:
            raise _refusal(recording.error)
        if state is None:
            raise _refusal(ErrorCode.INVALID_REQUEST)
        return state

    def _first_offset(self, log: PartitionLog, reset: str) -> int:
        """Return where a group without a state begins (``share.auto.offset.reset``)."""
        if reset == "earliest":
            return log.log_start_offset
        duration = _DURATION.fullmatch(reset)
        if duration is None:
            return log.high_watermark
        days, hours, minutes, seconds = (float(part or 0) for part in duration.groups())
        back = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        found = log.offset_for_timestamp(self._wall_ms() - round(back.total_seconds() * 1000))
        return log.high_watermark if found is None else found.offset

    # What members do

    def acquire(self, led: LedPartition, member_id: str, wanted: Wanted) -> tuple[list[Acquired], FetchSlice]:
        """Acquire records for a member; return their offsets, and the batches that hold them. Raises StorageError."""
        config = self.config_of(led.key.group_id)
        share, log = led.share, led.log
        if share.next_offset < log.log_start_offset:
            share.archive_before(log.log_start_offset)
        for _ in range(_OTHER_TRANSACTIONS + 1):
            offset, end = share.next_offset, led.readable_end(config)
            if offset >= end or not share.can_acquire(config.partition_max_record_locks):
                break
            piece = log.read(offset, max_bytes=wanted.max_bytes, max_offset=end)
            batches, used = _batches(piece, wanted.max_records)
            acquired = share.acquire(
                member_id,
                [(each.base_offset, each.last_offset) for each in batches],
                from_offset=offset,
                max_records=wanted.max_records,
                batch_size=wanted.batch_size,
                mode=wanted.mode,
                config=config,
                now=self._timers.now(),
            )
            if config.reads_committed:
                acquired = self._without_aborted(led, batches, acquired)
            if acquired:
                self._watch_locks(led)
                return acquired, FetchSlice(piece.file, piece.position, used)
        return [], NOTHING

    def _without_aborted(
        self, led: LedPartition, batches: list[BatchHeader], acquired: list[Acquired]
    ) -> list[Acquired]:
        """Archive what belongs to aborted transactions, and return the rest."""
        if not acquired or not batches:
            return acquired
        aborted = led.log.aborted_transactions(batches[0].base_offset, batches[-1].last_offset + 1)
        for batch in batches:
            is_data = batch.attributes & TRANSACTIONAL and not batch.attributes & CONTROL
            if is_data and any(
                each.producer_id == batch.producer_id and each.first_offset <= batch.base_offset <= each.last_offset
                for each in aborted
            ):
                for gone in [a for a in acquired if a.first <= batch.last_offset and a.last >= batch.base_offset]:
                    first, last = max(gone.first, batch.base_offset), min(gone.last, batch.last_offset)
                    led.share.withhold(first, last)
                acquired = [rest for each in acquired for rest in _outside(each, batch.base_offset, batch.last_offset)]
        return acquired

    def acknowledge(
        self, led: LedPartition, member_id: str, acknowledgements: Iterable[Acknowledgement]
    ) -> Recording | None:
        """Apply what a member says of records. Return what must be on disk before the response, or None.

        Raises AcknowledgeRefusedError, and RefusedError if the change cannot be recorded.
        """
        config = self.config_of(led.key.group_id)
        change = led.share.acknowledge(member_id, acknowledgements, config=config, now=self._timers.now())
        recording = self._record(led, change)
        if recording is not None and recording.is_settled and recording.error:
            raise _refusal(recording.error)
        return recording

    def release(self, member_id: str, keys: Iterable[ShareKey]) -> None:
        """Make available what a member has acquired of partitions, because its session has ended."""
        for key in keys:
            led = self._led.get(key)
            if led is not None:
                self._record(led, led.share.release(member_id, config=self.config_of(key.group_id)))

    # Locks

    def _watch_locks(self, led: LedPartition) -> None:
        when = led.share.next_deadline()
        if led.timer is not None:
            if led.timer.when == when and led.timer.callback is not None:
                return
            led.timer.cancel()
            led.timer = None
        if when is not None:
            led.timer = self._timers.call_at(when, partial(self._expire, led), lambda _: self._forget(led))

    def _expire(self, led: LedPartition) -> None:
        led.timer = None
        if self._led.get(led.key) is led:
            change = led.share.expire(self._timers.now(), config=self.config_of(led.key.group_id))
            # As in Kafka, the locks have ended even if that cannot be recorded.
            self._record(led, change, takes_back=False)
            self._delayed_fetches.complete_ready()

    # Changes

    def _record(self, led: LedPartition, change: Change, *, takes_back: bool = True) -> Recording | None:
        """Record a change, and commit it then, or take it back if it is not recorded."""
        if not change.batches:
            self._watch_locks(led)
            return None
        recording = self._states.write(
            led.key,
            state_epoch=led.state_epoch,
            leader_epoch=led.leader_epoch,
            start_offset=change.start_offset,
            delivery_complete_count=change.delivery_complete_count,
            batches=tuple(change.batches),
        )
        recording.when_settled(partial(self._settle, led, change, recording, takes_back))
        return recording

    def _settle(self, led: LedPartition, change: Change, recording: Recording, takes_back: bool) -> None:
        if recording.error and takes_back:
            led.share.take_back(change)
        else:
            led.share.commit(change)
        if recording.error in _OTHERS_LEAD:
            self._forget(led)
        if change.made_available or change.has_moved or recording.error:
            self._delayed_fetches.partition_changed((led.topic, led.key.partition))
        if self._led.get(led.key) is led:
            self._watch_locks(led)

    def _forget(self, led: LedPartition) -> None:
        if led.timer is not None:
            led.timer.cancel()
            led.timer = None
        if self._led.get(led.key) is led:
            del self._led[led.key]

    def forget(self, is_gone: Callable[[ShareKey], bool]) -> None:
        """Drop partitions with all locks: they have another leader, were deleted, or begin elsewhere."""
        for led in [led for key, led in self._led.items() if is_gone(key)]:
            self._forget(led)


def _refusal(error: ErrorCode) -> RefusedError:
    """Return what a member is answered of a partition whose state the share coordinator refuses, as in Kafka."""
    match error:
        case ErrorCode.NOT_COORDINATOR | ErrorCode.COORDINATOR_NOT_AVAILABLE:
            return RefusedError(
                ErrorCode.COORDINATOR_NOT_AVAILABLE, "the share coordinator could not record the change"
            )
        case ErrorCode.FENCED_LEADER_EPOCH | ErrorCode.FENCED_STATE_EPOCH:
            return RefusedError(ErrorCode.NOT_LEADER_OR_FOLLOWER, "the state has a newer epoch")
        case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
            return RefusedError(error, "an unknown partition")
        case _:
            return RefusedError(ErrorCode.UNKNOWN_SERVER_ERROR, "the share coordinator refuses the change")


def _batches(piece: FetchSlice, max_records: int) -> tuple[list[BatchHeader], int]:
    """Return the headers of whole batches up to so many records, and how many bytes these batches are."""
    headers: list[BatchHeader] = []
    position, records = 0, 0
    while position + HEADER_SIZE <= piece.size and records < max_records:
        assert piece.file is not None
        header = read_header(piece.file.read_at(piece.position + position, HEADER_SIZE))
        if position + header.size > piece.size:
            break
        headers.append(header)
        records += header.last_offset - header.base_offset + 1
        position += header.size
    return headers, position


def _outside(acquired: Acquired, first: int, last: int) -> Iterator[Acquired]:
    if acquired.last < first or acquired.first > last:
        yield acquired
        return
    if acquired.first < first:
        yield Acquired(acquired.first, first - 1, acquired.delivery_count)
    if acquired.last > last:
        yield Acquired(last + 1, acquired.last, acquired.delivery_count)
