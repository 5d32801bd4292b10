"""DescribeTransactions and ListTransactions (KIP-664, KIP-994, KIP-1152)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from kafkalite.coordinators.transactions.states import STATE_NAMES
from kafkalite.requests.steps import Steps, WorkMeter
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages import describe_transactions, list_transactions
from kafkalite_wire.messages.list_transactions import ListTransactionsRequest, ListTransactionsResponse

if TYPE_CHECKING:
    from kafkalite.coordinators.transactions.coordinator import TransactionCoordinator
    from kafkalite.coordinators.transactions.transaction import Transaction

_STATES_BY_NAME: Final = {name: state for state, name in STATE_NAMES.items()}

_NOT_LINEAR: Final = re.compile(r"\(\?<?[=!]|\\[1-9]|\\k|\)[*+{]")
"""What RE2 does not have (look-around, back-references), and what takes exponential time here (repeated groups)."""


_QUOTED: Final = re.compile(r"\\Q(.*?)(?:\\E|$)")
_NAMED_GROUP: Final = re.compile(r"\(\?<(?![=!])")


def describe(coordinator: TransactionCoordinator, transactional_id: str) -> describe_transactions.TransactionState:
    """Describe one transactional id."""
    error = coordinator.refusal(transactional_id)
    transaction = None if error else coordinator.get(transactional_id)
    if transaction is None:
        return describe_transactions.TransactionState(
            error_code=error or ErrorCode.TRANSACTIONAL_ID_NOT_FOUND,
            transactional_id=transactional_id,
            transaction_state="",
            transaction_timeout_ms=0,
            transaction_start_time_ms=0,
            producer_id=0,
            producer_epoch=0,
            topics=(),
        )
    return describe_transactions.TransactionState(
        transactional_id=transactional_id,
        transaction_state=STATE_NAMES[transaction.state],
        transaction_timeout_ms=transaction.timeout_ms,
        transaction_start_time_ms=transaction.start_ms,
        producer_id=transaction.producer_id,
        producer_epoch=transaction.producer_epoch,
        topics=tuple(
            describe_transactions.TopicData(topic=topic, partitions=tuple(indexes))
            for topic, indexes in transaction.partitions_by_topic().items()
        ),
    )


def list_matching(
    coordinator: TransactionCoordinator, request: ListTransactionsRequest, *, wall_ms: int
) -> Steps[ListTransactionsResponse]:
    """List, in steps, the transactional ids that match all filters; a pattern must match the whole transactional id."""
    states = {_STATES_BY_NAME[name] for name in request.state_filters if name in _STATES_BY_NAME}
    unknown = tuple(dict.fromkeys(name for name in request.state_filters if name not in _STATES_BY_NAME))
    pattern = None
    if request.transactional_id_pattern:
        try:
            pattern = compile_pattern(request.transactional_id_pattern)
        except ValueError:
            return ListTransactionsResponse(
                error_code=ErrorCode.INVALID_REGULAR_EXPRESSION, unknown_state_filters=(), transaction_states=()
            )

    def matches(transaction: Transaction) -> bool:
        return (
            (not request.state_filters or transaction.state in states)
            and (not request.producer_id_filters or transaction.producer_id in request.producer_id_filters)
            and (request.duration_filter < 0 or wall_ms - transaction.start_ms > request.duration_filter)
            and (pattern is None or pattern.fullmatch(transaction.transactional_id) is not None)
        )

    found: list[list_transactions.TransactionState] = []
    meter = WorkMeter()
    for transaction in tuple(coordinator):
        if meter.add():
            yield
        if matches(transaction):
            found.append(
                list_transactions.TransactionState(
                    transactional_id=transaction.transactional_id,
                    producer_id=transaction.producer_id,
                    transaction_state=STATE_NAMES[transaction.state],
                )
            )
    return ListTransactionsResponse(unknown_state_filters=unknown, transaction_states=tuple(found))


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Compile the part of RE2's syntax that Python's engine matches in polynomial time. Raises ValueError."""
    pattern = _QUOTED.sub(lambda quoted: re.escape(quoted[1]), pattern)
    pattern = _NAMED_GROUP.sub("(?P<", pattern)
    if _NOT_LINEAR.search(pattern):
        raise ValueError(f"the pattern {pattern!r} uses what is not supported: look-around, back-references, or (...)*")
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(str(error)) from None
