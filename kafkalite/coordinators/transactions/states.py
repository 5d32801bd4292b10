"""The state machine of a transactional id, as two tables.

Theory of operation
===================

A producer that names a transactional id gets a producer id and an epoch from InitProducerId. A later producer with the
same transactional id gets a higher epoch, which fences the earlier one. Partitions join the transaction before the
first record is written to them: by AddPartitionsToTxn, or, with transaction version 2 (KIP-890), when the first batch
is produced. EndTxn ends the transaction in two phases: the decision is recorded and answered (PrepareCommit or
PrepareAbort), then a marker is written to each partition, then the end is recorded (CompleteCommit or CompleteAbort).
A decision that is recorded is always carried out, also after a restart.

Two things decide what happens:

1. *What leads where*. ``TRANSITIONS`` lists the states in which each :class:`Trigger` may happen and where it leads.
   ``Transaction.transition`` is the only place that changes the state; it refuses what is not in the table.
2. *What each state answers*. ``ANSWERS`` has a row for each request and sender. The code does not read this table;
   ``tests/transactions/test_transaction_states.py`` plays every cell of it.

With transaction version 2, each end of a transaction raises the epoch, so that a request of an earlier transaction can
be told from one of the present transaction. EndTxn with the epoch before the present one is then a retry.

``docs/transactions.md`` shows both tables; it is drawn from this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.transaction_records import TransactionState

STATE_NAMES: Final[Mapping[TransactionState, str]] = MappingProxyType(
    {
        TransactionState.EMPTY: "Empty",
        TransactionState.ONGOING: "Ongoing",
        TransactionState.PREPARE_COMMIT: "PrepareCommit",
        TransactionState.PREPARE_ABORT: "PrepareAbort",
        TransactionState.COMPLETE_COMMIT: "CompleteCommit",
        TransactionState.COMPLETE_ABORT: "CompleteAbort",
        TransactionState.DEAD: "Dead",
        TransactionState.PREPARE_EPOCH_FENCE: "PrepareEpochFence",
    }
)
"""The states as Kafka prints them."""


class Trigger(Enum):
    """What changes the state of a transactional id."""

    INITIALIZED = "a producer initializes"
    PARTITIONS_ADDED = "partitions join the transaction"
    COMMIT = "the producer commits"
    ABORT = "the producer aborts, is fenced, or its transaction times out"
    MARKERS_WRITTEN = "the markers are in the logs"
    EXPIRED = "the transactional id has not been used for `transactional.id.expiration.ms`"


_EMPTY, _ONGOING = TransactionState.EMPTY, TransactionState.ONGOING
_PREPARE_COMMIT, _PREPARE_ABORT = TransactionState.PREPARE_COMMIT, TransactionState.PREPARE_ABORT
_COMMITTED, _ABORTED = TransactionState.COMPLETE_COMMIT, TransactionState.COMPLETE_ABORT

SHOWN_STATES: Final = (_EMPTY, _ONGOING, _PREPARE_COMMIT, _PREPARE_ABORT, _COMMITTED, _ABORTED)
"""The states that a transactional id can be in, in the order of the tables."""

IDLE_STATES: Final = (_EMPTY, _COMMITTED, _ABORTED)
"""The states without a transaction."""

TRANSITIONS: Final[Mapping[tuple[TransactionState, Trigger], TransactionState]] = MappingProxyType(
    {
        **{(state, Trigger.INITIALIZED): _EMPTY for state in IDLE_STATES},
        **{(state, Trigger.PARTITIONS_ADDED): _ONGOING for state in (*IDLE_STATES, _ONGOING)},
        (_ONGOING, Trigger.COMMIT): _PREPARE_COMMIT,
        # An abort without partitions is possible with transaction version 2: it raises the epoch.
        **{(state, Trigger.ABORT): _PREPARE_ABORT for state in (*IDLE_STATES, _ONGOING)},
        (_PREPARE_COMMIT, Trigger.MARKERS_WRITTEN): _COMMITTED,
        (_PREPARE_ABORT, Trigger.MARKERS_WRITTEN): _ABORTED,
        **{(state, Trigger.EXPIRED): TransactionState.DEAD for state in IDLE_STATES},
    }
)
"""What leads where."""

_OK, _CONCURRENT, _INVALID = ErrorCode.NONE, ErrorCode.CONCURRENT_TRANSACTIONS, ErrorCode.INVALID_TXN_STATE
_FENCED, _OTHER_ID = ErrorCode.PRODUCER_FENCED, ErrorCode.INVALID_PRODUCER_ID_MAPPING
_ABORTABLE = ErrorCode.TRANSACTION_ABORTABLE

Answers = tuple[ErrorCode, ErrorCode, ErrorCode, ErrorCode, ErrorCode, ErrorCode]


def _all(error: ErrorCode) -> Answers:
    return (error, error, error, error, error, error)


ANSWERS: Final[Mapping[str, Answers]] = MappingProxyType(
    {
        # In states: Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort
        "InitProducerId of a new producer": (_OK, _CONCURRENT, _CONCURRENT, _CONCURRENT, _OK, _OK),
        "InitProducerId of the producer itself": (_OK, _CONCURRENT, _CONCURRENT, _CONCURRENT, _OK, _OK),
        "InitProducerId of another producer id": (_FENCED, _FENCED, _FENCED, _FENCED, _FENCED, _FENCED),
        "AddPartitionsToTxn": (_OK, _OK, _CONCURRENT, _CONCURRENT, _OK, _OK),
        "AddPartitionsToTxn of an old epoch": _all(_FENCED),
        "AddPartitionsToTxn of another producer id": _all(_OTHER_ID),
        "verification of a partition in the transaction": (
            _ABORTABLE,
            _OK,
            _CONCURRENT,
            _CONCURRENT,
            _ABORTABLE,
            _ABORTABLE,
        ),
        "EndTxn that commits, before version 5": (_INVALID, _OK, _CONCURRENT, _INVALID, _OK, _INVALID),
        "EndTxn that aborts, before version 5": (_INVALID, _OK, _INVALID, _CONCURRENT, _INVALID, _OK),
        "EndTxn that commits": (_INVALID, _OK, _FENCED, _FENCED, _INVALID, _INVALID),
        "EndTxn that aborts": (_OK, _OK, _FENCED, _FENCED, _OK, _OK),
        "EndTxn that commits, retried": (_FENCED, _FENCED, _CONCURRENT, _INVALID, _OK, _INVALID),
        "EndTxn that aborts, retried": (_FENCED, _FENCED, _INVALID, _CONCURRENT, _INVALID, _OK),
        "EndTxn of an older epoch": _all(_FENCED),
        "EndTxn of another producer id": _all(_OTHER_ID),
    }
)
"""What each state answers to each request, in the order of ``SHOWN_STATES``.

"Retried" is a request with the epoch before the present one, which transaction version 2 recognizes.
"""
