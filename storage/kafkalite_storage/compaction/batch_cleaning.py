"""What compaction does with one batch: copy it, rebuild it with fewer records, keep its header only, or drop it.

The rules are those of Kafka's cleaner: the newest record of a key stays; a tombstone stays until its batch's delete
horizon (KIP-534), which the first cleaning that sees it sets; a record without a key goes; the records of aborted
transactions go, and then their markers, until a horizon too; of a producer that is still known the last batch stays
at least as a header, so that its sequence numbers are not forgotten (KIP-98).
"""

from collections.abc import Mapping
from typing import Final

from kafkalite_storage.compaction.offset_map import OffsetMap
from kafkalite_storage.compaction.transaction_cleaning import TransactionCleaning
from kafkalite_storage.segment.transaction_index import AbortedTransaction
from kafkalite_storage.state.producer_state import Producer
from kafkalite_wire.batch import CONTROL, DELETE_HORIZON, LENGTH_PREFIX, TRANSACTIONAL, RawHeader
from kafkalite_wire.record_scan import Span, records_of, scan_records
from kafkalite_wire.records import BatchHeader, check_batch, iter_records, read_end_txn_marker
from kafkalite_wire.rewrite_batch import with_records, without_records

#: Returned where each record of a batch must be checked.
LOOK_INSIDE: Final = object()


def read_commit(piece: bytes, at: int, header: RawHeader) -> bool | None:
    """Return whether a control batch commits a transaction or aborts one; None for one that does neither."""
    if header[12] == 0:
        return None
    for record in iter_records(piece[at : at + header[1] + LENGTH_PREFIX]):
        marker = read_end_txn_marker(record)
        if marker is not None:
            return marker.commit
    return None


class BatchCleaning:
    """Decides what remains of each batch of a log; batches are passed in order."""

    __slots__ = (
        "_delete_horizon",
        "_first_dirty",
        "_latest",
        "_log_start",
        "_map",
        "_now_ms",
        "_offsets",
        "_producers",
        "_transactions",
        "aborted",
    )

    def __init__(
        self,
        key_map: OffsetMap,
        transactions: TransactionCleaning,
        producers: Mapping[int, Producer],
        *,
        first_dirty_offset: int,
        log_start_offset: int,
        now_ms: int,
        delete_retention_ms: int,
    ) -> None:
        self._map = key_map
        self._offsets = key_map.offsets
        self._latest = key_map.latest_offset
        self._transactions = transactions
        self._producers = producers
        self._first_dirty = first_dirty_offset
        self._log_start = log_start_offset
        self._now_ms = now_ms
        self._delete_horizon = now_ms + delete_retention_ms
        #: Aborted transactions that ended and left a batch; the caller takes them from here.
        self.aborted: list[AbortedTransaction] = []

    def judge(self, piece: bytes, at: int, header: RawHeader) -> bytes | object | None:
        """Return what remains of a batch, None for nothing, or LOOK_INSIDE: then call `keep`."""
        attributes = header[5]
        if attributes & CONTROL:
            return self._judge_control(piece, at, header)
        base_offset = header[0]
        last_offset = base_offset + header[6]
        if attributes & TRANSACTIONAL and self._transactions.is_aborted(header[9], last_offset):
            pass
        elif last_offset > self._latest:
            # The map had no room for it: the next cleaning decides.
            return piece[at : at + header[1] + LENGTH_PREFIX]
        elif last_offset < self._log_start:
            pass
        elif base_offset < self._first_dirty:
            if header[12]:
                return LOOK_INSIDE
        # A record of the dirty part is the newest of its key if and only if its offset is in the map. Batches that
        # vanish, which are most where few keys are written often, are found without reading their records.
        elif (
            base_offset in self._offsets
            if header[6] == 0
            else not self._offsets.isdisjoint(range(base_offset, last_offset + 1))
        ):
            return LOOK_INSIDE
        return self._header_only(piece, at, header) if header[9] >= 0 else None

    def keep(self, piece: bytes, at: int, header: RawHeader, data: bytes, spans: list[Span]) -> bytes | None:
        """Return what remains of a batch whose records are at spans in data."""
        base_offset = header[0]
        horizon = header[7] if header[5] & DELETE_HORIZON else None
        keeps_tombstones = horizon is None or self._now_ms < horizon
        newest = self._map.newest
        kept: list[Span] = []
        has_tombstones = False
        for span in spans:
            key = span[5]
            if key is None or newest(key, -1) > base_offset + span[4]:
                continue
            if span[7] < 0:
                if not keeps_tombstones:
                    continue
                has_tombstones = True
            kept.append(span)
        if not kept:
            return self._header_only(piece, at, header) if header[9] >= 0 else None
        sets_horizon = has_tombstones and horizon is None
        batch = piece[at : at + header[1] + LENGTH_PREFIX]
        if len(kept) == header[12] and not sets_horizon:
            return batch
        # A new checksum would hide earlier damage.
        return with_records(check_batch(batch), data, kept, self._delete_horizon if sets_horizon else None)

    def _judge_control(self, piece: bytes, at: int, header: RawHeader) -> bytes | None:
        commit = read_commit(piece, at, header)
        is_empty = False
        if commit is not None:
            is_empty, aborted = self._transactions.end(header[9], header[0] + header[6], commit)
            if aborted is not None:
                self.aborted.append(aborted)
        batch = piece[at : at + header[1] + LENGTH_PREFIX]
        if header[12] == 0:
            return self._header_only(piece, at, header)
        if not is_empty:
            return batch
        if header[5] & DELETE_HORIZON:
            return batch if self._now_ms < header[7] else self._header_only(piece, at, header)
        whole = check_batch(batch)
        data = records_of(batch, whole)
        spans: list[Span] = []
        scan_records(data, 0, whole.records_count, spans)
        return with_records(whole, data, spans, self._delete_horizon)

    def _header_only(self, piece: bytes, at: int, header: RawHeader) -> bytes | None:
        """Return the header if this is the last batch of a producer that is still known."""
        producer = self._producers.get(header[9])
        if producer is None:
            return None
        if producer.batches:
            if producer.batches[-1].last_offset != header[0] + header[6]:
                return None
        elif not (header[5] & CONTROL and producer.epoch == header[10]):
            return None
        if header[12] == 0:
            return piece[at : at + header[1] + LENGTH_PREFIX]
        return without_records(BatchHeader._make(header))
