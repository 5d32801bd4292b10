"""What the transaction coordinator records, answers and writes, in which order, and what it does when time passes."""

from __future__ import annotations

import pytest

from kafkalite.coordinators.transactions.coordinator import TransactionConfig
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.transaction_records import TransactionState, decode_transaction_value
from tests.support.transaction_harness import ID, ORDERS, VERSION_1, VERSION_2, TransactionBench

OFFSETS = ("__consumer_offsets", 3)
LAST_EPOCH = 32_766


def test_the_decision_is_recorded_and_answered_before_the_markers_are_written() -> None:
    bench = TransactionBench()
    producer_id, epoch = bench.begin(partitions=(ORDERS, OFFSETS))
    bench.events.clear()
    bench.end(producer_id, epoch, commit=True)
    assert bench.events == ["record", "reply", "marker", "marker", "record"]
    assert [(marker.topic, marker.partition) for marker in bench.markers] == [ORDERS, OFFSETS]


def test_an_end_with_version_2_raises_the_epoch_and_writes_it_into_the_markers() -> None:
    bench = TransactionBench()
    producer_id, epoch = bench.begin()
    answer = bench.end(producer_id, epoch, commit=True)
    assert (answer.producer_id, answer.producer_epoch) == (producer_id, epoch + 1)
    assert bench.markers[0].marker.producer_epoch == epoch + 1
    assert bench.markers[0].marker.coordinator_epoch == 7


def test_an_end_with_version_1_keeps_the_epoch() -> None:
    bench = TransactionBench()
    producer_id, epoch = bench.begin(version=VERSION_1)
    bench.end(producer_id, epoch, commit=False, version=4)
    assert bench.transaction.producer_epoch == epoch
    assert bench.markers[0].marker.producer_epoch == epoch
    assert not bench.markers[0].marker.commit


def test_an_abort_without_partitions_raises_the_epoch() -> None:
    bench = TransactionBench()
    made = bench.init()
    answer = bench.end(made.producer_id, made.producer_epoch, commit=False)
    assert (answer.error_code, answer.producer_epoch) == (ErrorCode.NONE, made.producer_epoch + 1)
    assert bench.markers == []
    assert bench.transaction.state is TransactionState.COMPLETE_ABORT


def test_a_retried_end_is_answered_with_the_epoch_of_the_first_answer() -> None:
    bench = TransactionBench()
    producer_id, epoch = bench.begin()
    first = bench.end(producer_id, epoch, commit=True)
    records = len(bench.log)
    assert bench.end(producer_id, epoch, commit=True) == first
    assert len(bench.log) == records


@pytest.mark.parametrize("version", [VERSION_1, VERSION_2])
def test_a_new_producer_fences_an_open_transaction_and_is_two_epochs_ahead(version: int) -> None:
    bench = TransactionBench()
    producer_id, epoch = bench.begin(version=version)
    assert bench.init().error_code == ErrorCode.CONCURRENT_TRANSACTIONS
    assert bench.transaction.state is TransactionState.COMPLETE_ABORT
    assert bench.markers[0].marker.producer_epoch == epoch + 1
    made = bench.init()
    assert (made.producer_id, made.producer_epoch) == (producer_id, epoch + 2)
    assert bench.add(producer_id, epoch) is ErrorCode.PRODUCER_FENCED


def test_a_producer_that_initializes_again_gets_the_next_epoch_and_a_retry_the_same() -> None:
    bench = TransactionBench()
    made = bench.init()
    again = bench.init(producer_id=made.producer_id, epoch=made.producer_epoch)
    assert again.producer_epoch == made.producer_epoch + 1
    assert bench.init(producer_id=made.producer_id, epoch=made.producer_epoch) == again


@pytest.mark.parametrize("version", [VERSION_1, VERSION_2])
def test_a_producer_may_go_on_after_its_transaction_was_aborted(version: int) -> None:
    bench = TransactionBench()
    producer_id, epoch = bench.begin(version=version)
    assert bench.init(producer_id=producer_id, epoch=epoch).error_code == ErrorCode.CONCURRENT_TRANSACTIONS
    for _ in range(2):
        made = bench.init(producer_id=producer_id, epoch=epoch)
        assert (made.error_code, made.producer_id, made.producer_epoch) == (ErrorCode.NONE, producer_id, epoch + 1)


def test_a_producer_that_another_one_has_replaced_is_fenced_when_it_initializes_again() -> None:
    bench = TransactionBench()
    made = bench.init()
    bench.init()
    answer = bench.init(producer_id=made.producer_id, epoch=made.producer_epoch)
    assert answer.error_code == ErrorCode.PRODUCER_FENCED
    old = bench.init(producer_id=made.producer_id, epoch=made.producer_epoch, version=3)
    assert old.error_code == ErrorCode.INVALID_PRODUCER_EPOCH


@pytest.mark.parametrize("timeout_ms", [0, -1, 900_001])
def test_a_time_out_must_be_positive_and_not_above_the_maximum(timeout_ms: int) -> None:
    bench = TransactionBench()
    assert bench.init(timeout_ms=timeout_ms).error_code == ErrorCode.INVALID_TRANSACTION_TIMEOUT
    assert bench.log == []


def test_an_open_transaction_is_aborted_when_its_time_is_over() -> None:
    bench = TransactionBench()
    producer_id, epoch = bench.begin()
    bench.pass_time(59.999)
    assert bench.transaction.state is TransactionState.ONGOING
    bench.pass_time(0.001)
    assert bench.transaction.state is TransactionState.COMPLETE_ABORT
    assert bench.transaction.producer_epoch == epoch + 1
    assert bench.end(producer_id, epoch, commit=True).error_code == ErrorCode.INVALID_TXN_STATE
    assert bench.add(producer_id, epoch) is ErrorCode.PRODUCER_FENCED


def test_the_time_of_a_transaction_counts_from_its_first_partition() -> None:
    bench = TransactionBench()
    producer_id, epoch = bench.begin()
    bench.pass_time(50)
    bench.add(producer_id, epoch, [("orders", 1)])
    bench.pass_time(10)
    assert bench.transaction.state is TransactionState.COMPLETE_ABORT


def test_a_transaction_keeps_its_time_out_over_a_restart() -> None:
    bench = TransactionBench()
    bench.begin()
    bench.pass_time(40)
    bench.restart()
    assert bench.transaction.state is TransactionState.ONGOING
    bench.pass_time(19.999)
    assert bench.transaction.state is TransactionState.ONGOING
    bench.pass_time(0.001)
    assert bench.transaction.state is TransactionState.COMPLETE_ABORT


@pytest.mark.parametrize("commit", [True, False])
def test_a_decision_is_carried_out_after_a_restart(commit: bool) -> None:
    bench = TransactionBench(holds=True)
    producer_id, epoch = bench.begin()
    bench.end(producer_id, epoch, commit=commit)
    assert bench.markers == []
    bench.held.clear()
    bench.restart()
    assert [marker.marker.commit for marker in bench.markers] == [commit]
    expected = TransactionState.COMPLETE_COMMIT if commit else TransactionState.COMPLETE_ABORT
    assert bench.transaction.state is expected
    assert bench.transaction.producer_epoch == epoch + 1


def test_held_markers_are_written_when_they_are_released() -> None:
    bench = TransactionBench(holds=True)
    producer_id, epoch = bench.begin()
    assert bench.end(producer_id, epoch, commit=True).error_code == ErrorCode.NONE
    assert bench.add(producer_id, epoch + 1) is ErrorCode.CONCURRENT_TRANSACTIONS
    bench.release()
    assert bench.transaction.state is TransactionState.COMPLETE_COMMIT
    assert bench.add(producer_id, epoch + 1) is ErrorCode.NONE


def test_a_marker_that_fails_is_tried_again() -> None:
    bench = TransactionBench(marker_error=ErrorCode.KAFKA_STORAGE_ERROR)
    producer_id, epoch = bench.begin()
    bench.end(producer_id, epoch, commit=True)
    assert bench.transaction.state is TransactionState.PREPARE_COMMIT
    bench.marker_error = ErrorCode.NONE
    bench.pass_time(1)
    assert bench.transaction.state is TransactionState.COMPLETE_COMMIT


@pytest.mark.parametrize("error", [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.INVALID_PRODUCER_EPOCH])
def test_a_marker_that_can_never_be_written_does_not_hold_the_transaction_up(error: ErrorCode) -> None:
    bench = TransactionBench(marker_error=error)
    producer_id, epoch = bench.begin()
    bench.end(producer_id, epoch, commit=True)
    assert bench.transaction.state is TransactionState.COMPLETE_COMMIT


def _exhaust(bench: TransactionBench, version: int = VERSION_2) -> int:
    made = bench.init()
    bench.transaction.producer_epoch = LAST_EPOCH
    assert bench.add(made.producer_id, LAST_EPOCH, version=version) is ErrorCode.NONE
    return made.producer_id


def test_the_end_of_a_transaction_with_the_last_epoch_hands_out_a_new_producer_id() -> None:
    bench = TransactionBench()
    producer_id = _exhaust(bench)
    answer = bench.end(producer_id, LAST_EPOCH, commit=True)
    assert answer.producer_id != producer_id
    assert answer.producer_epoch == 0
    assert bench.markers[0].marker.producer_id == producer_id
    assert bench.markers[0].marker.producer_epoch == LAST_EPOCH + 1
    assert bench.end(producer_id, LAST_EPOCH, commit=True) == answer, "a retry"
    assert bench.add(answer.producer_id, 0) is ErrorCode.NONE


def test_the_next_producer_id_survives_a_restart_between_decision_and_markers() -> None:
    bench = TransactionBench(holds=True)
    producer_id = _exhaust(bench)
    answer = bench.end(producer_id, LAST_EPOCH, commit=True)
    bench.held.clear()
    bench.restart()
    assert (bench.transaction.producer_id, bench.transaction.producer_epoch) == (answer.producer_id, 0)
    assert bench.end(producer_id, LAST_EPOCH, commit=True) == answer, "a retry after the restart"


@pytest.mark.parametrize("version", [VERSION_1, VERSION_2])
def test_a_time_out_with_the_last_epoch_leaves_a_producer_id_to_go_on_with(version: int) -> None:
    bench = TransactionBench()
    producer_id = _exhaust(bench, version)
    bench.pass_time(60)
    assert bench.transaction.state is TransactionState.COMPLETE_ABORT
    made = bench.init()
    assert made.error_code == ErrorCode.NONE
    assert made.producer_id != producer_id
    assert made.producer_epoch <= 1


def test_an_idle_producer_with_the_last_epoch_gets_a_new_producer_id() -> None:
    bench = TransactionBench()
    made = bench.init()
    bench.transaction.producer_epoch = LAST_EPOCH
    again = bench.init(producer_id=made.producer_id, epoch=LAST_EPOCH)
    assert again.producer_id != made.producer_id
    assert again.producer_epoch == 0


def test_unused_transactional_ids_expire_and_open_transactions_do_not() -> None:
    bench = TransactionBench(config=TransactionConfig(transactional_id_expiration=7200.0))
    bench.init("idle")
    bench.init("busy", timeout_ms=900_000)
    bench.pass_time(3000)
    bench.init("busy", timeout_ms=900_000)
    bench.pass_time(4200)
    assert bench.coordinator.get("idle") is None
    assert bench.coordinator.get("busy") is not None
    key, value = bench.log[-1]
    assert b"idle" in key
    assert value is None
    bench.restart()
    assert [each.transactional_id for each in bench.coordinator] == ["busy"]


def test_what_is_recorded_is_what_kafka_records() -> None:
    bench = TransactionBench()
    producer_id, epoch = bench.begin(partitions=(ORDERS, ("orders", 1), OFFSETS))
    bench.end(producer_id, epoch, commit=True)
    states = [decode_transaction_value(value) for _, value in bench.log if value is not None]
    assert [TransactionState(each.transaction_status) for each in states] == [
        TransactionState.EMPTY,
        TransactionState.ONGOING,
        TransactionState.PREPARE_COMMIT,
        TransactionState.COMPLETE_COMMIT,
    ]
    assert [each.producer_epoch for each in states] == [epoch, epoch, epoch + 1, epoch + 1]
    assert [each.client_transaction_version for each in states] == [0, 2, 2, 2]
    partitions = [each.transaction_partitions for each in states]
    assert partitions[0] is None
    assert partitions[3] == ()
    assert partitions[1] is not None
    assert [(each.topic, each.partition_ids) for each in partitions[1]] == [
        ("orders", (0, 1)),
        ("__consumer_offsets", (3,)),
    ]


def test_a_failed_partition_refuses_its_transactional_ids_only() -> None:
    bench = TransactionBench()
    bench.coordinator.fail_partitions([0], 1)
    assert bench.init().error_code == ErrorCode.NOT_COORDINATOR
    assert bench.add(1, 0) is ErrorCode.NOT_COORDINATOR
    assert bench.end(1, 0, commit=True).error_code == ErrorCode.NOT_COORDINATOR


def test_an_empty_transactional_id_is_refused() -> None:
    bench = TransactionBench()
    assert bench.init("").error_code == ErrorCode.INVALID_REQUEST
    assert bench.add(1, 0, transactional_id="") is ErrorCode.INVALID_REQUEST


def test_an_unknown_transactional_id_has_no_producer() -> None:
    bench = TransactionBench()
    assert bench.add(1, 0) is ErrorCode.INVALID_PRODUCER_ID_MAPPING
    assert bench.end(1, 0, commit=True).error_code == ErrorCode.INVALID_PRODUCER_ID_MAPPING
    assert bench.verify(1, 0) is ErrorCode.INVALID_PRODUCER_ID_MAPPING
    assert bench.coordinator.get(ID) is None


def test_an_administrator_may_abort_an_open_transaction() -> None:
    bench = TransactionBench()
    bench.begin()
    bench.perform(bench.coordinator.abort(ID, now=bench.now, wall_ms=bench.wall_ms))
    assert bench.transaction.state is TransactionState.COMPLETE_ABORT
    with pytest.raises(KeyError):
        bench.coordinator.abort(ID, now=bench.now, wall_ms=bench.wall_ms)
