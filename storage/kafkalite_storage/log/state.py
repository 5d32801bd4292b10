"""What the writer and the reader of one log share."""

from dataclasses import dataclass, field

from kafkalite_storage.errors import storage_failures
from kafkalite_storage.files.filesystem import FileSystem
from kafkalite_storage.log.durability import LogDurability
from kafkalite_storage.log.segments import LogSegments
from kafkalite_storage.log.transaction_verifier import TransactionVerifier
from kafkalite_storage.recovery.recovery import Recovery
from kafkalite_storage.state.leader_epochs import LeaderEpochs
from kafkalite_storage.state.producer_state import ProducerStates


@dataclass(slots=True, kw_only=True)
class LogState:
    """A log's segments, offsets and caches; the log ends where its producers' states end."""

    fs: FileSystem
    directory: str
    segments: LogSegments
    producers: ProducerStates
    epochs: LeaderEpochs
    durability: LogDurability
    recovery: Recovery
    log_start_offset: int
    #: Whether index files may be missing, which a clean close writes.
    lacks_indexes: bool
    #: Whether offsets may be missing because the log was compacted once.
    may_have_gaps: bool
    log_end_offset: int = field(init=False)
    #: Everything below was acknowledged, or found at the start.
    visible_end: int = field(init=False)
    #: The epoch that new batches are written with.
    leader_epoch: int = field(init=False)
    #: `flush.messages`: how many messages may be acknowledged before they are synced.
    flush_messages: int = field(init=False, default=0)
    transactions: TransactionVerifier = field(init=False)

    def __post_init__(self) -> None:
        self.log_end_offset = self.visible_end = self.producers.end_offset
        self.leader_epoch = max(self.epochs.latest, 0)
        self.transactions = TransactionVerifier(self.producers)

    @property
    def high_watermark(self) -> int:
        """End offset for consumers: records that wait for the sync of `flush.messages` come after it."""
        end = self.log_end_offset
        synced = self.durability.recovery_point
        if end - synced < self.flush_messages:
            return end
        return max(self.visible_end, min(synced, end))

    @property
    def last_stable_offset(self) -> int:
        """End offset for read-committed consumers: the start of the oldest open transaction."""
        end = self.high_watermark
        if not self.producers.open_transactions:
            return end
        unstable = self.producers.first_unstable_offset
        return end if unstable is None else min(max(unstable, self.log_start_offset), end)

    def flush(self, *, caches: bool) -> None:
        """Sync everything appended so far, with caches the indexes too. May run in another thread."""
        with storage_failures(self.directory):
            self.durability.flush(self.log_end_offset, caches=caches)
