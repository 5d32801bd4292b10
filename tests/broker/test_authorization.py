"""A broker with an authorizer: entries over the protocol and in the data directory, and what they change."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from kafkalite.broker import Broker
from kafkalite.config import BrokerConfig, load
from kafkalite.config.table import AUTHORIZER
from kafkalite.requests.access_rules import rule_of
from kafkalite.requests.authorization import ALLOWED_TO_ALL
from kafkalite_wire.apis import APIS
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.create_acls import AclCreation, CreateAclsRequest, CreateAclsResponse
from kafkalite_wire.messages.delete_acls import DeleteAclsFilter, DeleteAclsRequest, DeleteAclsResponse
from kafkalite_wire.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from kafkalite_wire.messages.describe_acls import DescribeAclsRequest, DescribeAclsResponse
from kafkalite_wire.messages.fetch import FetchPartition, FetchRequest, FetchResponse, FetchTopic
from kafkalite_wire.messages.metadata import MetadataRequest, MetadataRequestTopic, MetadataResponse
from kafkalite_wire.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from kafkalite_wire.schema import ZERO_UUID
from tests.broker.conftest import Connect
from tests.support.protocol_client import ProtocolClient, create_topic

_TOPIC, _GROUP, _CLUSTER = 2, 3, 4
_LITERAL, _PREFIXED = 3, 4
_ANY, _ALL, _READ, _WRITE, _DELETE, _ALTER = 1, 2, 3, 4, 6, 7
_DENY, _ALLOW = 2, 3


@pytest.fixture
def settings() -> list[str]:
    return [f"authorizer.class.name={AUTHORIZER}", "allow.everyone.if.no.acl.found=true"]


def entry(
    operation: int = _READ,
    name: str = "t",
    *,
    kind: int = _TOPIC,
    pattern: int = _LITERAL,
    principal: str = "User:ANONYMOUS",
    host: str = "*",
    permission: int = _DENY,
) -> AclCreation:
    return AclCreation(
        resource_type=kind,
        resource_name=name,
        resource_pattern_type=pattern,
        principal=principal,
        host=host,
        operation=operation,
        permission_type=permission,
    )


async def create(client: ProtocolClient, *entries: AclCreation) -> list[int]:
    response: CreateAclsResponse = await client.call(CreateAclsRequest(creations=entries), 3)
    return [result.error_code for result in response.results]


async def described(client: ProtocolClient, name: str | None = None) -> list[tuple[str, int, str, int, int]]:
    request = DescribeAclsRequest(
        resource_type_filter=_ANY,
        resource_name_filter=name,
        pattern_type_filter=_ANY,
        principal_filter=None,
        host_filter=None,
        operation=_ANY,
        permission_type=_ANY,
    )
    response: DescribeAclsResponse = await client.call(request, 3)
    assert response.error_code == ErrorCode.NONE
    return sorted(
        (resource.resource_name, resource.pattern_type, acl.principal, acl.operation, acl.permission_type)
        for resource in response.resources
        for acl in resource.acls
    )


def filtered(name: str | None) -> DeleteAclsFilter:
    return DeleteAclsFilter(
        resource_type_filter=_ANY,
        resource_name_filter=name,
        pattern_type_filter=_ANY,
        principal_filter=None,
        host_filter=None,
        operation=_ANY,
        permission_type=_ANY,
    )


async def test_entries_are_created_once_described_and_deleted(client: ProtocolClient) -> None:
    first, second = entry(), entry(_WRITE, "u", pattern=_PREFIXED, principal="User:anna", permission=_ALLOW)
    assert await create(client, first, second, first) == [0, 0, 0]
    assert await create(client, second) == [0]
    assert await described(client) == [
        ("t", _LITERAL, "User:ANONYMOUS", _READ, _DENY),
        ("u", _PREFIXED, "User:anna", _WRITE, _ALLOW),
    ]
    assert await described(client, "u") == [("u", _PREFIXED, "User:anna", _WRITE, _ALLOW)]
    deleted: DeleteAclsResponse = await client.call(
        DeleteAclsRequest(filters=(filtered("t"), filtered(None), filtered("x"))), 3
    )
    assert [[acl.resource_name for acl in result.matching_acls] for result in deleted.filter_results] == [
        ["t"],
        ["t", "u"],
        [],
    ]
    assert await described(client) == []


@pytest.mark.parametrize(
    "bad",
    [
        entry(name=""),
        entry(kind=_CLUSTER, name="other"),
        entry(kind=_ANY),
        entry(pattern=_ANY),
        entry(pattern=2),
        entry(_ANY),
        entry(permission=_ANY),
        entry(principal="anna"),
        entry(host=""),
        entry(host="10.0.0.0/33"),
    ],
)
async def test_an_invalid_entry_is_refused_and_the_others_are_created(client: ProtocolClient, bad: AclCreation) -> None:
    assert await create(client, bad, entry(host="10.0.0.0/8")) == [ErrorCode.INVALID_REQUEST, 0]
    assert len(await described(client)) == 1


async def test_entries_are_there_after_a_restart(config: BrokerConfig, tmp_path: Path) -> None:
    async with Broker(config) as broker:
        client = ProtocolClient(await trio.open_tcp_stream(*broker.addresses[0]))
        await create(client, entry(), entry(_WRITE))
        await client.call(DeleteAclsRequest(filters=(filtered("x"),)), 3)
        await client.stream.aclose()
    again = load(listen=["127.0.0.1:0"], data=tmp_path / "data", settings=[f"authorizer.class.name={AUTHORIZER}"])
    async with Broker(again) as broker:
        found = broker.cluster.storage.cluster_image.access_control_entries.values()
        assert sorted(each.operation for each in found) == [_READ, _WRITE]
        client = ProtocolClient(await trio.open_tcp_stream(*broker.addresses[0]))
        response = await client.call(MetadataRequest(topics=None), 12)
        assert response.topics == ()
        await client.stream.aclose()


async def test_a_fetch_session_is_checked_with_each_fetch(client: ProtocolClient) -> None:
    await create_topic(client, "t")
    await create_topic(client, "u")
    named = tuple(
        FetchTopic(topic=name, partitions=(FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=100),))
        for name in ("t", "u")
    )

    async def errors(session_id: int, epoch: int, topics: tuple[FetchTopic, ...]) -> tuple[int, dict[str, int]]:
        request = FetchRequest(max_wait_ms=0, min_bytes=0, session_id=session_id, session_epoch=epoch, topics=topics)
        response: FetchResponse = await client.call(request, 12)
        assert response.error_code == ErrorCode.NONE
        return response.session_id, {each.topic: each.partitions[0].error_code for each in response.responses}

    session_id, first = await errors(0, 0, named)
    assert first == {"t": 0, "u": 0}
    await create(client, entry())
    assert await errors(session_id, 1, ()) == (session_id, {"t": ErrorCode.TOPIC_AUTHORIZATION_FAILED})
    await client.call(DeleteAclsRequest(filters=(filtered("t"),)), 3)
    assert await errors(session_id, 2, ()) == (session_id, {"t": 0})


async def test_a_record_that_may_not_be_written_and_needs_no_response_closes_the_connection(
    client: ProtocolClient, connect: Connect
) -> None:
    await create_topic(client, "t")
    await create(client, entry(_WRITE))
    data = TopicProduceData(name="t", partition_data=(PartitionProduceData(index=0, records=b""),))
    other = await connect()
    await other.send(ProduceRequest(acks=0, timeout_ms=1000, topic_data=(data,)), 3)
    assert await other.is_closed()


async def test_an_id_beside_a_name_does_not_get_around_an_entry(client: ProtocolClient, broker: Broker) -> None:
    await create_topic(client, "t")
    await create_topic(client, "u")
    described: MetadataResponse = await client.call(MetadataRequest(topics=(MetadataRequestTopic(name="t"),)), 12)
    topic_id = described.topics[0].topic_id
    await create(client, entry(_ALL), entry(_DELETE, "kafka-cluster", kind=_CLUSTER))
    both = MetadataRequestTopic(name="u", topic_id=topic_id)
    asked: MetadataResponse = await client.call(MetadataRequest(topics=(both,)), 12)
    assert [topic.error_code for topic in asked.topics] == [ErrorCode.TOPIC_AUTHORIZATION_FAILED]
    named = (DeleteTopicState(name="t", topic_id=ZERO_UUID), DeleteTopicState(name="t", topic_id=topic_id))
    await client.call(DeleteTopicsRequest(topics=named, timeout_ms=1000), 6)
    assert "t" in broker.cluster.storage.topics


async def test_the_one_who_may_not_alter_the_cluster_may_not_create_entries(client: ProtocolClient) -> None:
    assert await create(client, entry(_ALTER, "kafka-cluster", kind=_CLUSTER)) == [0]
    assert await create(client, entry()) == [ErrorCode.CLUSTER_AUTHORIZATION_FAILED]
    assert await create(client, entry(), entry()) == [ErrorCode.CLUSTER_AUTHORIZATION_FAILED] * 2


def test_every_api_has_a_rule() -> None:
    for api in APIS.values():
        if api.served and api.key not in ALLOWED_TO_ALL:
            assert callable(rule_of(api.key)), api.name
