"""Large requests for committed offsets are carried out in parts, between which a transaction may end."""

from __future__ import annotations

from typing import Any

from kafkalite.cluster.endpoint import BrokerEndpoint
from kafkalite.handlers import group_offsets
from kafkalite.requests.context import RequestContext
from kafkalite_wire.apis import APIS, ApiKey
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages import offset_delete, txn_offset_commit
from kafkalite_wire.messages.init_producer_id import InitProducerIdRequest
from tests.support.transaction_model import Answer, client_of

PARTITIONS = 250
OFFSETS_TOPIC = "__consumer_offsets"


def context(key: ApiKey, version: int) -> tuple[RequestContext, Answer]:
    answer: Any = Answer()
    return RequestContext(api=APIS[key], api_version=version, response=answer), answer


def transactional_commit(broker: BrokerEndpoint) -> txn_offset_commit.TxnOffsetCommitRequest:
    """Return a commit of many offsets in a new transaction."""
    broker.cluster.create_topic("wide", PARTITIONS, {})
    cluster, answer = broker.cluster, Answer()
    request = InitProducerIdRequest(transactional_id="p", transaction_timeout_ms=60_000)
    transactions = cluster.transactions
    transactions.perform(
        transactions.coordinator.init_producer_id(
            request, client_of(5), answer, now=cluster.now(), wall_ms=cluster.wall_ms()
        )
    )
    return txn_offset_commit.TxnOffsetCommitRequest(
        transactional_id="p",
        group_id="g",
        producer_id=answer.response.producer_id,
        producer_epoch=answer.response.producer_epoch,
        topics=(
            txn_offset_commit.TxnOffsetCommitRequestTopic(
                name="wide",
                partitions=tuple(
                    txn_offset_commit.TxnOffsetCommitRequestPartition(
                        partition_index=number, committed_offset=number, committed_metadata=None
                    )
                    for number in range(PARTITIONS)
                ),
            ),
        ),
    )


def errors(answer: Answer) -> list[int]:
    [topic] = answer.response.topics
    return [partition.error_code for partition in topic.partitions]


def test_all_parts_of_a_transactional_commit_are_answered_together(broker: BrokerEndpoint) -> None:
    request_context, answer = context(ApiKey.TXN_OFFSET_COMMIT, 5)
    request = transactional_commit(broker)
    steps = group_offsets.txn_offset_commit(broker, request, request_context)
    assert len(list(steps)) == 2
    assert errors(answer) == [ErrorCode.NONE] * PARTITIONS


def test_no_part_of_a_commit_follows_the_marker_of_its_transaction(broker: BrokerEndpoint) -> None:
    request_context, answer = context(ApiKey.TXN_OFFSET_COMMIT, 5)
    request = transactional_commit(broker)
    steps = group_offsets.txn_offset_commit(broker, request, request_context)
    next(steps)
    broker.cluster.transactions.abort("p")
    for _ in steps:
        pass
    assert errors(answer)[:100] == [ErrorCode.NONE] * 100
    assert set(errors(answer)[100:]) == {ErrorCode.INVALID_PRODUCER_EPOCH}
    log = broker.cluster.storage.log(OFFSETS_TOPIC, broker.cluster.groups.partition_of("g"))
    assert log.last_stable_offset == log.high_watermark


def test_offsets_are_deleted_in_parts(broker: BrokerEndpoint) -> None:
    request_context, answer = context(ApiKey.TXN_OFFSET_COMMIT, 5)
    list(group_offsets.txn_offset_commit(broker, transactional_commit(broker), request_context))
    request_context, answer = context(ApiKey.OFFSET_DELETE, 0)
    request = offset_delete.OffsetDeleteRequest(
        group_id="g",
        topics=(
            offset_delete.OffsetDeleteRequestTopic(
                name="wide",
                partitions=tuple(
                    offset_delete.OffsetDeleteRequestPartition(partition_index=number) for number in range(PARTITIONS)
                ),
            ),
        ),
    )
    assert len(list(group_offsets.offset_delete(broker, request, request_context))) == 2
    assert errors(answer) == [ErrorCode.NONE] * PARTITIONS
