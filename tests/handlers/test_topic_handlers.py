"""CreateTopics, CreatePartitions and DeleteTopics, called directly over a broker in memory."""

from __future__ import annotations

from kafkalite.cluster.endpoint import BrokerEndpoint
from kafkalite.handlers import create_partitions, create_topics, delete_topics
from kafkalite_wire.apis import ApiKey
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.create_partitions import CreatePartitionsRequest, CreatePartitionsTopic
from kafkalite_wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from kafkalite_wire.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from kafkalite_wire.schema import ZERO_UUID
from tests.support.partition_requests import context, finish


def created(broker: BrokerEndpoint, *topics: CreatableTopic, validate_only: bool = False) -> dict[str, int]:
    request = CreateTopicsRequest(topics=topics, timeout_ms=1000, validate_only=validate_only)
    response, _ = finish(create_topics.handle(broker, request, context(ApiKey.CREATE_TOPICS, 7)))
    return {topic.name: topic.error_code for topic in response.topics}


def topic(name: str, partitions: int = 1, replicas: int = 1) -> CreatableTopic:
    return CreatableTopic(name=name, num_partitions=partitions, replication_factor=replicas)


def test_topics_are_created_or_refused_one_by_one(broker: BrokerEndpoint) -> None:
    assert created(broker, topic("a", 3), topic("t"), topic("b", 0), topic("c", replicas=2), topic("no/name")) == {
        "a": ErrorCode.NONE,
        "t": ErrorCode.TOPIC_ALREADY_EXISTS,
        "b": ErrorCode.INVALID_PARTITIONS,
        "c": ErrorCode.INVALID_REPLICATION_FACTOR,
        "no/name": ErrorCode.INVALID_TOPIC_EXCEPTION,
    }
    assert {name: each.partitions for name, each in broker.cluster.storage.topics.items()} == {"t": 2, "a": 3}


def test_a_topic_that_is_only_validated_is_not_created(broker: BrokerEndpoint) -> None:
    assert created(broker, topic("a"), validate_only=True) == {"a": ErrorCode.NONE}
    assert set(broker.cluster.storage.topics) == {"t"}


def test_partitions_are_added(broker: BrokerEndpoint) -> None:
    def grown(name: str, count: int) -> int:
        wanted = CreatePartitionsTopic(name=name, count=count, assignments=None)
        request = CreatePartitionsRequest(topics=(wanted,), timeout_ms=1000, validate_only=False)
        response, _ = finish(create_partitions.handle(broker, request, context(ApiKey.CREATE_PARTITIONS, 3)))
        code: int = response.results[0].error_code
        return code

    assert grown("t", 5) == ErrorCode.NONE
    assert broker.cluster.storage.topics["t"].partitions == 5
    assert grown("t", 4) == ErrorCode.INVALID_PARTITIONS
    assert grown("u", 4) == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


def test_topics_are_deleted_by_name_and_by_id(broker: BrokerEndpoint) -> None:
    by_id = broker.cluster.create_topic("u", 1, {})
    wanted = (
        DeleteTopicState(name="t", topic_id=ZERO_UUID),
        DeleteTopicState(name=None, topic_id=by_id.topic_id),
        DeleteTopicState(name="unknown", topic_id=ZERO_UUID),
        DeleteTopicState(name=None, topic_id=b"?" * 16),
    )
    request = DeleteTopicsRequest(topics=wanted, timeout_ms=1000)
    response, _ = finish(delete_topics.handle(broker, request, context(ApiKey.DELETE_TOPICS, 6)))
    assert [result.error_code for result in response.responses] == [
        ErrorCode.NONE,
        ErrorCode.NONE,
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode.UNKNOWN_TOPIC_ID,
    ]
    assert not broker.cluster.storage.topics


def test_what_changes_topics_outlives_its_client(broker: BrokerEndpoint) -> None:
    for handler, request in (
        (create_topics, CreateTopicsRequest(topics=(), timeout_ms=1000)),
        (create_partitions, CreatePartitionsRequest(topics=(), timeout_ms=1000, validate_only=False)),
        (delete_topics, DeleteTopicsRequest(topics=(), timeout_ms=1000)),
    ):
        asked = context(ApiKey.DELETE_TOPICS, 6)
        finish(handler.handle(broker, request, asked))
        assert asked.outlives_client
