"""Requests of every kind against a running broker: what a client can see of the protocol's rules."""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from kafkalite_wire.apis import APIS, ApiKey
from kafkalite_wire.codec import decode
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.api_versions import ApiVersionsRequest, ApiVersionsResponse
from kafkalite_wire.messages.create_partitions import CreatePartitionsRequest, CreatePartitionsTopic
from kafkalite_wire.messages.create_topics import (
    CreatableTopic,
    CreatableTopicConfig,
    CreateTopicsRequest,
)
from kafkalite_wire.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from kafkalite_wire.messages.describe_configs import DescribeConfigsRequest, DescribeConfigsResource
from kafkalite_wire.messages.fetch import (
    FetchPartition,
    FetchRequest,
    FetchResponse,
    FetchTopic,
    ForgottenTopic,
)
from kafkalite_wire.messages.find_coordinator import FindCoordinatorRequest
from kafkalite_wire.messages.init_producer_id import InitProducerIdRequest
from kafkalite_wire.messages.metadata import MetadataRequest, MetadataRequestTopic
from kafkalite_wire.messages.produce import (
    PartitionProduceData,
    ProduceRequest,
    TopicProduceData,
)
from kafkalite_wire.records import Record, build_batch, iter_records
from tests.support.protocol_client import ProtocolClient, create_topic
from tests.support.requests import batch, fetch, list_offsets, produce

Connect = Callable[[], Awaitable[ProtocolClient]]


def values(response: FetchResponse) -> list[bytes | None]:
    records = response.responses[0].partitions[0].records
    assert isinstance(records, memoryview)
    return [record.value for record in iter_records(records)] if len(records) else []


async def test_api_versions_lists_every_declared_api(client: ProtocolClient) -> None:
    response = await client.call(ApiVersionsRequest(client_software_name="tests", client_software_version="1"), 4)
    assert {(row.api_key, row.min_version, row.max_version) for row in response.api_keys} == {
        (api.key, api.min_version, api.max_version) for api in APIS.values()
    }


async def test_an_api_versions_version_from_the_future_is_answered_in_version_0(
    client: ProtocolClient,
) -> None:
    await client.send_frame(struct.pack(">hhih", ApiKey.API_VERSIONS, 77, 5, -1) + b"\0whatever")
    frame = await client.receive_frame()
    response = decode(ApiVersionsResponse, 0, frame, 4)
    assert frame[:4] == struct.pack(">i", 5)
    assert response.error_code == ErrorCode.UNSUPPORTED_VERSION
    assert any(row.api_key == ApiKey.API_VERSIONS for row in response.api_keys)


async def test_a_software_name_that_is_no_word_is_refused(client: ProtocolClient) -> None:
    response = await client.call(
        ApiVersionsRequest(client_software_name="no spaces please", client_software_version="1"), 3
    )
    assert response.error_code == ErrorCode.INVALID_REQUEST


async def test_a_client_meant_for_another_cluster_is_told_to_bootstrap_again(client: ProtocolClient) -> None:
    response = await client.call(
        ApiVersionsRequest(client_software_name="tests", client_software_version="1", cluster_id="another", node_id=1),
        5,
    )
    assert response.error_code == ErrorCode.REBOOTSTRAP_REQUIRED


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(struct.pack(">hhih", 999, 0, 1, -1), id="unknown API"),
        pytest.param(struct.pack(">hhih", ApiKey.METADATA, 99, 1, -1), id="unknown version"),
        pytest.param(struct.pack(">hhih", ApiKey.PRODUCE, 0, 1, -1) + bytes(20), id="retired version"),
        pytest.param(b"\0\3", id="half a header"),
        pytest.param(struct.pack(">hhih", ApiKey.METADATA, 1, 1, 50), id="client id beyond the frame"),
        pytest.param(struct.pack(">hhihi", ApiKey.METADATA, 1, 1, -1, 2**30), id="absurd count"),
        pytest.param(struct.pack(">hhih", ApiKey.HEARTBEAT, 4, 1, -1) + b"\0\xff\xff\xff\xff\xff", id="endless varint"),
    ],
)
async def test_a_malformed_request_closes_its_connection_and_no_other(
    frame: bytes, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = await connect(), await connect()
    await bad.send_frame(frame)
    assert await bad.is_closed()
    assert len(caplog.records) == 1
    assert caplog.records[0].exc_info is None
    assert (await create_topic(good, "still-served")).topics[0].error_code == ErrorCode.NONE


async def test_replies_keep_the_order_of_requests_while_a_fetch_waits(client: ProtocolClient, connect: Connect) -> None:
    await create_topic(client, "t")
    waiting = await client.send(fetch("t", wait_ms=30_000), 11)
    behind = await client.send(
        MetadataRequest(
            topics=(), include_topic_authorized_operations=False, include_cluster_authorized_operations=False
        ),
        8,
    )
    await wait_all_tasks_blocked()
    other = await connect()
    await other.call(produce("t", batch(b"x")), 9)

    first, response = await client.receive(FetchResponse, 11)
    assert (first, values(response)) == (waiting, [b"x"])
    second, _ = await client.receive(APIS[ApiKey.METADATA].response_type, 8)
    assert second == behind


async def test_what_was_produced_is_fetched_byte_for_byte(client: ProtocolClient) -> None:
    await create_topic(client, "t")
    sent = batch(b"a", b"b")
    response = await client.call(produce("t", sent), 9)
    assert response.responses[0].partition_responses[0].base_offset == 0
    response = await client.call(produce("t", sent), 9)
    assert response.responses[0].partition_responses[0].base_offset == 2

    fetched = await client.call(fetch("t"), 11)
    records = bytes(fetched.responses[0].partitions[0].records)
    assert records[16 : len(sent)] == sent[16:], "all that follows offset, length and leader epoch"
    assert fetched.responses[0].partitions[0].high_watermark == 4


async def test_a_fetch_returns_the_batch_that_holds_the_offset(client: ProtocolClient) -> None:
    await create_topic(client, "t")
    await client.call(produce("t", batch(b"a", b"b", b"c")), 9)
    assert values(await client.call(fetch("t", 1), 11)) == [b"a", b"b", b"c"]


async def test_a_batch_larger_than_the_limits_still_arrives(client: ProtocolClient) -> None:
    await create_topic(client, "t")
    await client.call(produce("t", batch(b"x" * 5000)), 9)
    assert values(await client.call(fetch("t", max_bytes=10), 11)) == [b"x" * 5000]


async def test_a_fetch_beyond_the_end_is_out_of_range(client: ProtocolClient) -> None:
    await create_topic(client, "t")
    response = await client.call(fetch("t", 5, wait_ms=10_000), 11)
    assert response.responses[0].partitions[0].error_code == ErrorCode.OFFSET_OUT_OF_RANGE


@pytest.mark.parametrize(("wait_ms", "waited"), [(500, 0.5), (60_000, 60.0)])
async def test_a_fetch_answers_empty_when_its_time_is_up(
    wait_ms: int, waited: float, autojump_clock: trio.testing.MockClock, client: ProtocolClient
) -> None:
    autojump_clock.autojump_threshold = 0.02
    await create_topic(client, "t")
    started = trio.current_time()
    response = await client.call(fetch("t", wait_ms=wait_ms), 11)
    assert values(response) == []
    assert trio.current_time() - started == pytest.approx(waited, abs=0.1)


async def test_a_fetch_waits_for_its_min_bytes(client: ProtocolClient, connect: Connect) -> None:
    await create_topic(client, "t")
    one = batch(b"x" * 100)
    await client.send(fetch("t", wait_ms=60_000, min_bytes=3 * len(one)), 11)
    producer = await connect()
    for _ in range(2):
        await producer.call(produce("t", one), 9)
    with trio.move_on_after(0.05) as scope:
        await client.stream.receive_some(1)
    assert scope.cancelled_caught, "two batches are not enough"
    await producer.call(produce("t", one), 9)
    _, response = await client.receive(FetchResponse, 11)
    records = response.responses[0].partitions[0].records
    assert records is not None
    assert len(records) == 3 * len(one)


async def test_a_consumer_that_wants_much_does_not_wait_for_each_small_segment(client: ProtocolClient) -> None:
    await create_topic(client, "t", segment_bytes="1048576")
    for _ in range(6):
        await client.call(produce("t", batch(b"x" * 700_000)), 9)
    offset = 0
    with trio.fail_after(20):
        while offset < 5:
            response = await client.call(fetch("t", offset, wait_ms=60_000, min_bytes=2_000_000, max_bytes=1 << 30), 11)
            offset += len(values(response))


async def test_a_fetch_does_not_wait_for_more_than_it_may_be_sent(client: ProtocolClient) -> None:
    await create_topic(client, "t")
    for _ in range(3):
        await client.call(produce("t", batch(b"x" * 1000)), 9)
    request = replace(fetch("t", wait_ms=60_000, min_bytes=1_000_000), max_bytes=2000)
    with trio.fail_after(20):
        response = await client.call(request, 11)
    assert len(response.responses[0].partitions[0].records) == 2000


async def test_a_waiting_fetch_learns_that_its_topic_was_deleted(client: ProtocolClient, connect: Connect) -> None:
    await create_topic(client, "t")
    await client.send(fetch("t", wait_ms=60_000), 11)
    await wait_all_tasks_blocked()
    other = await connect()
    await other.call(DeleteTopicsRequest(topics=(), topic_names=("t",), timeout_ms=1000), 5)
    _, response = await client.receive(FetchResponse, 11)
    assert response.responses[0].partitions[0].error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


async def test_a_fetch_session_tells_only_news(client: ProtocolClient) -> None:
    await create_topic(client, "t", 2)
    wanted = tuple(FetchPartition(partition=i, fetch_offset=0, partition_max_bytes=1000) for i in range(2))
    first = await client.call(
        FetchRequest(
            max_wait_ms=0,
            min_bytes=1,
            session_epoch=0,
            topics=(FetchTopic(topic="t", partitions=wanted),),
            forgotten_topics_data=(),
        ),
        11,
    )
    assert first.session_id != 0
    assert [p.partition_index for p in first.responses[0].partitions] == [0, 1]

    def again(epoch: int, *, forget: tuple[int, ...] = ()) -> FetchRequest:
        return FetchRequest(
            max_wait_ms=0,
            min_bytes=1,
            session_id=first.session_id,
            session_epoch=epoch,
            topics=(),
            forgotten_topics_data=(ForgottenTopic(topic="t", partitions=forget),) if forget else (),
        )

    assert (await client.call(again(1), 11)).responses == ()
    await client.call(produce("t", batch(b"x"), partition=1), 9)
    news = await client.call(again(2), 11)
    assert [p.partition_index for p in news.responses[0].partitions] == [1]
    assert (await client.call(again(3, forget=(1,)), 11)).responses == ()
    stale = await client.call(again(3), 11)
    assert stale.error_code == ErrorCode.INVALID_FETCH_SESSION_EPOCH


async def test_topics_are_found_by_id(client: ProtocolClient) -> None:
    topic_id = (await create_topic(client, "t")).topics[0].topic_id
    data = PartitionProduceData(index=0, records=batch(b"x"))
    request = ProduceRequest(
        acks=1, timeout_ms=1000, topic_data=(TopicProduceData(topic_id=topic_id, partition_data=(data,)),)
    )
    produced = await client.call(request, 13)
    assert produced.responses[0].partition_responses[0].error_code == ErrorCode.NONE
    wanted = FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=1000)
    for asked, code in ((topic_id, ErrorCode.NONE), (b"?" * 16, ErrorCode.UNKNOWN_TOPIC_ID)):
        fetched = await client.call(
            FetchRequest(
                max_wait_ms=0,
                min_bytes=1,
                topics=(FetchTopic(topic_id=asked, partitions=(wanted,)),),
                forgotten_topics_data=(),
            ),
            13,
        )
        assert fetched.responses[0].partitions[0].error_code == code


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda b: b[:30] + bytes([b[30] ^ 1]) + b[31:], ErrorCode.CORRUPT_MESSAGE),
        (lambda b: b[:16] + b"\1" + b[17:], ErrorCode.INVALID_RECORD),
        (lambda b: b + b, ErrorCode.INVALID_RECORD),
        (lambda b: b"", ErrorCode.INVALID_RECORD),
    ],
    ids=["bit flip", "old format", "two batches", "no batch"],
)
async def test_damaged_batches_are_refused_and_nothing_is_written(
    change: Callable[[bytes], bytes], code: ErrorCode, client: ProtocolClient
) -> None:
    await create_topic(client, "t")
    response = await client.call(produce("t", change(batch(b"x"))), 9)
    assert response.responses[0].partition_responses[0].error_code == code
    assert values(await client.call(fetch("t"), 11)) == []


async def test_a_message_above_the_topic_limit_is_refused(client: ProtocolClient) -> None:
    await create_topic(client, "t", max_message_bytes="1000")
    response = await client.call(produce("t", batch(b"x" * 1000)), 9)
    assert response.responses[0].partition_responses[0].error_code == ErrorCode.MESSAGE_TOO_LARGE


async def test_acks_0_has_no_reply_and_an_error_closes_the_connection(
    client: ProtocolClient, caplog: pytest.LogCaptureFixture
) -> None:
    await create_topic(client, "t")
    await client.send(produce("t", batch(b"x"), acks=0), 9)
    assert values(await client.call(fetch("t", wait_ms=1000), 11)) == [b"x"]
    await client.send(produce("missing", batch(b"x"), acks=0), 9)
    assert await client.is_closed()
    assert "UNKNOWN_TOPIC_OR_PARTITION" in caplog.text


async def test_an_unknown_number_of_acks_is_refused(client: ProtocolClient) -> None:
    await create_topic(client, "t")
    response = await client.call(produce("t", batch(b"x"), acks=2), 9)
    assert response.responses[0].partition_responses[0].error_code == ErrorCode.INVALID_REQUIRED_ACKS


async def test_an_idempotent_retry_is_written_once(client: ProtocolClient) -> None:
    await create_topic(client, "t")
    made = await client.call(InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=0), 4)
    records = batch(b"x", producer_id=made.producer_id, producer_epoch=0, base_sequence=0)
    for _ in range(2):
        response = await client.call(produce("t", records), 9)
        assert response.responses[0].partition_responses[0].error_code == ErrorCode.NONE
        assert response.responses[0].partition_responses[0].base_offset == 0
    assert values(await client.call(fetch("t"), 11)) == [b"x"]


async def test_producer_ids_are_never_given_twice(client: ProtocolClient) -> None:
    request = InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=0)
    ids = [(await client.call(request, 4)).producer_id for _ in range(50)]
    assert len(set(ids)) == 50


def metadata(*names: str, create: bool = True) -> MetadataRequest:
    return MetadataRequest(
        topics=tuple(MetadataRequestTopic(name=name) for name in names),
        allow_auto_topic_creation=create,
        include_cluster_authorized_operations=False,
        include_topic_authorized_operations=False,
    )


async def test_a_topic_that_is_asked_for_is_created_after_the_answer(client: ProtocolClient) -> None:
    for create_it in (False, False, True):
        response = await client.call(metadata("new", create=create_it), 9)
        assert response.topics[0].error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    response = await client.call(metadata("new", create=False), 9)
    assert response.topics[0].error_code == ErrorCode.NONE
    assert [p.leader_id for p in response.topics[0].partitions] == [response.brokers[0].node_id]


@pytest.mark.parametrize("settings", [["kafkalite.auto.create.topics.immediately=true"]])
async def test_a_topic_may_be_created_before_the_answer(client: ProtocolClient, settings: list[str]) -> None:
    response = await client.call(metadata("new"), 9)
    assert response.topics[0].error_code == ErrorCode.NONE
    assert len(response.topics[0].partitions) == 1


async def test_a_topic_that_collides_with_another_is_not_created_automatically(client: ProtocolClient) -> None:
    await create_topic(client, "dotted.name")
    for _ in range(2):
        response = await client.call(metadata("dotted_name"), 9)
        assert response.topics[0].error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


async def test_a_topic_with_an_illegal_name_is_not_created(client: ProtocolClient) -> None:
    response = await client.call(metadata("no/slash"), 9)
    assert response.topics[0].error_code == ErrorCode.INVALID_TOPIC_EXCEPTION


@pytest.mark.parametrize(
    ("topic", "code"),
    [
        ({"name": "a b"}, ErrorCode.INVALID_TOPIC_EXCEPTION),
        ({"name": ""}, ErrorCode.INVALID_TOPIC_EXCEPTION),
        ({"name": "x" * 250}, ErrorCode.INVALID_TOPIC_EXCEPTION),
        ({"name": "there"}, ErrorCode.TOPIC_ALREADY_EXISTS),
        ({"name": "dotted_name"}, ErrorCode.INVALID_TOPIC_EXCEPTION),
        ({"num_partitions": 0}, ErrorCode.INVALID_PARTITIONS),
        ({"num_partitions": 10_001}, ErrorCode.POLICY_VIOLATION),
        ({"replication_factor": 3}, ErrorCode.INVALID_REPLICATION_FACTOR),
        ({"configs": (CreatableTopicConfig(name="no.such.config", value="1"),)}, ErrorCode.INVALID_CONFIG),
        ({"configs": (CreatableTopicConfig(name="retention.ms", value="soon"),)}, ErrorCode.INVALID_CONFIG),
        ({"configs": (CreatableTopicConfig(name="retention.ms", value=None),)}, ErrorCode.INVALID_CONFIG),
    ],
)
async def test_a_topic_that_cannot_be_is_refused(
    topic: dict[str, object], code: ErrorCode, client: ProtocolClient
) -> None:
    await create_topic(client, "there")
    await create_topic(client, "dotted.name")
    wanted = {
        "name": "t",
        "num_partitions": 1,
        "replication_factor": 1,
        "assignments": (),
        "configs": (),
        **topic,
    }
    response = await client.call(CreateTopicsRequest(topics=(CreatableTopic(**wanted),)), 7)  # type: ignore[arg-type]
    assert response.topics[0].error_code == code
    assert response.topics[0].error_message


async def test_validate_only_creates_nothing(client: ProtocolClient) -> None:
    wanted = CreatableTopic(name="t", num_partitions=2, replication_factor=1, assignments=(), configs=())
    response = await client.call(CreateTopicsRequest(topics=(wanted,), validate_only=True), 7)
    assert (response.topics[0].error_code, response.topics[0].num_partitions) == (ErrorCode.NONE, 2)
    response = await client.call(metadata("t", create=False), 9)
    assert response.topics[0].error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


async def test_a_topic_is_deleted_by_its_id(client: ProtocolClient) -> None:
    topic_id = (await create_topic(client, "t")).topics[0].topic_id
    request = DeleteTopicsRequest(
        topics=(DeleteTopicState(name=None, topic_id=topic_id),), topic_names=(), timeout_ms=1000
    )
    assert (await client.call(request, 6)).responses[0].error_code == ErrorCode.NONE
    assert (await client.call(request, 6)).responses[0].error_code == ErrorCode.UNKNOWN_TOPIC_ID
    again = (await create_topic(client, "t")).topics[0].topic_id
    assert again != topic_id


async def test_partitions_are_added_and_never_taken_away(client: ProtocolClient) -> None:
    await create_topic(client, "t", 2)

    async def grow(count: int) -> int:
        request = CreatePartitionsRequest(
            topics=(CreatePartitionsTopic(name="t", count=count, assignments=None),),
            timeout_ms=1000,
            validate_only=False,
        )
        code: int = (await client.call(request, 3)).results[0].error_code
        return code

    assert await grow(4) == ErrorCode.NONE
    assert await grow(4) == ErrorCode.INVALID_PARTITIONS
    assert await grow(1) == ErrorCode.INVALID_PARTITIONS
    response = await client.call(metadata("t"), 9)
    assert len(response.topics[0].partitions) == 4


async def test_offsets_are_found_at_the_ends_and_by_time(client: ProtocolClient) -> None:
    await create_topic(client, "t")
    for timestamp in (1000, 2000, 3000):
        record = Record(offset=0, timestamp=timestamp, key=None, value=b"x")
        await client.call(produce("t", build_batch([record])), 9)

    async def offset(timestamp: int, version: int = 7) -> tuple[int, int]:
        response = await client.call(list_offsets("t", timestamp), version)
        found = response.topics[0].partitions[0]
        return found.error_code, found.offset

    assert await offset(-1) == (ErrorCode.NONE, 3)
    assert await offset(-2) == (ErrorCode.NONE, 0)
    assert await offset(-3) == (ErrorCode.NONE, 2)
    assert await offset(1500) == (ErrorCode.NONE, 1)
    assert await offset(9000) == (ErrorCode.NONE, -1)
    assert await offset(-3, version=6) == (ErrorCode.UNSUPPORTED_VERSION, -1)


async def test_configs_are_described_with_their_sources(client: ProtocolClient) -> None:
    await create_topic(client, "t", retention_ms="1000")
    request = DescribeConfigsRequest(
        resources=(
            DescribeConfigsResource(resource_type=2, resource_name="t", configuration_keys=None),
            DescribeConfigsResource(resource_type=4, resource_name="1", configuration_keys=("num.partitions",)),
            DescribeConfigsResource(resource_type=2, resource_name="missing", configuration_keys=None),
        ),
        include_synonyms=True,
        include_documentation=True,
    )
    topic, broker, missing = (await client.call(request, 4)).results
    configs = {config.name: config for config in topic.configs}
    assert (configs["retention.ms"].value, configs["retention.ms"].config_source) == ("1000", 1)
    assert (configs["cleanup.policy"].value, configs["cleanup.policy"].config_source) == ("delete", 5)
    strongest = configs["retention.ms"].synonyms[0]
    assert (strongest.name, strongest.value) == ("retention.ms", "1000")
    assert len(configs) > 30
    assert all(config.documentation for config in topic.configs)
    assert [(config.name, config.value) for config in broker.configs] == [("num.partitions", "1")]
    assert missing.error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


async def test_the_coordinator_is_the_broker_that_was_asked(client: ProtocolClient) -> None:
    response = await client.call(FindCoordinatorRequest(key_type=0, coordinator_keys=("a", "b")), 4)
    assert [(c.key, c.node_id, c.error_code) for c in response.coordinators] == [("a", 1, 0), ("b", 1, 0)]
    response = await client.call(metadata("__consumer_offsets"), 9)
    assert (response.topics[0].is_internal, len(response.topics[0].partitions)) == (True, 3)
