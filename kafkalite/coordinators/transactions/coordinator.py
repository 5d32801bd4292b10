"""The coordinator of all transactional ids: requests and the time go in, records, markers and replies come out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from kafkalite.coordinators.java_strings import coordinator_partition
from kafkalite.coordinators.results import NO_RESULT, CoordinatorResult, MarkerAppend, ResultBuilder, TransactionMarker
from kafkalite.coordinators.timers import Timers
from kafkalite.coordinators.transactions.states import IDLE_STATES, Trigger
from kafkalite.coordinators.transactions.transaction import (
    NO_EPOCH,
    NO_PRODUCER_ID,
    Partition,
    Transaction,
)
from kafkalite.coordinators.transactions.versions import VERSION_1, VERSION_2, fenced
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.errors import WireError
from kafkalite_wire.messages.end_txn import EndTxnResponse
from kafkalite_wire.messages.init_producer_id import InitProducerIdResponse
from kafkalite_wire.messages.transaction_records import (
    TransactionState,
    decode_transaction_key,
    decode_transaction_value,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Set

    from kafkalite.coordinators.replay import ReplayedRecord
    from kafkalite.coordinators.results import Client, ResponseSink
    from kafkalite.coordinators.service import Skip
    from kafkalite.requests.steps import Steps, WorkMeter
    from kafkalite_wire.messages.end_txn import EndTxnRequest
    from kafkalite_wire.messages.init_producer_id import InitProducerIdRequest

__all__ = ["TransactionConfig", "TransactionCoordinator", "partition_for"]

_END_TXN_VERSION_2: Final = 5
_INIT_FENCED_SINCE: Final = 4
_END_FENCED_SINCE: Final = 2
_RETRY_MARKER_AFTER: Final = 1.0
_WORK_OF_A_RECORD: Final = 4

_GONE: Final = (ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.INVALID_PRODUCER_EPOCH)
"""Errors of a marker that no retry mends: the topic was deleted, or an administrator has ended the transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionConfig:
    """Kafka's properties of the same names; times are seconds."""

    transaction_max_timeout: float = 900.0
    transactional_id_expiration: float = 604_800.0
    transaction_remove_expired_transaction_cleanup_interval: float = 3600.0


def partition_for(transactional_id: str, partitions: int) -> int:
    """Return the partition of ``__transaction_state`` that a transactional id belongs to."""
    return coordinator_partition(transactional_id, partitions)


class TransactionCoordinator:
    """All transactional ids.

    ``now`` is monotonic seconds, ``wall_ms`` is record time in milliseconds since 1970. ``handle`` comes back in the
    one reply to the request. The service appends the records of a result before it sends the replies, writes the
    markers after that, and calls :meth:`advance` when :meth:`next_deadline` has come.

    ``new_producer_id`` returns an id that was never used, or None if none can be reserved now. ``coordinator_epoch``
    returns the leader epoch of the partition that a transactional id belongs to. ``held`` are the transactional ids
    whose markers a test holds back; None stands for all of them.
    """

    def __init__(
        self,
        config: TransactionConfig,
        *,
        new_producer_id: Callable[[], int | None],
        coordinator_epoch: Callable[[str], int],
        held: Set[str | None] = frozenset(),
    ) -> None:
        self._config = config
        self._new_producer_id = new_producer_id
        self._coordinator_epoch = coordinator_epoch
        self._transactions: dict[str, Transaction] = {}
        self._timers = Timers()
        self._expiry = self._timers.timer(self._expire)
        self._failed: frozenset[int] = frozenset()
        self._topic_partitions = 1
        self._held = held

    def __iter__(self) -> Iterator[Transaction]:
        return iter(self._transactions.values())

    def get(self, transactional_id: str) -> Transaction | None:
        """Return the state of a transactional id, or None if it is not known."""
        return self._transactions.get(transactional_id)

    def refusal(self, transactional_id: str) -> ErrorCode:
        """Return why no request for a transactional id can be served, NONE if it can."""
        if not transactional_id:
            return ErrorCode.INVALID_REQUEST
        if self._failed and partition_for(transactional_id, self._topic_partitions) in self._failed:
            return ErrorCode.NOT_COORDINATOR
        return ErrorCode.NONE

    # InitProducerId

    def init_producer_id(
        self, request: InitProducerIdRequest, client: Client, handle: ResponseSink, *, now: float, wall_ms: int
    ) -> CoordinatorResult:
        """Return the producer id and the next epoch of a transactional id, after ending an open transaction."""
        result = ResultBuilder(now, wall_ms)
        error, transaction = self._initialize(request, result, wall_ms)
        if error or transaction is None:
            error = fenced(error, client.api_version, _INIT_FENCED_SINCE)
            result.reply(handle, InitProducerIdResponse(error_code=error, producer_epoch=NO_EPOCH))
        else:
            result.reply(
                handle,
                InitProducerIdResponse(producer_id=transaction.producer_id, producer_epoch=transaction.producer_epoch),
            )
        self._watch_expiry(now)
        return result.build()

    def _initialize(
        self, request: InitProducerIdRequest, result: ResultBuilder, wall_ms: int
    ) -> tuple[ErrorCode, Transaction | None]:
        transactional_id, timeout_ms = request.transactional_id or "", request.transaction_timeout_ms
        error = self.refusal(transactional_id)
        if error:
            return error, None
        if not 0 < timeout_ms <= self._config.transaction_max_timeout * 1000:
            return ErrorCode.INVALID_TRANSACTION_TIMEOUT, None
        transaction = self._transactions.get(transactional_id)
        if transaction is None:
            producer_id = self._new_producer_id()
            if producer_id is None:
                return ErrorCode.COORDINATOR_NOT_AVAILABLE, None
            transaction = self._create(transactional_id, producer_id)
        is_named = request.producer_id != NO_PRODUCER_ID
        if is_named and not self._may_continue(transaction, request.producer_id, request.producer_epoch):
            return ErrorCode.PRODUCER_FENCED, None
        if transaction.is_ending:
            return ErrorCode.CONCURRENT_TRANSACTIONS, None
        if transaction.state is TransactionState.ONGOING:
            # The producer retries until the open transaction has been aborted.
            self._abort_and_fence(transaction, result)
            return ErrorCode.CONCURRENT_TRANSACTIONS, None
        expected = request.producer_epoch if is_named else None
        return self._next_epoch(transaction, expected, timeout_ms, result, wall_ms), transaction

    def _create(self, transactional_id: str, producer_id: int) -> Transaction:
        transaction = Transaction(
            transactional_id=transactional_id, timeout=self._timers.timer(_unset), producer_id=producer_id
        )
        transaction.timeout.action = partial(self._timed_out, transaction)
        self._transactions[transactional_id] = transaction
        return transaction

    def _may_continue(self, transaction: Transaction, producer_id: int, producer_epoch: int) -> bool:
        return (
            transaction.producer_epoch == NO_EPOCH
            or producer_id == transaction.producer_id
            or transaction.is_earlier_producer(producer_id, producer_epoch)
        )

    def _next_epoch(
        self, transaction: Transaction, expected: int | None, timeout_ms: int, result: ResultBuilder, wall_ms: int
    ) -> ErrorCode:
        """Raise the epoch; ``expected`` is the one that the producer had, None for a new producer (KIP-360)."""
        epoch = transaction.producer_epoch
        producer_id, next_epoch = transaction.producer_id, epoch + 1
        last_epoch = NO_EPOCH if expected is None else epoch
        if transaction.is_exhausted and expected in (None, epoch):
            new_id = self._new_producer_id()
            if new_id is None:
                return ErrorCode.COORDINATOR_NOT_AVAILABLE
            producer_id, next_epoch = new_id, 0
        elif expected is not None and epoch not in (NO_EPOCH, expected):
            if expected != transaction.last_producer_epoch:
                return ErrorCode.PRODUCER_FENCED
            next_epoch, last_epoch = epoch, expected  # a retry of a request that was carried out
        transaction.initialize(
            producer_id=producer_id, epoch=next_epoch, last_epoch=last_epoch, timeout_ms=timeout_ms, wall_ms=wall_ms
        )
        transaction.write(result)
        return ErrorCode.NONE

    # Partitions

    def add_partitions(
        self,
        transactional_id: str,
        producer_id: int,
        producer_epoch: int,
        partitions: Collection[Partition],
        handle: ResponseSink,
        *,
        client_version: int,
        now: float,
        wall_ms: int,
    ) -> CoordinatorResult:
        """Add partitions to the transaction, and begin one if there is none; reply with an error code."""
        result = ResultBuilder(now, wall_ms)
        transaction, error = self._find(transactional_id, producer_id, producer_epoch)
        if transaction is not None and not error:
            error = self._add(transaction, partitions, client_version, result, wall_ms)
        result.reply(handle, error)
        return result.build()

    def _add(
        self,
        transaction: Transaction,
        partitions: Collection[Partition],
        client_version: int,
        result: ResultBuilder,
        wall_ms: int,
    ) -> ErrorCode:
        if transaction.is_ending:
            return ErrorCode.CONCURRENT_TRANSACTIONS
        is_ongoing = transaction.state is TransactionState.ONGOING
        if is_ongoing and transaction.partitions.keys() >= set(partitions):
            return ErrorCode.NONE
        if transaction.add(partitions, client_version, wall_ms):
            transaction.timeout.move(result.now + transaction.timeout_ms / 1000)
        transaction.write(result)
        return ErrorCode.NONE

    def verify(
        self, transactional_id: str, producer_id: int, producer_epoch: int, partitions: Iterable[Partition]
    ) -> dict[Partition, ErrorCode]:
        """Return for each partition whether it is in the transaction (KIP-890): NONE, or the error."""
        transaction, error = self._find(transactional_id, producer_id, producer_epoch)
        if transaction is not None and not error and transaction.is_ending:
            error = ErrorCode.CONCURRENT_TRANSACTIONS
        if transaction is None or error:
            return dict.fromkeys(partitions, error)
        return {
            each: ErrorCode.NONE if each in transaction.partitions else ErrorCode.TRANSACTION_ABORTABLE
            for each in partitions
        }

    def _find(
        self, transactional_id: str, producer_id: int, producer_epoch: int
    ) -> tuple[Transaction | None, ErrorCode]:
        error = self.refusal(transactional_id)
        if error:
            return None, error
        transaction = self._transactions.get(transactional_id)
        if transaction is None or transaction.producer_id != producer_id:
            return transaction, ErrorCode.INVALID_PRODUCER_ID_MAPPING
        if transaction.producer_epoch != producer_epoch:
            return transaction, ErrorCode.PRODUCER_FENCED
        return transaction, ErrorCode.NONE

    # EndTxn

    def end_txn(
        self, request: EndTxnRequest, client: Client, handle: ResponseSink, *, now: float, wall_ms: int
    ) -> CoordinatorResult:
        """Record how a transaction ends, and reply; the markers are written after that, as in Kafka."""
        result = ResultBuilder(now, wall_ms)
        version = VERSION_2 if client.api_version >= _END_TXN_VERSION_2 else VERSION_1
        error = self.refusal(request.transactional_id)
        transaction = self._transactions.get(request.transactional_id)
        if not error:
            error = self._check_end(transaction, request, version)
        if error or transaction is None:
            error = fenced(error, client.api_version, _END_FENCED_SINCE)
            result.reply(handle, EndTxnResponse(error_code=error))
            return result.build()
        if not self._is_repeated(transaction, request, version):
            error = self._prepare(transaction, commit=request.committed, client_version=version, result=result)
            if error:
                result.reply(handle, EndTxnResponse(error_code=error))
                return result.build()
        producer_id, producer_epoch = transaction.successor()
        result.reply(handle, EndTxnResponse(producer_id=producer_id, producer_epoch=producer_epoch))
        return result.build()

    def _check_end(self, transaction: Transaction | None, request: EndTxnRequest, version: int) -> ErrorCode:
        if transaction is None:
            return ErrorCode.INVALID_PRODUCER_ID_MAPPING
        rotated = version >= VERSION_2 and transaction.is_retry_after_rotation(
            request.producer_id, request.producer_epoch
        )
        if transaction.producer_id != request.producer_id and not rotated:
            return ErrorCode.INVALID_PRODUCER_ID_MAPPING
        if not self._is_valid_epoch(transaction, request, version):
            return ErrorCode.PRODUCER_FENCED
        is_repeated = self._is_repeated(transaction, request, version)
        match transaction.state:
            case TransactionState.ONGOING:
                return ErrorCode.NONE
            case TransactionState.PREPARE_COMMIT | TransactionState.PREPARE_ABORT:
                same = transaction.commits == request.committed
                return ErrorCode.CONCURRENT_TRANSACTIONS if same else ErrorCode.INVALID_TXN_STATE
            case TransactionState.COMPLETE_COMMIT | TransactionState.COMPLETE_ABORT if is_repeated:
                was_commit = transaction.state is TransactionState.COMPLETE_COMMIT
                return ErrorCode.NONE if was_commit == request.committed else ErrorCode.INVALID_TXN_STATE
            case _:
                # An abort without partitions only raises the epoch.
                may_abort = version >= VERSION_2 and not request.committed
                return ErrorCode.NONE if may_abort else ErrorCode.INVALID_TXN_STATE

    def _is_valid_epoch(self, transaction: Transaction, request: EndTxnRequest, version: int) -> bool:
        is_same = request.producer_epoch == transaction.producer_epoch
        if version < VERSION_2:
            return is_same
        is_retry = transaction.is_retry(request.producer_id, request.producer_epoch)
        match transaction.state:
            case TransactionState.PREPARE_COMMIT | TransactionState.PREPARE_ABORT:
                return is_retry
            case TransactionState.COMPLETE_COMMIT | TransactionState.COMPLETE_ABORT:
                return is_same or is_retry
            case _:
                return is_same

    def _is_repeated(self, transaction: Transaction, request: EndTxnRequest, version: int) -> bool:
        """Return whether a request asks for the end of a transaction that has ended already."""
        if transaction.state not in (TransactionState.COMPLETE_COMMIT, TransactionState.COMPLETE_ABORT):
            return False
        return version < VERSION_2 or transaction.is_retry(request.producer_id, request.producer_epoch)

    def _prepare(
        self,
        transaction: Transaction,
        *,
        commit: bool,
        client_version: int,
        recorded: int | None = None,
        result: ResultBuilder,
    ) -> ErrorCode:
        assert result.wall_ms is not None
        next_producer_id = NO_PRODUCER_ID
        if client_version >= VERSION_2 and transaction.is_exhausted:
            new_id = self._new_producer_id()
            if new_id is None:
                return ErrorCode.COORDINATOR_NOT_AVAILABLE
            next_producer_id = new_id
        transaction.prepare(
            commit=commit,
            client_version=client_version,
            next_producer_id=next_producer_id,
            wall_ms=result.wall_ms,
        )
        if recorded is not None:
            transaction.client_version = recorded
        transaction.timeout.cancel()
        transaction.write(result)
        result.then(partial(self._write_markers, transaction, transaction.incarnation, result.now, result.wall_ms))
        return ErrorCode.NONE

    def _abort_and_fence(self, transaction: Transaction, result: ResultBuilder) -> None:
        """Abort the open transaction, with a higher epoch than its producer has."""
        if transaction.client_version >= VERSION_2 and not self._prepare(
            transaction, commit=False, client_version=VERSION_2, result=result
        ):
            return
        # The producer itself may go on: InitProducerId with its old epoch then returns the new one (KIP-588).
        transaction.last_producer_epoch = transaction.producer_epoch
        transaction.producer_epoch += 1
        self._prepare(transaction, commit=False, client_version=VERSION_1, recorded=VERSION_2, result=result)

    # Markers

    def _write_markers(self, transaction: Transaction, incarnation: int, now: float, wall_ms: int) -> CoordinatorResult:
        """Write the markers that are still missing; record the end of the transaction when there are none."""
        if not transaction.is_ending or transaction.incarnation != incarnation:
            return NO_RESULT
        if self._are_held(transaction):
            return NO_RESULT
        result = ResultBuilder(now, wall_ms)
        if not transaction.unmarked:
            self._complete(transaction, result, wall_ms)
            return result.build()
        result.write_markers(self._missing_markers(transaction, incarnation, now, wall_ms))
        return result.build()

    def missing_markers(self, transactional_id: str, *, now: float, wall_ms: int) -> Iterable[MarkerAppend]:
        """Return the markers that an ended transaction still lacks; none where tests hold them back."""
        transaction = self._transactions.get(transactional_id)
        if transaction is None or not transaction.is_ending or self._are_held(transaction):
            return ()
        return self._missing_markers(transaction, transaction.incarnation, now, wall_ms)

    def _are_held(self, transaction: Transaction) -> bool:
        return not self._held.isdisjoint((None, transaction.transactional_id))

    def _missing_markers(
        self, transaction: Transaction, incarnation: int, now: float, wall_ms: int
    ) -> Iterator[MarkerAppend]:
        """Walk over the markers that are missing; a retry may have written some of them in between."""
        marker = TransactionMarker(
            producer_id=transaction.producer_id,
            producer_epoch=transaction.producer_epoch,
            commit=transaction.commits,
            coordinator_epoch=self._coordinator_epoch(transaction.transactional_id),
        )
        for partition in tuple(transaction.unmarked):
            if not transaction.is_ending or transaction.incarnation != incarnation:
                return
            if partition in transaction.unmarked:
                done = partial(self._marked, transaction, incarnation, partition, now, wall_ms)
                yield MarkerAppend(*partition, marker, done)

    def _marked(
        self,
        transaction: Transaction,
        incarnation: int,
        partition: Partition,
        now: float,
        wall_ms: int,
        error: ErrorCode,
    ) -> CoordinatorResult:
        if not transaction.is_ending or transaction.incarnation != incarnation:
            return NO_RESULT
        if error and error not in _GONE:
            if transaction.timeout.when is None:
                transaction.timeout.move(now + _RETRY_MARKER_AFTER)
            return NO_RESULT
        transaction.unmarked.pop(partition, None)
        result = ResultBuilder(now, wall_ms)
        if not transaction.unmarked:
            self._complete(transaction, result, wall_ms)
        return result.build()

    def _complete(self, transaction: Transaction, result: ResultBuilder, wall_ms: int) -> None:
        transaction.complete(wall_ms)
        transaction.timeout.cancel()
        transaction.write(result)

    # The log and the time

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
        """Take over, in steps, the transactional ids of one partition of so many; :meth:`resume` completes them."""
        self._topic_partitions = partitions
        last: dict[bytes, ReplayedRecord] = {record.key: record for record in records}
        for record in last.values():
            if meter.add(_WORK_OF_A_RECORD):
                yield
            try:
                key = decode_transaction_key(record.key)
                value = None if key is None or record.value is None else decode_transaction_value(record.value)
            except WireError as error:
                skip(record, f"it cannot be decoded ({error})")
                continue
            if key is None:
                skip(record, f"its type {int.from_bytes(record.key[:2])} is unknown")
                continue
            if partition_for(key.transactional_id, partitions) != number:
                continue
            if value is None:
                continue
            try:
                transaction = Transaction.of_record(key.transactional_id, value, self._timers.timer(_unset))
            except ValueError as error:
                skip(record, str(error))
                continue
            transaction.timeout.action = partial(self._timed_out, transaction)
            self._transactions[key.transactional_id] = transaction
            if transaction.state is TransactionState.ONGOING:
                left_ms = max(transaction.start_ms + transaction.timeout_ms - wall_ms, 0)
                transaction.timeout.move(now + left_ms / 1000)
        self._watch_expiry(now)

    def fail_partitions(self, failed: Collection[int], partitions: int) -> None:
        """Answer NOT_COORDINATOR for what belongs to partitions that could not be loaded, out of so many."""
        self._failed = frozenset(failed)
        self._topic_partitions = partitions

    def resume(self, *, now: float, wall_ms: int) -> CoordinatorResult:
        """Carry out what was decided and not completed when the state was loaded."""
        result = ResultBuilder(now, wall_ms)
        for transaction in self:
            if transaction.is_ending:
                result.then(partial(self._write_markers, transaction, transaction.incarnation, now, wall_ms))
        return result.build()

    def next_deadline(self) -> float | None:
        """Return when :meth:`advance` must be called, None while no timer is set."""
        return self._timers.next_deadline()

    def advance(self, now: float, wall_ms: int) -> CoordinatorResult:
        """Run the timers that are due: transactions time out, markers are tried again, transactional ids expire."""
        result = ResultBuilder(now, wall_ms)
        while (timer := self._timers.pop_due(now)) is not None:
            timer.action(result)
        return result.build()

    def waiting_handles(self) -> Collection[ResponseSink]:
        """Return the handles that are owed a response: none, because every request is answered at once."""
        return ()

    def _timed_out(self, transaction: Transaction, result: ResultBuilder) -> None:
        assert result.wall_ms is not None
        if transaction.state is TransactionState.ONGOING:
            self._abort_and_fence(transaction, result)
        elif transaction.is_ending:
            result.then(partial(self._write_markers, transaction, transaction.incarnation, result.now, result.wall_ms))

    def _watch_expiry(self, now: float) -> None:
        if self._expiry.when is None and self._transactions:
            self._expiry.move(now + self._config.transaction_remove_expired_transaction_cleanup_interval)

    def _expire(self, result: ResultBuilder) -> None:
        assert result.wall_ms is not None
        before_ms = result.wall_ms - self._config.transactional_id_expiration * 1000
        for transaction in tuple(self):
            if transaction.state in IDLE_STATES and transaction.updated_ms <= before_ms:
                transaction.transition(Trigger.EXPIRED, result.wall_ms)
                transaction.write_tombstone(result)
                del self._transactions[transaction.transactional_id]
        self._watch_expiry(result.now)

    # Controls of tests

    def abort(self, transactional_id: str, *, now: float, wall_ms: int) -> CoordinatorResult:
        """Abort an open transaction as its time-out does. Raises KeyError if there is none."""
        transaction = self._transactions[transactional_id]
        if transaction.state is not TransactionState.ONGOING:
            raise KeyError(transactional_id)
        result = ResultBuilder(now, wall_ms)
        self._abort_and_fence(transaction, result)
        return result.build()


def _unset(result: ResultBuilder) -> None:
    raise AssertionError(f"a timer without an action was due at {result.now}")
