"""Every state of a transactional id meets every request; what Kafka answers is compared in the conformance suite."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from kafkalite.coordinators.transactions.states import ANSWERS, SHOWN_STATES, STATE_NAMES, TRANSITIONS, Trigger
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.transaction_records import TransactionState
from tests.support.transaction_harness import ORDERS, VERSION_1, VERSION_2, TransactionBench

PLAYED: set[str] = set()
_BEFORE_VERSION_2 = 4


@dataclass
class Situation:
    bench: TransactionBench
    producer_id: int
    epoch: int
    """The epoch that the coordinator holds."""


def situation(state: TransactionState, version: int = VERSION_2) -> Situation:
    """A transactional id in the given state, with a client of a transaction version."""
    holds = state in (TransactionState.PREPARE_COMMIT, TransactionState.PREPARE_ABORT)
    bench = TransactionBench(holds=holds)
    if state is TransactionState.EMPTY:
        bench.init()
    else:
        producer_id, epoch = bench.begin(version=version)
        if state is not TransactionState.ONGOING:
            commit = state in (TransactionState.PREPARE_COMMIT, TransactionState.COMPLETE_COMMIT)
            end_version = 5 if version == VERSION_2 else _BEFORE_VERSION_2
            assert not bench.end(producer_id, epoch, commit=commit, version=end_version).error_code
    transaction = bench.transaction
    assert transaction.state is state
    return Situation(bench, transaction.producer_id, transaction.producer_epoch)


def in_every_state(row: str) -> pytest.MarkDecorator:
    """The cells of a row of the table."""
    PLAYED.add(row)
    return pytest.mark.parametrize(
        ("state", "expected"),
        list(zip(SHOWN_STATES, ANSWERS[row], strict=True)),
        ids=[STATE_NAMES[state] for state in SHOWN_STATES],
    )


@in_every_state("InitProducerId of a new producer")
def test_init_of_a_new_producer(state: TransactionState, expected: ErrorCode) -> None:
    given = situation(state)
    assert given.bench.init().error_code == expected


@in_every_state("InitProducerId of the producer itself")
def test_init_of_the_producer_itself(state: TransactionState, expected: ErrorCode) -> None:
    given = situation(state)
    assert given.bench.init(producer_id=given.producer_id, epoch=given.epoch).error_code == expected


@in_every_state("InitProducerId of another producer id")
def test_init_of_another_producer_id(state: TransactionState, expected: ErrorCode) -> None:
    given = situation(state)
    assert given.bench.init(producer_id=given.producer_id + 1, epoch=given.epoch).error_code == expected


@in_every_state("AddPartitionsToTxn")
def test_adding_partitions(state: TransactionState, expected: ErrorCode) -> None:
    given = situation(state)
    assert given.bench.add(given.producer_id, given.epoch) is expected


@in_every_state("AddPartitionsToTxn of an old epoch")
def test_adding_partitions_with_an_old_epoch(state: TransactionState, expected: ErrorCode) -> None:
    given = situation(state)
    assert given.bench.add(given.producer_id, given.epoch - 1) is expected


@in_every_state("AddPartitionsToTxn of another producer id")
def test_adding_partitions_for_another_producer_id(state: TransactionState, expected: ErrorCode) -> None:
    given = situation(state)
    assert given.bench.add(given.producer_id + 1, given.epoch) is expected


@in_every_state("verification of a partition in the transaction")
def test_verification(state: TransactionState, expected: ErrorCode) -> None:
    given = situation(state)
    assert given.bench.verify(given.producer_id, given.epoch, ORDERS) is expected


@in_every_state("EndTxn that commits, before version 5")
def test_commit_before_version_5(state: TransactionState, expected: ErrorCode) -> None:
    given = situation(state, VERSION_1)
    end = given.bench.end(given.producer_id, given.epoch, commit=True, version=_BEFORE_VERSION_2)
    assert end.error_code == expected


@in_every_state("EndTxn that aborts, before version 5")
def test_abort_before_version_5(state: TransactionState, expected: ErrorCode) -> None:
    given = situation(state, VERSION_1)
    end = given.bench.end(given.producer_id, given.epoch, commit=False, version=_BEFORE_VERSION_2)
    assert end.error_code == expected


@in_every_state("EndTxn that commits")
def test_commit(state: TransactionState, expected: ErrorCode) -> None:
    given = situation(state)
    assert given.bench.end(given.producer_id, given.epoch, commit=True).error_code == expected


@in_every_state("EndTxn that aborts")
def test_abort(state: TransactionState, expected: ErrorCode) -> None:
    given = situation(state)
    assert given.bench.end(given.producer_id, given.epoch, commit=False).error_code == expected


@in_every_state("EndTxn that commits, retried")
def test_commit_retried(state: TransactionState, expected: ErrorCode) -> None:
    given = situation(state)
    assert given.bench.end(given.producer_id, given.epoch - 1, commit=True).error_code == expected


@in_every_state("EndTxn that aborts, retried")
def test_abort_retried(state: TransactionState, expected: ErrorCode) -> None:
    given = situation(state)
    assert given.bench.end(given.producer_id, given.epoch - 1, commit=False).error_code == expected


@in_every_state("EndTxn of an older epoch")
def test_end_of_an_older_epoch(state: TransactionState, expected: ErrorCode) -> None:
    given = situation(state)
    assert given.bench.end(given.producer_id, given.epoch - 2, commit=False).error_code == expected


@in_every_state("EndTxn of another producer id")
def test_end_of_another_producer_id(state: TransactionState, expected: ErrorCode) -> None:
    given = situation(state)
    assert given.bench.end(given.producer_id + 1, given.epoch, commit=False).error_code == expected


def test_every_row_is_played() -> None:
    assert set(ANSWERS) == PLAYED


@pytest.mark.parametrize("trigger", Trigger)
@pytest.mark.parametrize("state", SHOWN_STATES, ids=lambda state: STATE_NAMES[state])
def test_only_what_the_table_has_changes_the_state(state: TransactionState, trigger: Trigger) -> None:
    transaction = situation(state).bench.transaction
    if (state, trigger) in TRANSITIONS:
        transaction.transition(trigger, 1)
        assert transaction.state is TRANSITIONS[state, trigger]
        assert transaction.updated_ms == 1
    else:
        with pytest.raises(KeyError):
            transaction.transition(trigger, 1)
        assert transaction.state is state
