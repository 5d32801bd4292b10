"""Reading partitions for a consumer's fetch: what can be read now, and whether it is enough to answer.

A fetch that finds too little waits. It is complete, and is answered with what can be read by then, in these cases:

| rule | complete when |
| --- | --- |
| nothing to wait for | `max_wait_ms` is 0, or no partition was asked for |
| error | reading any partition failed, at the first look or later |
| unknown partition | the topic was deleted or created again, or the partition is unknown |
| leader | the leader of a partition changed: another broker leads it, or the client's epoch is fenced or unknown |
| diverging epoch | the client's last fetched epoch ends elsewhere in this log (KIP-595) |
| log start | the log starts after the fetch offset: records were deleted |
| truncation | the log ends before the fetch offset |
| older segment | the fetch offset lies in an older segment than the end of what can be read |
| min bytes | all partitions together have `min_bytes` to read |
| time | `max_wait_ms` is over |
| shutdown | the broker stops |

"What can be read" ends at the high watermark, for read-committed consumers at the last stable offset. A partition
counts with at most its `partition_max_bytes`, and `min_bytes` is at most the smaller of the request's `max_bytes` and
the broker's `fetch.max.bytes` (KIP-541): more could never be answered. A read ends with its segment, so a fetch from an
older segment would otherwise wait although there is more behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from kafkalite.errors import RefusedError
from kafkalite.fetch.sessions import FetchPartition
from kafkalite.partitions import WORK_OF_OPENING_A_LOG, check_leader, guarded
from kafkalite.requests.steps import WorkMeter
from kafkalite_storage.log.log import PartitionLog
from kafkalite_storage.metadata.topics import Partition, Topic
from kafkalite_storage.segment.segment import NOTHING, FetchSlice
from kafkalite_storage.storage import Storage
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.schema import NO_PAYLOAD, Payload

_WORK_OF_FINDING_RECORDS: Final = 10


@dataclass(slots=True)
class PartitionRead:
    """What reading one partition brought; offsets of -1 are unknown."""

    error_code: int = ErrorCode.NONE
    high_watermark: int = -1
    last_stable_offset: int = -1
    log_start_offset: int = -1
    records: Payload = NO_PAYLOAD
    aborted_transactions: Sequence[tuple[int, int]] | None = None
    """Producer id and first offset of each aborted transaction, for read-committed consumers."""
    diverging_epoch: tuple[int, int] | None = None
    """The largest epoch that the client and this log have in common, and where it ends in this log."""
    preferred_read_replica: int | None = None
    """Where the client is to read in place of the leader (KIP-392)."""
    is_current: bool = False
    """Whether reading again would bring the same, as nothing has changed since."""


class FetchReader:
    """Reads the partitions of one fetch, and tells when a fetch that waits is complete."""

    def __init__(
        self,
        storage: Storage,
        partitions: Sequence[FetchPartition],
        *,
        broker_id: int,
        min_bytes: int,
        max_bytes: int,
        read_committed: bool,
        may_follow: bool = False,
        nearest: Callable[[Partition], int | None] | None = None,
    ) -> None:
        """Prepare to read; ``max_bytes`` limits all partitions together, except for the first batch (KIP-74).

        With ``may_follow`` the broker need not lead a partition of which it has a replica. ``nearest`` returns the
        replica that the client is to read from in place of the leader, None for the leader.
        """
        self._storage = storage
        self._partitions = partitions
        self._broker_id = broker_id
        self._min_bytes = min(min_bytes, max_bytes)
        self._max_bytes = max_bytes
        self._read_committed = read_committed
        self._may_follow = may_follow
        self._nearest = nearest
        self._names_replica = False
        self._size = 0
        self._bytes_left = max_bytes
        self._has_error = False
        self._has_read = False
        self._was_interrupted = False
        self._is_complete = False
        self._numbers: dict[tuple[str, int], int] = {}
        self._available: dict[int, tuple[int, int]] = {}
        self._available_total = 0
        self.reads: list[PartitionRead] = []
        """What was read, in the order of the partitions."""

    def read(self) -> Generator[None]:
        """Read all partitions, in steps. After the first time, only those are read whose state may have changed."""
        self._size = 0
        self._bytes_left = self._max_bytes
        self._has_error = False
        meter = WorkMeter()
        earlier, self.reads = self.reads, []
        for number, wanted in enumerate(self._partitions):
            if earlier and earlier[number].is_current:
                self.reads.append(earlier[number])
                continue
            if meter.add(1 if (wanted.name, wanted.index) in self._storage.open_logs else WORK_OF_OPENING_A_LOG):
                yield
                self._was_interrupted = True
            read = guarded(partial(self._read, wanted), lambda error: self._failed(error.code))
            if len(read.records) and meter.add(_WORK_OF_FINDING_RECORDS):
                yield
                self._was_interrupted = True
            self.reads.append(read)
            self._size += len(read.records)
            self._bytes_left = max(self._bytes_left - len(read.records), 0)
        self._has_read = True

    @property
    def is_satisfied(self) -> bool:
        """Whether what was read is to be answered without waiting."""
        return self._has_error or self._names_replica or self._size >= self._min_bytes

    def watch(self, start: Callable[[tuple[str, int]], bool]) -> Generator[None, None, bool]:
        """Call ``start`` with each partition to wait for, in steps. Return whether the fetch is complete already.

        Each is checked after that, so that no change between the two goes unnoticed. ``start`` returns False where
        the fetch does not wait any more.
        """
        meter = WorkMeter()
        for number, wanted in enumerate(self._partitions):
            if meter.add():
                yield
                self._was_interrupted = True
            assert wanted.name is not None, "a fetch does not wait with an error"
            partition = (wanted.name, wanted.index)
            self._numbers[partition] = number
            if not start(partition):
                return False
            may_have_changed = self._was_interrupted or not self.reads[number].is_current
            if may_have_changed and self._completes(number, wanted):
                self.reads[number].is_current = False
                return True
        return False

    def is_complete(self, partition: tuple[str, int]) -> bool:
        """Return whether the fetch is complete, after something has changed in one of its partitions."""
        number = self._numbers[partition]
        self.reads[number].is_current = False
        self._is_complete = self._is_complete or self._completes(number, self._partitions[number])
        return self._is_complete

    def _completes(self, number: int, wanted: FetchPartition) -> bool:
        return guarded(partial(self._has_enough, number, wanted), lambda _: True)

    def _has_enough(self, number: int, wanted: FetchPartition) -> bool:
        log, _ = self._find(wanted)
        offset, limit = wanted.fetch_offset, wanted.max_bytes
        end = self._readable_end(log)
        if offset < end:
            self.reads[number].is_current = False
        if not log.log_start_offset <= offset <= end or self._diverging_epoch(log, wanted) is not None:
            return True
        if offset < end and not log.on_same_segment(offset, end):
            return True
        counted_to, counted = self._available.get(number, (offset, 0))
        before = min(counted, limit)
        if end < counted_to:
            counted_to, counted = offset, 0
        available = counted + log.bytes_available(counted_to, end)
        self._available[number] = end, available
        self._available_total += min(available, limit) - before
        return self._available_total >= self._min_bytes

    def _find(self, wanted: FetchPartition) -> tuple[PartitionLog, Topic]:
        if wanted.name is None:
            raise RefusedError(ErrorCode.UNKNOWN_TOPIC_ID, "an unknown topic id")
        topic = self._storage.topics.get(wanted.name)
        if topic is None or not 0 <= wanted.index < topic.partitions:
            raise RefusedError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "an unknown partition")
        if isinstance(wanted.topic, bytes) and wanted.topic != topic.topic_id:
            raise RefusedError(ErrorCode.INCONSISTENT_TOPIC_ID, "the topic was created again")
        epoch = wanted.current_leader_epoch
        check_leader(
            topic,
            wanted.index,
            broker_id=self._broker_id,
            current_leader_epoch=epoch,
            may_follow=self._may_follow,
        )
        return self._storage.log(wanted.name, wanted.index), topic

    def _read(self, wanted: FetchPartition) -> PartitionRead:
        log, topic = self._find(wanted)
        if wanted.last_fetched_epoch > topic.assignment[wanted.index].leader_epoch:
            return self._failed(ErrorCode.OFFSET_OUT_OF_RANGE)
        read = PartitionRead(
            high_watermark=log.high_watermark,
            last_stable_offset=log.last_stable_offset,
            log_start_offset=log.log_start_offset,
        )
        if self._nearest is not None:
            read.preferred_read_replica = self._nearest(topic.assignment[wanted.index])
            if read.preferred_read_replica is not None:
                self._names_replica = True
                return read
        end = self._readable_end(log)
        piece = NOTHING
        read.diverging_epoch = self._diverging_epoch(log, wanted)
        if read.diverging_epoch is not None:
            self._has_error = True
        else:
            max_bytes = min(wanted.max_bytes, self._bytes_left)
            read.records = piece = log.read(
                wanted.fetch_offset,
                max_bytes=max(max_bytes, 0),
                min_one_batch=self._size == 0,
                max_offset=end if self._read_committed else None,
            )
            read.is_current = wanted.fetch_offset >= end
            if max_bytes < 0 and not read.is_current:
                return self._failed(ErrorCode.UNKNOWN_SERVER_ERROR)
        if self._read_committed:
            read.aborted_transactions = _aborted(log, wanted.fetch_offset, piece)
        return read

    def _failed(self, error_code: int) -> PartitionRead:
        self._has_error = True
        # As in Kafka, which looks topics up before it reads: empty then, null afterwards.
        is_unknown = error_code in (ErrorCode.UNKNOWN_TOPIC_ID, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
        is_empty = is_unknown and not self._has_read
        return PartitionRead(error_code=error_code, aborted_transactions=() if is_empty else None)

    def _readable_end(self, log: PartitionLog) -> int:
        return log.last_stable_offset if self._read_committed else log.high_watermark

    def _diverging_epoch(self, log: PartitionLog, wanted: FetchPartition) -> tuple[int, int] | None:
        if wanted.last_fetched_epoch < 0:
            return None
        epoch, end_offset = log.end_offset_for_epoch(wanted.last_fetched_epoch)
        if epoch < wanted.last_fetched_epoch or end_offset < wanted.fetch_offset:
            return epoch, end_offset
        return None


def _aborted(log: PartitionLog, offset: int, piece: FetchSlice) -> Sequence[tuple[int, int]]:
    if not piece.size:
        return ()
    found = log.aborted_transactions(offset, log.end_of_piece(offset, piece))
    return [(transaction.producer_id, transaction.first_offset) for transaction in found]
