"""The requests of transactional producers, and those about transactions. The transaction coordinator answers them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from kafkalite.cluster.internal_topics import OFFSETS_TOPIC
from kafkalite.coordinators.recording import Recording
from kafkalite.coordinators.transactions.queries import describe, list_matching
from kafkalite.coordinators.transactions.versions import VERSION_1, VERSION_2, fenced
from kafkalite.handlers.authorized_operations import may_describe
from kafkalite.handlers.group_membership import client_of
from kafkalite.requests.steps import Steps, WorkMeter
from kafkalite.security.access_control import ResourceType
from kafkalite_storage.errors import StorageError
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.add_offsets_to_txn import AddOffsetsToTxnRequest, AddOffsetsToTxnResponse
from kafkalite_wire.messages.add_partitions_to_txn import (
    AddPartitionsToTxnPartitionResult,
    AddPartitionsToTxnRequest,
    AddPartitionsToTxnResponse,
    AddPartitionsToTxnResult,
    AddPartitionsToTxnTopicResult,
    AddPartitionsToTxnTransaction,
)
from kafkalite_wire.messages.describe_transactions import (
    DescribeTransactionsRequest,
    DescribeTransactionsResponse,
    TransactionState,
)
from kafkalite_wire.messages.list_transactions import ListTransactionsRequest, ListTransactionsResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.coordinators.transactions.transaction import Partition
    from kafkalite.requests.context import RequestContext
    from kafkalite_wire.messages.end_txn import EndTxnRequest

_SEVERAL_TRANSACTIONS: Final = 4
_FENCED_SINCE: Final = 2
_WORK_OF_A_TRANSACTION: Final = 5
_WORK_OF_ADDING: Final = 8
"""For a hundred partitions."""


# AddPartitionsToTxn


def add_partitions_to_txn(
    broker: BrokerEndpoint, request: AddPartitionsToTxnRequest, context: RequestContext
) -> Steps[None]:
    """Add partitions to one transaction, or from version 4 on to several, or verify that they were added."""
    context.outlives_client = True
    yield from broker.cluster.transactions.load()
    is_batched = context.api_version >= _SEVERAL_TRANSACTIONS
    transactions = (
        request.transactions
        if is_batched
        else (
            AddPartitionsToTxnTransaction(
                transactional_id=request.v3_and_below_transactional_id,
                producer_id=request.v3_and_below_producer_id,
                producer_epoch=request.v3_and_below_producer_epoch,
                topics=request.v3_and_below_topics,
            ),
        )
    )
    meter = WorkMeter()
    outcomes: list[_Addition] = []
    for transaction in transactions:
        outcomes.append(_Addition(transaction, context.api_version))
        yield from outcomes[-1].carry_out(broker, meter)
    response = context.defer()
    _when_all_settled(
        [outcome.added for outcome in outcomes if outcome.added is not None],
        lambda: response.send_from(_response(outcomes, is_batched=is_batched)),
    )


def _response(outcomes: Sequence[_Addition], *, is_batched: bool) -> Steps[AddPartitionsToTxnResponse]:
    meter = WorkMeter()
    results: list[AddPartitionsToTxnResult] = []
    for outcome in outcomes:
        topics = yield from outcome.results(meter)
        if not is_batched:
            return AddPartitionsToTxnResponse(results_by_topic_v3_and_below=topics)
        results.append(
            AddPartitionsToTxnResult(transactional_id=outcome.transaction.transactional_id, topic_results=topics)
        )
    return AddPartitionsToTxnResponse(results_by_transaction=tuple(results))


class _Addition:
    """One transaction of a request: its partitions, and what comes of adding or verifying them."""

    def __init__(self, transaction: AddPartitionsToTxnTransaction, version: int) -> None:
        self.transaction = transaction
        self.added: Recording | None = None
        self._version = version
        self._verified: Mapping[Partition, ErrorCode] = {}
        self._refused: dict[Partition, ErrorCode] = {}

    def carry_out(self, broker: BrokerEndpoint, meter: WorkMeter) -> Steps[None]:
        """Add the partitions, or verify that they were added, unless one of them is refused."""
        partitions: list[Partition] = []
        for topic in self.transaction.topics:
            for index in topic.partitions:
                if meter.add():
                    yield
                partitions.append((topic.name, index))
                error = self._refusal(broker, topic.name, index)
                if error:
                    self._refused[topic.name, index] = error
        if self._refused:
            return
        if meter.add(_WORK_OF_ADDING * len(partitions) // 100):
            yield
        transaction, transactions = self.transaction, broker.cluster.transactions
        producer = (transaction.transactional_id, transaction.producer_id, transaction.producer_epoch)
        if transaction.verify_only:
            self._verified = transactions.coordinator.verify(*producer, partitions)
        else:
            client_version = VERSION_1 if self._version < _SEVERAL_TRANSACTIONS else VERSION_2
            self.added = transactions.add_partitions(*producer, partitions, client_version=client_version)

    def _refusal(self, broker: BrokerEndpoint, name: str, index: int) -> ErrorCode:
        topic = broker.cluster.storage.topics.get(name)
        if topic is not None and topic.is_internal and self._version < _SEVERAL_TRANSACTIONS:
            return ErrorCode.TOPIC_AUTHORIZATION_FAILED
        is_known = topic is not None and 0 <= index < topic.partitions
        return ErrorCode.NONE if is_known else ErrorCode.UNKNOWN_TOPIC_OR_PARTITION

    def results(self, meter: WorkMeter) -> Steps[tuple[AddPartitionsToTxnTopicResult, ...]]:
        """Return a result for each partition."""
        topics: list[AddPartitionsToTxnTopicResult] = []
        for topic in self.transaction.topics:
            partitions: list[AddPartitionsToTxnPartitionResult] = []
            for index in topic.partitions:
                if meter.add():
                    yield
                error = self._error((topic.name, index))
                partitions.append(AddPartitionsToTxnPartitionResult(partition_index=index, partition_error_code=error))
            topics.append(AddPartitionsToTxnTopicResult(name=topic.name, results_by_partition=tuple(partitions)))
        return tuple(topics)

    def _error(self, partition: Partition) -> ErrorCode:
        if self._refused:
            return self._refused.get(partition, ErrorCode.OPERATION_NOT_ATTEMPTED)
        error = self._verified[partition] if self.added is None else self.added.error
        return fenced(error, self._version, _FENCED_SINCE)


def _when_all_settled(additions: Sequence[Recording], call: Callable[[], None]) -> None:
    left = len(additions)
    if not left:
        call()
        return

    def one_is_settled() -> None:
        nonlocal left
        left -= 1
        if not left:
            call()

    for added in additions:
        added.when_settled(one_is_settled)


# AddOffsetsToTxn and EndTxn


def add_offsets_to_txn(broker: BrokerEndpoint, request: AddOffsetsToTxnRequest, context: RequestContext) -> Steps[None]:
    """Add the partition of a group's offsets to a transaction."""
    yield from broker.cluster.transactions.load()
    response = context.defer()
    try:
        partition = (OFFSETS_TOPIC, broker.cluster.groups.partition_of(request.group_id))
    except StorageError:
        response.send(AddOffsetsToTxnResponse(error_code=ErrorCode.COORDINATOR_NOT_AVAILABLE))
        return
    added = broker.cluster.transactions.add_partitions(
        request.transactional_id,
        request.producer_id,
        request.producer_epoch,
        (partition,),
        client_version=VERSION_1,
    )
    added.when_settled(
        lambda: response.send(
            AddOffsetsToTxnResponse(error_code=fenced(added.error, context.api_version, _FENCED_SINCE))
        )
    )


def end_txn(broker: BrokerEndpoint, request: EndTxnRequest, context: RequestContext) -> Steps[None]:
    """Commit or abort a transaction."""
    cluster = broker.cluster
    coordinator = yield from cluster.transactions.load()
    # A producer that has begun its next transaction and gives it up would be fenced before these markers are written.
    yield from cluster.transactions.complete(request.transactional_id)
    cluster.transactions.perform(
        coordinator.end_txn(request, client_of(context), context.defer(), now=cluster.now(), wall_ms=cluster.wall_ms())
    )


# Queries


def describe_transactions(
    broker: BrokerEndpoint, request: DescribeTransactionsRequest, context: RequestContext
) -> Steps[DescribeTransactionsResponse]:
    """Describe the transactional ids that are asked for, with the topics that the client may describe."""
    coordinator = yield from broker.cluster.transactions.load()
    meter = WorkMeter()
    states: list[TransactionState] = []
    for each in request.transactional_ids:
        if meter.add(_WORK_OF_A_TRANSACTION):
            yield
        state = describe(coordinator, each)
        if context.access is not None:
            topics = (topic for topic in state.topics if may_describe(context, ResourceType.TOPIC, topic.topic))
            state = replace(state, topics=tuple(topics))
        states.append(state)
    return DescribeTransactionsResponse(transaction_states=tuple(states))


def list_transactions(
    broker: BrokerEndpoint, request: ListTransactionsRequest, context: RequestContext
) -> Steps[ListTransactionsResponse]:
    """List the transactional ids that match all filters, and that the client may describe."""
    coordinator = yield from broker.cluster.transactions.load()
    response = yield from list_matching(coordinator, request, wall_ms=broker.cluster.wall_ms())
    if context.access is None:
        return response
    states = (
        state
        for state in response.transaction_states
        if may_describe(context, ResourceType.TRANSACTIONAL_ID, state.transactional_id)
    )
    return replace(response, transaction_states=tuple(states))
