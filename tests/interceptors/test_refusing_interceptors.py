"""Read-only mode and denied APIs, message by message."""

from __future__ import annotations

import pytest

from kafkalite.interceptors import ErrorCode, OptionError
from kafkalite.interceptors.denied_apis import DeniedApis
from kafkalite.interceptors.read_only import ReadOnly
from kafkalite.testing.interceptors import InterceptorRun
from kafkalite_wire.apis import DECLARED_APIS, ApiKey
from kafkalite_wire.messages.alter_share_group_offsets import AlterShareGroupOffsetsRequest
from kafkalite_wire.messages.api_versions import ApiVersion, ApiVersionsRequest, ApiVersionsResponse
from kafkalite_wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from kafkalite_wire.messages.delete_share_group_state import (
    DeleteShareGroupStateRequest,
    DeleteStateData,
    PartitionData,
)
from kafkalite_wire.messages.delete_topics import DeleteTopicsRequest
from kafkalite_wire.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from kafkalite_wire.messages.metadata import MetadataRequest, MetadataRequestTopic, MetadataResponse
from kafkalite_wire.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData

CREATE = CreateTopicsRequest(
    topics=(CreatableTopic(name="t", num_partitions=1, replication_factor=1, assignments=(), configs=()),),
    timeout_ms=1000,
)
HEARTBEAT = HeartbeatRequest(group_id="g", generation_id=1, member_id="m")
ALIVE = HeartbeatResponse(error_code=0)


def produce(acks: int = 1) -> ProduceRequest:
    data = TopicProduceData(name="t", partition_data=(PartitionProduceData(index=0, records=b""),))
    return ProduceRequest(acks=acks, timeout_ms=1000, topic_data=(data,))


@pytest.mark.parametrize("version", range(3, 13))
def test_read_only_refuses_records_as_kafkas_authorizer_does(version: int) -> None:
    exchange = InterceptorRun(ReadOnly()).send(produce(), version=version)
    assert exchange.request is None
    (topic,) = exchange.response.responses
    assert topic.partition_responses[0].error_code == ErrorCode.TOPIC_AUTHORIZATION_FAILED


def test_read_only_closes_the_connection_of_a_producer_that_wants_no_response() -> None:
    exchange = InterceptorRun(ReadOnly()).send(produce(acks=0), version=9)
    assert (exchange.request, exchange.response) == (None, None)
    assert exchange.closed is not None


def test_read_only_creates_no_topic() -> None:
    exchange = InterceptorRun(ReadOnly()).send(CREATE)
    assert exchange.request is None
    assert exchange.response.topics[0].error_code == ErrorCode.TOPIC_AUTHORIZATION_FAILED


def test_read_only_lets_groups_heartbeat() -> None:
    exchange = InterceptorRun(ReadOnly()).send(HEARTBEAT, answer=ALIVE)
    assert (exchange.request, exchange.response) == (HEARTBEAT, ALIVE)


def test_read_only_asks_for_metadata_without_creating_topics() -> None:
    asked = MetadataRequest(topics=(MetadataRequestTopic(name="t"),), allow_auto_topic_creation=True)
    exchange = InterceptorRun(ReadOnly()).send(asked, answer=MetadataResponse(brokers=(), topics=()))
    assert exchange.request.allow_auto_topic_creation is False


def test_read_only_refuses_topics_in_versions_of_metadata_that_create_them() -> None:
    asked = MetadataRequest(topics=(MetadataRequestTopic(name="t"),))
    exchange = InterceptorRun(ReadOnly()).send(asked, version=1)
    assert exchange.response.topics[0].error_code == ErrorCode.TOPIC_AUTHORIZATION_FAILED


def test_read_only_hides_what_it_knows_nothing_about() -> None:
    assert ReadOnly().hides(80)  # AddRaftVoter
    assert not any(ReadOnly().hides(key) for key in (ApiKey.PRODUCE, ApiKey.FETCH, ApiKey.SASL_AUTHENTICATE, 68))


def test_read_only_does_not_set_the_offsets_of_share_groups() -> None:
    exchange = InterceptorRun(ReadOnly()).send(AlterShareGroupOffsetsRequest(group_id="g", topics=()))
    assert (exchange.request, exchange.response.error_code) == (None, ErrorCode.GROUP_AUTHORIZATION_FAILED)


def test_read_only_does_not_write_the_states_of_share_groups() -> None:
    parts = tuple(PartitionData(partition=index) for index in (0, 1))
    topics = (DeleteStateData(topic_id=b"i" * 16, partitions=parts), DeleteStateData(topic_id=b"j" * 16, partitions=()))
    exchange = InterceptorRun(ReadOnly()).send(DeleteShareGroupStateRequest(group_id="g", topics=topics))
    assert exchange.request is None
    errors = [[row.error_code for row in result.partitions] for result in exchange.response.results]
    assert errors == [[ErrorCode.CLUSTER_AUTHORIZATION_FAILED] * 2, []]


def test_denied_apis_are_not_offered_and_close_the_connection() -> None:
    run = InterceptorRun(DeniedApis(apis=("deletetopics", "ShareFetch")))
    offered = tuple(ApiVersion(api_key=key, min_version=0, max_version=1) for key in (18, 19, 20, 78))
    listed = run.send(ApiVersionsRequest(), answer=ApiVersionsResponse(error_code=0, api_keys=offered))
    assert [each.api_key for each in listed.response.api_keys] == [ApiKey.API_VERSIONS, ApiKey.CREATE_TOPICS]
    denied = run.send(DeleteTopicsRequest(topic_names=("t",), timeout_ms=1), version=4)
    assert (denied.request, denied.response) == (None, None)
    assert denied.closed == "DeleteTopics is hidden by an interceptor"


def test_denied_apis_with_an_error_are_offered_and_refused() -> None:
    run = InterceptorRun(DeniedApis(apis=("CreateTopics",), error="POLICY_VIOLATION"))
    exchange = run.send(CREATE)
    assert exchange.response.topics[0].error_code == ErrorCode.POLICY_VIOLATION


@pytest.mark.parametrize(
    ("apis", "error", "message"),
    [
        ("DeleteTopic", None, "did you mean DeleteTopics"),
        ("ApiVersions", None, "no client can connect without ApiVersions"),
        ("Produce", "POLICY_VIOLATON", "did you mean POLICY_VIOLATION"),
    ],
)
def test_a_wrong_option_is_refused_with_what_is_possible(apis: str, error: str | None, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        DeniedApis(apis=(apis,), error=error)


def test_what_only_reads_is_not_decoded_by_a_read_only_proxy() -> None:
    reads = (ApiKey.FETCH, ApiKey.SHARE_FETCH, ApiKey.SHARE_ACKNOWLEDGE, ApiKey.CONSUMER_GROUP_HEARTBEAT)
    wanted = {key for key in (*reads, ApiKey.PRODUCE) if ReadOnly().wants(DECLARED_APIS[key], 1)}
    assert wanted == {ApiKey.PRODUCE}
    assert not any(ReadOnly().hides(key) for key in reads)
