"""Idempotent and transactional producers (KIP-98)."""

from typing import Any

import pytest

from kafkalite_storage.errors import (
    InvalidProducerEpoch,
    InvalidTxnState,
    OutOfOrderSequence,
    TransactionCoordinatorFenced,
)
from kafkalite_storage.log.log import AppendInfo, AppendOrigin, PartitionLog
from kafkalite_storage.state.producer_snapshot import decode_snapshot, encode_snapshot
from kafkalite_storage.state.producer_state import Producer, ProducerStates, SequencedBatch
from kafkalite_wire.records import BatchHeader, Record, build_batch, build_end_txn_marker, read_header
from tests.support.storage.fixtures import Append, OpenLog

NOW = 1_700_000_000_000


@pytest.fixture
def send(append: Append) -> Append:
    def send_it(
        log: PartitionLog, sequence: int, *values: bytes, epoch: int = 0, producer_id: int = 7, **options: Any
    ) -> AppendInfo:
        return append(log, *values, producer_id=producer_id, producer_epoch=epoch, base_sequence=sequence, **options)

    return send_it


@pytest.fixture
def end() -> Append:
    def end_it(
        log: PartitionLog, *, commit: bool, epoch: int = 0, coordinator_epoch: int = 0, producer_id: int = 7
    ) -> AppendInfo:
        marker = build_end_txn_marker(
            producer_id=producer_id,
            producer_epoch=epoch,
            commit=commit,
            coordinator_epoch=coordinator_epoch,
            timestamp=NOW,
        )
        return log.append(marker, now_ms=NOW, origin=AppendOrigin.BROKER)

    return end_it


def test_a_retry_of_one_of_the_last_five_batches_gets_its_first_offsets(open_log: OpenLog, send: Append) -> None:
    log = open_log()
    for number in range(7):
        send(log, number * 2, b"a", b"b")
    for number in range(2, 7):
        info = send(log, number * 2, b"a", b"b")
        assert (info.is_duplicate, info.base_offset, info.last_offset) == (True, number * 2, number * 2 + 1)
    assert log.log_end_offset == 14


def test_a_retry_of_an_older_batch_is_out_of_order(open_log: OpenLog, send: Append) -> None:
    log = open_log()
    for number in range(7):
        send(log, number)
    with pytest.raises(OutOfOrderSequence) as caught:
        send(log, 1)
    assert caught.value.code == 45


@pytest.mark.parametrize("sequence", [0, 2, 5])
def test_a_gap_or_a_step_back_is_out_of_order(open_log: OpenLog, send: Append, sequence: int) -> None:
    log = open_log()
    send(log, 0, b"a")
    with pytest.raises(OutOfOrderSequence):
        send(log, sequence, b"a", b"b")
    assert log.log_end_offset == 1


def test_a_producer_that_is_not_known_may_start_anywhere(open_log: OpenLog, send: Append) -> None:
    log = open_log()
    assert send(log, 1234).base_offset == 0
    assert send(log, 1235).base_offset == 1


def test_sequence_numbers_wrap_to_zero(open_log: OpenLog, send: Append) -> None:
    log = open_log()
    send(log, (1 << 31) - 2, b"a", b"b")
    assert send(log, 0).base_offset == 2
    send_again = send(log, 0)
    assert send_again.is_duplicate


def test_a_batch_across_the_wrap_is_followed_by_the_right_number(open_log: OpenLog, send: Append) -> None:
    log = open_log()
    send(log, (1 << 31) - 1, b"a", b"b")
    assert send(log, 1).base_offset == 2


def test_an_older_epoch_is_fenced(open_log: OpenLog, send: Append) -> None:
    log = open_log()
    send(log, 0, epoch=3)
    with pytest.raises(InvalidProducerEpoch) as caught:
        send(log, 1, epoch=2)
    assert caught.value.code == 47


def test_a_new_epoch_starts_at_zero(open_log: OpenLog, send: Append) -> None:
    log = open_log()
    send(log, 0, epoch=3)
    with pytest.raises(OutOfOrderSequence):
        send(log, 1, epoch=4)
    assert send(log, 0, epoch=4).base_offset == 1
    assert not send(log, 1, epoch=4).is_duplicate


def test_producers_are_independent(open_log: OpenLog, send: Append) -> None:
    log = open_log()
    send(log, 0, producer_id=1)
    send(log, 0, producer_id=2)
    assert send(log, 1, producer_id=1).base_offset == 2


def test_expired_producers_are_forgotten_unless_a_transaction_is_open(open_log: OpenLog, send: Append) -> None:
    log = open_log()
    send(log, 0, producer_id=1, timestamp=NOW - 100)
    send(log, 0, producer_id=2, timestamp=NOW - 100, is_transactional=True)
    send(log, 0, producer_id=3, timestamp=NOW)
    assert log.expire_producers(NOW - 50) == [1]
    assert send(log, 77, producer_id=1).base_offset == 3


def test_the_last_stable_offset_waits_for_the_oldest_open_transaction(
    open_log: OpenLog, send: Append, end: Append
) -> None:
    log = open_log()
    send(log, 0, producer_id=1)
    send(log, 0, producer_id=2, is_transactional=True)
    send(log, 0, producer_id=3, is_transactional=True)
    assert log.last_stable_offset == 1
    end(log, producer_id=2, commit=True)
    assert log.last_stable_offset == 2
    end(log, producer_id=3, commit=False)
    assert log.last_stable_offset == log.log_end_offset == 5


def test_aborted_transactions_are_listed_for_the_range_that_they_touch(
    open_log: OpenLog, send: Append, end: Append
) -> None:
    log = open_log()
    send(log, 0, is_transactional=True)
    send(log, 1, is_transactional=True)
    end(log, commit=False)
    send(log, 2, is_transactional=True)
    end(log, commit=True)
    [aborted] = log.aborted_transactions(0, 10)
    assert (aborted.producer_id, aborted.first_offset, aborted.last_offset) == (7, 0, 2)
    assert aborted.last_stable_offset == 3
    assert log.aborted_transactions(2, 3) == [aborted]
    assert log.aborted_transactions(3, 10) == []


def test_an_open_transaction_allows_no_plain_batches(open_log: OpenLog, send: Append) -> None:
    log = open_log()
    send(log, 0, is_transactional=True)
    with pytest.raises(InvalidTxnState) as caught:
        send(log, 1)
    assert caught.value.code == 48


def test_markers_of_a_replaced_coordinator_or_an_old_epoch_are_refused(
    open_log: OpenLog, send: Append, end: Append
) -> None:
    log = open_log()
    send(log, 0, epoch=1, is_transactional=True)
    end(log, commit=True, epoch=1, coordinator_epoch=5)
    with pytest.raises(TransactionCoordinatorFenced):
        end(log, commit=True, epoch=1, coordinator_epoch=4)
    with pytest.raises(InvalidProducerEpoch):
        end(log, commit=True, epoch=0, coordinator_epoch=5)
    assert log.log_end_offset == 2


def test_a_snapshot_has_the_bytes_that_kafka_writes() -> None:
    # The snapshot of events-1 at offset 1, taken by Kafka 4.4.0 inside of a transaction.
    content = bytes.fromhex(
        "00019a647fbf000000010000000000000004000000000000000000000000"
        "0000000000000000018bcfe56800ffffffff0000000000000000"
    )
    states = ProducerStates()
    states.producers[4] = Producer(4, 0, [SequencedBatch(0, 0, 0, NOW)], -1, NOW)
    states.open_transactions[4] = 0
    assert encode_snapshot(states) == content
    read = decode_snapshot(content, 1)
    assert (read.producers, read.open_transactions, read.end_offset) == (
        states.producers,
        states.open_transactions,
        1,
    )


@pytest.mark.parametrize("size", range(56))
def test_a_cut_off_snapshot_is_refused(size: int) -> None:
    states = ProducerStates()
    states.producers[4] = Producer(4, 0, [SequencedBatch(0, 0, 0, NOW)], -1, NOW)
    content = encode_snapshot(states)
    assert len(content) == 56
    with pytest.raises(ValueError, match="snapshot"):
        decode_snapshot(content[:size], 1)


def test_a_batch_does_not_overtake_one_that_could_not_begin_its_transaction(open_log: OpenLog, send: Append) -> None:
    log = open_log()
    refused = _header(sequence=2)
    log.producers.note_refused(refused)
    with pytest.raises(OutOfOrderSequence):
        send(log, 3, b"b", is_transactional=True)
    send(log, 2, b"a", is_transactional=True)
    send(log, 3, b"b", is_transactional=True)
    assert log.log_end_offset == 2


def test_the_lowest_refused_batch_comes_first_and_only_in_its_own_epoch(open_log: OpenLog, send: Append) -> None:
    log = open_log()
    for sequence in (5, 3, 7):
        log.producers.note_refused(_header(sequence=sequence))
    with pytest.raises(OutOfOrderSequence):
        send(log, 5, b"a")
    send(log, 4, b"a", epoch=1)
    assert log.log_end_offset == 1


def test_a_batch_without_an_epoch_is_fenced_and_not_out_of_order(open_log: OpenLog, send: Append) -> None:
    log = open_log()
    send(log, 0, b"a")
    with pytest.raises(InvalidProducerEpoch):
        send(log, 1, b"b", epoch=-1)


def test_refused_batches_of_many_producers_do_not_fill_the_memory(open_log: OpenLog, send: Append) -> None:
    log = open_log()
    for producer_id in range(2000):
        log.producers.note_refused(_header(sequence=0, producer_id=producer_id))
    send(log, 1, b"a", producer_id=0)  # forgotten
    with pytest.raises(OutOfOrderSequence):
        send(log, 1, b"a", producer_id=1999)


def test_a_producer_without_batches_begins_its_transaction_with_0(open_log: OpenLog, send: Append, end: Append) -> None:
    log = open_log()
    log.producers.check_beginning(_header(sequence=0))
    with pytest.raises(OutOfOrderSequence):
        log.producers.check_beginning(_header(sequence=1))
    send(log, 0, b"a", is_transactional=True)
    end(log, commit=True)
    log.producers.check_beginning(_header(sequence=1))


def test_a_marker_has_to_raise_the_epoch_of_an_open_transaction_only(
    open_log: OpenLog, send: Append, end: Append
) -> None:
    log = open_log()
    log.producers.check_raised_epoch(7, 0)
    send(log, 0, b"a", is_transactional=True)
    with pytest.raises(InvalidProducerEpoch):
        log.producers.check_raised_epoch(7, 0)
    log.producers.check_raised_epoch(7, 1)
    end(log, commit=True, epoch=1)
    log.producers.check_raised_epoch(7, 1)  # a retry


def _header(*, sequence: int, producer_id: int = 7, epoch: int = 0) -> BatchHeader:
    record = Record(offset=0, timestamp=NOW, key=None, value=b"x")
    return read_header(
        build_batch(
            [record], producer_id=producer_id, producer_epoch=epoch, base_sequence=sequence, is_transactional=True
        )
    )
