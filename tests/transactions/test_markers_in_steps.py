"""The markers of a large transaction are written in steps, each once, and before the producer's next write."""

from __future__ import annotations

import pytest

from kafkalite.handlers.produced_transactions import ProducedTransaction, TransactionalBatch
from kafkalite.requests.steps import finish
from kafkalite_storage.files.memory_filesystem import MemoryFileSystem
from kafkalite_wire.batch import read_header
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.records import Record, build_batch
from tests.support.transaction_model import ModelProducer, TransactionalCluster

WIDE, PARTITIONS = "wide", 100
VERSION_2 = 2


@pytest.fixture
def ending() -> TransactionalCluster:
    """A transaction of many partitions whose end was acknowledged a moment ago."""
    running = TransactionalCluster(MemoryFileSystem())
    running.cluster.create_topic(WIDE, PARTITIONS, {})
    producer = ModelProducer("p", VERSION_2)
    assert running.init(producer)
    partitions = [(WIDE, number) for number in range(PARTITIONS)]
    added = running.cluster.transactions.add_partitions(
        "p", producer.producer_id, producer.epoch, partitions, client_version=VERSION_2
    )
    assert added.error is ErrorCode.NONE
    assert running.end(producer, commit=True) is ErrorCode.NONE
    return running


def markers(running: TransactionalCluster) -> list[int]:
    return [running.cluster.storage.log(WIDE, number).log_end_offset for number in range(PARTITIONS)]


def run_all(running: TransactionalCluster) -> None:
    while running.cluster.steps.run_step():
        pass


def is_ending(running: TransactionalCluster) -> bool:
    transaction = running.cluster.transactions.coordinator.get("p")
    assert transaction is not None
    return transaction.is_ending


def test_others_have_their_turn_before_all_markers_are_written(ending: TransactionalCluster) -> None:
    assert 0 < sum(markers(ending)) < PARTITIONS
    assert is_ending(ending)
    run_all(ending)
    assert markers(ending) == [1] * PARTITIONS
    assert not is_ending(ending)


def test_a_marker_that_a_retry_has_written_is_not_written_again(ending: TransactionalCluster) -> None:
    ending.cluster.transactions.release_markers(None)
    run_all(ending)
    assert markers(ending) == [1] * PARTITIONS


def test_no_marker_is_written_once_another_state_has_taken_over(ending: TransactionalCluster) -> None:
    ending.cluster.transactions.retire()
    written = markers(ending)
    run_all(ending)
    assert markers(ending) == written


def next_write(running: TransactionalCluster, version: int) -> ErrorCode:
    """Produce to the last partition with the epoch after the commit. Return why it is refused."""
    transaction = running.cluster.transactions.coordinator.get("p")
    assert transaction is not None
    batch = build_batch(
        [Record(None, b"next", 1)],
        producer_id=transaction.producer_id,
        producer_epoch=transaction.producer_epoch,
        base_sequence=0,
        is_transactional=True,
    )
    partition = WIDE, PARTITIONS - 1
    header = read_header(batch)
    produced = ProducedTransaction(running.cluster, "p", version)
    produced.note(TransactionalBatch(partition, running.cluster.storage.log(*partition).producers, header))
    finish(produced.join())
    return produced.refusal(partition, header, may_have_ended=False)


def test_the_producers_next_write_waits_for_the_markers(ending: TransactionalCluster) -> None:
    assert next_write(ending, 12) is ErrorCode.NONE
    assert markers(ending) == [1] * PARTITIONS


def test_the_next_write_is_refused_while_markers_are_held_back() -> None:
    running = TransactionalCluster(MemoryFileSystem())
    running.cluster.create_topic(WIDE, PARTITIONS, {})
    running.cluster.transactions.hold_markers("p")
    producer = ModelProducer("p", VERSION_2)
    assert running.init(producer)
    added = running.cluster.transactions.add_partitions(
        "p", producer.producer_id, producer.epoch, [(WIDE, 0)], client_version=VERSION_2
    )
    assert added.error is ErrorCode.NONE
    assert running.end(producer, commit=True) is ErrorCode.NONE
    assert next_write(running, 12) is ErrorCode.CONCURRENT_TRANSACTIONS
    assert sum(markers(running)) == 0
