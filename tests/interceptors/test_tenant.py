"""A tenant of a cluster, message by message: what is refused, and what is not shown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kafkalite.interceptors import ErrorCode, OptionError
from kafkalite.interceptors.tenant import Tenant
from kafkalite.testing.interceptors import InterceptorRun
from kafkalite_wire.apis import ApiKey
from kafkalite_wire.messages.alter_configs import (
    AlterConfigsRequest,
    AlterConfigsResource,
    AlterConfigsResourceResponse,
    AlterConfigsResponse,
)
from kafkalite_wire.messages.create_acls import AclCreation, AclCreationResult, CreateAclsRequest, CreateAclsResponse
from kafkalite_wire.messages.delete_acls import DeleteAclsFilter, DeleteAclsRequest
from kafkalite_wire.messages.describe_acls import (
    DescribeAclsRequest,
    DescribeAclsResource,
    DescribeAclsResponse,
)
from kafkalite_wire.messages.describe_topic_partitions import (
    Cursor,
    DescribeTopicPartitionsRequest,
    DescribeTopicPartitionsResponse,
)
from kafkalite_wire.messages.elect_leaders import ElectLeadersRequest
from kafkalite_wire.messages.fetch import (
    FetchableTopicResponse,
    FetchPartition,
    FetchRequest,
    FetchResponse,
    FetchTopic,
    PartitionData,
)
from kafkalite_wire.messages.find_coordinator import FindCoordinatorRequest, FindCoordinatorResponse
from kafkalite_wire.messages.list_transactions import ListTransactionsRequest, ListTransactionsResponse
from kafkalite_wire.messages.metadata import (
    MetadataRequest,
    MetadataRequestTopic,
    MetadataResponse,
    MetadataResponseTopic,
)

TENANT = Tenant(prefix="a.")
OWN, OTHERS, UNKNOWN = b"1" * 16, b"2" * 16, b"3" * 16
TOPIC, CLUSTER = 2, 4
LITERAL, PREFIXED = 3, 4


@pytest.fixture
def run() -> InterceptorRun:
    return InterceptorRun(TENANT, topic_ids={OWN: "a.orders", OTHERS: "b.orders"})


def test_all_topics_are_those_of_the_tenant(run: InterceptorRun) -> None:
    names = ("a.orders", "b.orders", "__consumer_offsets", "orders")
    topics = tuple(MetadataResponseTopic(error_code=0, name=each, partitions=()) for each in names)
    exchange = run.send(MetadataRequest(topics=None), answer=MetadataResponse(brokers=(), topics=topics))
    assert exchange.request.topics is None
    assert [each.name for each in exchange.response.topics] == ["orders"]


def test_topics_of_others_are_not_known_by_their_ids(run: InterceptorRun) -> None:
    asked = tuple(MetadataRequestTopic(topic_id=each, name=None) for each in (OWN, OTHERS, UNKNOWN))

    def answer(request: MetadataRequest) -> MetadataResponse:
        assert [each.topic_id for each in request.topics or ()] == [OWN]
        topic = MetadataResponseTopic(error_code=0, name="a.orders", topic_id=OWN, partitions=())
        return MetadataResponse(brokers=(), topics=(topic,))

    exchange = run.send(MetadataRequest(topics=asked), answer=answer)
    assert [(each.topic_id, each.name, each.error_code) for each in exchange.response.topics] == [
        (OWN, "orders", 0),
        (OTHERS, None, ErrorCode.UNKNOWN_TOPIC_ID),
        (UNKNOWN, None, ErrorCode.UNKNOWN_TOPIC_ID),
    ]


@pytest.mark.parametrize("version", [13, 18])
def test_records_of_others_are_not_fetched_by_id(run: InterceptorRun, version: int) -> None:
    partition = FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=1)
    topics = tuple(FetchTopic(topic_id=each, partitions=(partition,)) for each in (OTHERS, OWN))
    fetched = PartitionData(partition_index=0, high_watermark=1, aborted_transactions=None, records=b"own")

    def answer(request: FetchRequest) -> FetchResponse:
        assert [each.topic_id for each in request.topics] == [OWN]
        return FetchResponse(responses=(FetchableTopicResponse(topic_id=OWN, partitions=(fetched,)),))

    request = FetchRequest(max_wait_ms=0, min_bytes=0, topics=topics, session_epoch=-1)
    exchange = run.send(request, answer=answer, version=version)
    errors = {each.topic_id: each.partitions[0].error_code for each in exchange.response.responses}
    assert errors == {OWN: 0, OTHERS: ErrorCode.UNKNOWN_TOPIC_ID}


@pytest.mark.parametrize("version", range(7))
@pytest.mark.parametrize("kind", [0, 1])
def test_coordinators_are_found_for_groups_and_transactions(run: InterceptorRun, version: int, kind: int) -> None:
    key = {"key": "g"} if version < 4 else {"coordinator_keys": ("g",)}
    sent = run.send(
        FindCoordinatorRequest(key_type=kind if version else 0, **key),
        answer=FindCoordinatorResponse(error_code=0, node_id=1, host="h", port=1),
        version=version,
    ).request
    assert (sent.key, sent.coordinator_keys) == (("a.g", ()) if version < 4 else ("", ("a.g",)))


def test_a_page_of_topics_begins_at_the_tenant_and_ends_with_it(run: InterceptorRun) -> None:
    ended = DescribeTopicPartitionsResponse(topics=(), next_cursor=Cursor(topic_name="b.orders", partition_index=0))
    exchange = run.send(DescribeTopicPartitionsRequest(topics=()), answer=ended)
    assert exchange.request.cursor == Cursor(topic_name="a.", partition_index=0)
    assert exchange.response.next_cursor is None
    goes_on = replace(ended, next_cursor=Cursor(topic_name="a.orders", partition_index=3))
    exchange = run.send(
        DescribeTopicPartitionsRequest(topics=(), cursor=Cursor(topic_name="m", partition_index=1)), answer=goes_on
    )
    assert exchange.request.cursor == Cursor(topic_name="a.m", partition_index=1)
    assert exchange.response.next_cursor == Cursor(topic_name="orders", partition_index=3)


def test_a_regular_expression_is_about_the_tenants_names(run: InterceptorRun) -> None:
    request = ListTransactionsRequest(state_filters=(), producer_id_filters=(), transactional_id_pattern="x|y")
    sent = run.send(
        request, answer=ListTransactionsResponse(error_code=0, unknown_state_filters=(), transaction_states=())
    ).request
    assert sent.transactional_id_pattern == r"a\.(?:x|y)"


def created(name: str, kind: int = TOPIC, pattern: int = LITERAL) -> AclCreation:
    return AclCreation(
        resource_type=kind,
        resource_name=name,
        resource_pattern_type=pattern,
        principal="User:x",
        host="*",
        operation=3,
        permission_type=3,
    )


def test_access_is_granted_within_the_tenant(run: InterceptorRun) -> None:
    creations = (created("orders"), created("*"), created("o", pattern=PREFIXED))
    sent = run.send(CreateAclsRequest(creations=creations), answer=CreateAclsResponse(results=())).request
    assert [(each.resource_name, each.resource_pattern_type) for each in sent.creations] == [
        ("a.orders", LITERAL),
        ("a.", PREFIXED),
        ("a.o", PREFIXED),
    ]
    refused = run.send(CreateAclsRequest(creations=(created("kafka-cluster", CLUSTER),)))
    assert refused.request is None
    assert refused.response.results[0].error_code == ErrorCode.CLUSTER_AUTHORIZATION_FAILED


def test_access_of_others_is_not_shown(run: InterceptorRun) -> None:
    shown = [("a.orders", TOPIC, LITERAL), ("a.", TOPIC, PREFIXED), ("b.x", TOPIC, LITERAL), ("*", TOPIC, LITERAL)]
    shown += [("a", TOPIC, PREFIXED), ("kafka-cluster", CLUSTER, LITERAL)]
    resources = tuple(
        DescribeAclsResource(resource_type=kind, resource_name=name, pattern_type=pattern, acls=())
        for name, kind, pattern in shown
    )
    request = DescribeAclsRequest(
        resource_type_filter=1,
        resource_name_filter=None,
        pattern_type_filter=1,
        principal_filter=None,
        host_filter=None,
        operation=1,
        permission_type=1,
    )
    response = run.send(
        request, answer=DescribeAclsResponse(error_code=0, error_message=None, resources=resources)
    ).response
    assert [(each.resource_name, each.pattern_type) for each in response.resources] == [
        ("orders", LITERAL),
        ("*", LITERAL),
    ]


@pytest.mark.parametrize(("name", "pattern"), [(None, 1), ("orders", 2)])
def test_access_of_others_is_not_removed(run: InterceptorRun, name: str | None, pattern: int) -> None:
    entries = DeleteAclsFilter(
        resource_type_filter=TOPIC,
        resource_name_filter=name,
        pattern_type_filter=pattern,
        principal_filter=None,
        host_filter=None,
        operation=1,
        permission_type=1,
    )
    exchange = run.send(DeleteAclsRequest(filters=(entries,)))
    assert exchange.request is None
    assert exchange.response.filter_results[0].error_code == ErrorCode.CLUSTER_AUTHORIZATION_FAILED


def test_configurations_of_brokers_are_not_changed(run: InterceptorRun) -> None:
    resources = tuple(
        AlterConfigsResource(resource_type=kind, resource_name=name, configs=()) for kind, name in ((2, "t"), (4, "1"))
    )

    def answer(request: AlterConfigsRequest) -> AlterConfigsResponse:
        assert [each.resource_name for each in request.resources] == ["a.t"]
        changed = AlterConfigsResourceResponse(error_code=0, error_message=None, resource_type=2, resource_name="a.t")
        return AlterConfigsResponse(responses=(changed,))

    exchange = run.send(AlterConfigsRequest(resources=resources, validate_only=False), answer=answer)
    assert [(each.resource_name, each.error_code) for each in exchange.response.responses] == [
        ("t", 0),
        ("1", ErrorCode.CLUSTER_AUTHORIZATION_FAILED),
    ]


def test_leaders_of_others_are_not_elected(run: InterceptorRun) -> None:
    assert run.send(ElectLeadersRequest(topic_partitions=None, timeout_ms=1)).request is None


def test_errors_do_not_show_the_prefix(run: InterceptorRun) -> None:
    said = CreateAclsResponse(results=(AclCreationResult(error_code=1, error_message="no topic 'a.orders'"),))
    response = run.send(CreateAclsRequest(creations=(created("orders"),)), answer=said).response
    assert response.results[0].error_message == "no topic 'orders'"


def test_what_is_about_the_whole_cluster_is_hidden() -> None:
    assert TENANT.hides(ApiKey.ALTER_CLIENT_QUOTAS)
    assert TENANT.hides(1234)
    assert not TENANT.hides(ApiKey.PRODUCE)


def test_a_prefix_that_topics_cannot_have_is_refused() -> None:
    with pytest.raises(OptionError, match="must be 1 to 100 of"):
        Tenant(prefix="a/")
