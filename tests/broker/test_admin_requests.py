"""What administrators' tools change and look at in a running broker: configurations, records, offsets, disk space."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import kafkalite_wire.messages.alter_configs as replacing
import kafkalite_wire.messages.incremental_alter_configs as incremental
from kafkalite.broker import Broker
from kafkalite.config import BrokerConfig
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.delete_records import DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic
from kafkalite_wire.messages.describe_configs import (
    DescribeConfigsRequest,
    DescribeConfigsResource,
)
from kafkalite_wire.messages.describe_log_dirs import DescribableLogDirTopic, DescribeLogDirsRequest
from kafkalite_wire.messages.fetch import FetchResponse
from kafkalite_wire.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteRequestPartition,
    OffsetDeleteRequestTopic,
)
from tests.support import requests
from tests.support.config_calls import APPEND, BROKER, DELETE, SET, SUBTRACT, TOPIC, Step, alter, described, value
from tests.support.protocol_client import ProtocolClient, create_topic
from tests.support.requests import EARLIEST, batch, fetch, list_offsets, produce

Connect = Callable[[], Awaitable[ProtocolClient]]

OFFSET_OUT_OF_RANGE = ErrorCode.OFFSET_OUT_OF_RANGE


async def replace(client: ProtocolClient, *, name: str = "orders", kind: int = TOPIC, **configs: str) -> ErrorCode:
    """Replace all configurations."""
    resource = replacing.AlterConfigsResource(
        resource_type=kind,
        resource_name=name,
        configs=tuple(
            replacing.AlterableConfig(name=config.replace("_", "."), value=value) for config, value in configs.items()
        ),
    )
    request = replacing.AlterConfigsRequest(resources=(resource,), validate_only=False)
    return ErrorCode((await client.call(request, 2)).responses[0].error_code)


async def delete_records(client: ProtocolClient, *offsets: tuple[int, int], topic: str = "orders") -> dict[int, Any]:
    """Delete up to offsets of partitions; gives (low watermark, error code) of each."""
    partitions = tuple(DeleteRecordsPartition(partition_index=index, offset=offset) for index, offset in offsets)
    request = DeleteRecordsRequest(topics=(DeleteRecordsTopic(name=topic, partitions=partitions),), timeout_ms=1000)
    response = await client.call(request, 2)
    return {p.partition_index: (p.low_watermark, p.error_code) for t in response.topics for p in t.partitions}


async def earliest(client: ProtocolClient, topic: str = "orders") -> int:
    response = await client.call(list_offsets(topic, EARLIEST), 7)
    offset: int = response.topics[0].partitions[0].offset
    return offset


# Configurations of topics


async def test_one_configuration_changes_and_the_others_stay(client: ProtocolClient) -> None:
    await create_topic(client, "orders", retention_ms="1000")
    assert await alter(client, ("max.message.bytes", SET, "5000")) == ErrorCode.NONE
    configs = await described(client)
    assert (configs["max.message.bytes"].value, configs["retention.ms"].value) == ("5000", "1000")
    assert configs["max.message.bytes"].config_source == 1


async def test_a_change_holds_for_the_next_batch(client: ProtocolClient) -> None:
    await create_topic(client, "orders")
    await client.call(produce("orders", batch(b"x" * 2000)), 9)
    await alter(client, ("max.message.bytes", SET, "1000"))
    refused = await client.call(produce("orders", batch(b"x" * 2000)), 9)
    assert refused.responses[0].partition_responses[0].error_code == ErrorCode.MESSAGE_TOO_LARGE


async def test_a_deleted_configuration_goes_back_to_its_default(client: ProtocolClient) -> None:
    await create_topic(client, "orders", retention_ms="1000")
    assert await alter(client, ("retention.ms", DELETE, None)) == ErrorCode.NONE
    assert await value(client, "retention.ms") == "604800000"


@pytest.mark.parametrize(
    ("before", "operation", "items", "after"),
    [
        (None, APPEND, "compact", "delete,compact"),
        (None, APPEND, "delete", "delete"),
        ("compact", APPEND, "delete", "compact,delete"),
        ("", APPEND, "compact", "compact"),
        ("delete,compact", SUBTRACT, "delete", "compact"),
        ("compact", SUBTRACT, "delete", "compact"),
        ("delete,compact", SUBTRACT, "compact,delete", ""),
    ],
)
async def test_lists_grow_and_shrink(
    client: ProtocolClient, before: str | None, operation: int, items: str, after: str
) -> None:
    await create_topic(client, "orders")
    if before is not None:
        await alter(client, ("cleanup.policy", SET, before))
    assert await alter(client, ("cleanup.policy", operation, items)) == ErrorCode.NONE
    assert await value(client, "cleanup.policy") == after


@pytest.mark.parametrize(
    ("steps", "error"),
    [
        pytest.param([("retention.ms", SET, "soon")], ErrorCode.INVALID_CONFIG, id="bad value"),
        pytest.param([("no.such.config", SET, "1")], ErrorCode.INVALID_CONFIG, id="unknown"),
        pytest.param([("no.such.config", DELETE, None)], ErrorCode.NONE, id="unknown, deleted"),
        pytest.param([("retention.ms", APPEND, "1")], ErrorCode.INVALID_CONFIG, id="append to a number"),
        pytest.param([("retention.ms", SUBTRACT, "1")], ErrorCode.INVALID_CONFIG, id="subtract from a number"),
        pytest.param([("retention.ms", SET, None)], ErrorCode.INVALID_REQUEST, id="no value"),
        pytest.param(
            [("retention.ms", SET, "1"), ("retention.ms", SET, "2")], ErrorCode.INVALID_REQUEST, id="named twice"
        ),
        pytest.param(
            [("min.compaction.lag.ms", SET, "2"), ("max.compaction.lag.ms", SET, "1")],
            ErrorCode.INVALID_CONFIG,
            id="a contradiction",
        ),
        pytest.param([("retention.ms", 7, "1")], ErrorCode.INVALID_REQUEST, id="unknown operation"),
    ],
)
async def test_a_bad_change_is_refused_as_a_whole(client: ProtocolClient, steps: list[Step], error: ErrorCode) -> None:
    await create_topic(client, "orders")
    before = await described(client)
    good: Step = ("max.message.bytes", SET, "5000")
    assert await alter(client, good, *steps) == error
    if error:
        assert await described(client) == before


@pytest.mark.parametrize(
    ("kind", "name", "error"),
    [
        (TOPIC, "absent", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
        (TOPIC, "not a name", ErrorCode.INVALID_TOPIC_EXCEPTION),
        (TOPIC, "", ErrorCode.INVALID_REQUEST),
        (BROKER, "2", ErrorCode.INVALID_REQUEST),
        (BROKER, "one", ErrorCode.INVALID_REQUEST),
        (99, "orders", ErrorCode.INVALID_REQUEST),
    ],
)
async def test_a_change_of_what_is_not_there_is_refused(
    client: ProtocolClient, kind: int, name: str, error: ErrorCode
) -> None:
    assert await alter(client, ("cleanup.policy", SET, "compact"), kind=kind, name=name) == error


async def test_a_resource_that_is_named_twice_is_refused_and_others_are_changed(client: ProtocolClient) -> None:
    await create_topic(client, "orders")
    await create_topic(client, "parcels")
    config = incremental.AlterableConfig(name="retention.ms", config_operation=SET, value="5")
    resources = tuple(
        incremental.AlterConfigsResource(resource_type=TOPIC, resource_name=name, configs=(config,))
        for name in ("orders", "parcels", "orders")
    )
    request = incremental.IncrementalAlterConfigsRequest(resources=resources, validate_only=False)
    response = await client.call(request, 0)
    assert [(result.resource_name, result.error_code) for result in response.responses] == [
        ("orders", ErrorCode.INVALID_REQUEST),
        ("parcels", ErrorCode.NONE),
        ("orders", ErrorCode.INVALID_REQUEST),
    ]
    assert await value(client, "retention.ms", name="orders") == "604800000"
    assert await value(client, "retention.ms", name="parcels") == "5"


async def test_only_validating_changes_nothing_and_refuses_all_the_same(client: ProtocolClient) -> None:
    await create_topic(client, "orders")
    assert await alter(client, ("retention.ms", SET, "5"), validate_only=True) == ErrorCode.NONE
    assert await alter(client, ("retention.ms", SET, "x"), validate_only=True) == ErrorCode.INVALID_CONFIG
    assert await value(client, "retention.ms") == "604800000"


async def test_replacing_all_configurations_takes_back_those_that_are_not_named(client: ProtocolClient) -> None:
    await create_topic(client, "orders", retention_ms="1000", retention_bytes="2000")
    assert await replace(client, retention_bytes="3000") == ErrorCode.NONE
    configs = await described(client)
    assert (configs["retention.ms"].value, configs["retention.bytes"].value) == ("604800000", "3000")


async def test_replacing_with_a_bad_value_is_refused(client: ProtocolClient) -> None:
    await create_topic(client, "orders", retention_ms="1000")
    assert await replace(client, retention_bytes="many") == ErrorCode.INVALID_CONFIG
    assert await value(client, "retention.ms") == "1000"


async def test_a_changed_configuration_survives_a_restart(config: BrokerConfig) -> None:
    for begins in (True, False):
        async with trio.open_nursery() as nursery:
            broker = Broker(config)
            await nursery.start(broker.run)
            stream = await trio.open_tcp_stream(*broker.addresses[0])
            client = ProtocolClient(stream)
            if begins:
                await create_topic(client, "orders")
                await alter(client, ("retention.ms", SET, "5"))
                await alter(client, ("log.retention.bytes", SET, "7"), kind=BROKER, name="1")
            else:
                assert await value(client, "retention.ms") == "5"
                assert await value(client, "retention.bytes") == "7"
            await trio.aclose_forcefully(stream)
            broker.stop()


# Configurations of the broker


async def test_topics_inherit_what_is_changed_for_the_broker_before_what_is_changed_for_all(
    client: ProtocolClient,
) -> None:
    await create_topic(client, "orders")
    await alter(client, ("message.max.bytes", SET, "2000"), kind=BROKER, name="")
    assert (await described(client))["max.message.bytes"].config_source == 3
    await alter(client, ("message.max.bytes", SET, "1000"), kind=BROKER, name="1")
    inherited = (await described(client))["max.message.bytes"]
    assert (inherited.value, inherited.config_source) == ("1000", 2)
    assert [(synonym.name, synonym.value, synonym.source) for synonym in inherited.synonyms] == [
        ("message.max.bytes", "1000", 2),
        ("message.max.bytes", "2000", 3),
        ("message.max.bytes", "1048588", 5),
    ]
    refused = await client.call(produce("orders", batch(b"x" * 1500)), 9)
    assert refused.responses[0].partition_responses[0].error_code == ErrorCode.MESSAGE_TOO_LARGE


async def test_a_brokers_own_and_its_inherited_changes_are_described(client: ProtocolClient) -> None:
    await alter(client, ("log.retention.ms", SET, "9000"), kind=BROKER, name="")
    await alter(client, ("log.cleanup.policy", APPEND, "compact"), kind=BROKER, name="1")
    configs = await described(client, name="1", kind=BROKER)
    assert (configs["log.retention.ms"].value, configs["log.retention.ms"].config_source) == ("9000", 3)
    assert (configs["log.cleanup.policy"].value, configs["log.cleanup.policy"].config_source) == ("delete,compact", 2)
    assert not configs["log.retention.ms"].read_only
    assert configs["log.retention.hours"].read_only
    for_all = await described(client, name="", kind=BROKER)
    assert {name: config.value for name, config in for_all.items()} == {
        "log.retention.ms": "9000",
        "min.insync.replicas": "1",  # Kafka has it from the start
    }


@pytest.mark.parametrize(
    ("step", "error"),
    [
        (("log.dirs", SET, "elsewhere"), ErrorCode.INVALID_REQUEST),
        (("log.retention.hours", SET, "1"), ErrorCode.INVALID_REQUEST),
        (("log.segment.bytes", SET, "5"), ErrorCode.INVALID_REQUEST),
        (("log.segment.bytes", SET, "big"), ErrorCode.INVALID_REQUEST),
        (("log.retention.ms", APPEND, "5"), ErrorCode.INVALID_CONFIG),
        (("log.retention.ms", 9, "5"), ErrorCode.INVALID_REQUEST),
        (("num.io.threads", SET, "5"), ErrorCode.NONE),
        (("some.plug-ins.setting", SET, "secret"), ErrorCode.NONE),
    ],
)
async def test_only_what_can_be_changed_at_run_time_is_changed(
    client: ProtocolClient, step: Step, error: ErrorCode
) -> None:
    assert await alter(client, step, kind=BROKER, name="1") == error


async def test_a_setting_that_nobody_knows_may_be_a_secret(client: ProtocolClient) -> None:
    await alter(client, ("some.plug-ins.setting", SET, "secret"), kind=BROKER, name="")
    setting = (await described(client, name="", kind=BROKER))["some.plug-ins.setting"]
    assert (setting.value, setting.is_sensitive) == (None, True)
    assert setting.synonyms[0].value is None


# Records


@pytest.mark.parametrize("version", [0, 1, 2])
async def test_deleted_records_cannot_be_read_any_more(client: ProtocolClient, version: int) -> None:
    await create_topic(client, "orders")
    await client.call(produce("orders", batch(b"a", b"b", b"c")), 9)
    wanted = DeleteRecordsTopic(name="orders", partitions=(DeleteRecordsPartition(partition_index=0, offset=2),))
    response = await client.call(DeleteRecordsRequest(topics=(wanted,), timeout_ms=1000), version)
    (result,) = response.topics[0].partitions
    assert (result.low_watermark, result.error_code) == (2, ErrorCode.NONE)
    assert await earliest(client) == 2
    below = await client.call(fetch("orders", 1), 11)
    assert below.responses[0].partitions[0].error_code == OFFSET_OUT_OF_RANGE
    above = await client.call(fetch("orders", 2), 11)
    assert above.responses[0].partitions[0].log_start_offset == 2


async def test_minus_one_deletes_all_that_is_there(client: ProtocolClient) -> None:
    await create_topic(client, "orders")
    await client.call(produce("orders", batch(b"a", b"b", b"c")), 9)
    assert await delete_records(client, (0, -1)) == {0: (3, ErrorCode.NONE)}
    written = await client.call(produce("orders", batch(b"d")), 9)
    assert written.responses[0].partition_responses[0].base_offset == 3


async def test_partitions_are_shortened_one_by_one(client: ProtocolClient) -> None:
    await create_topic(client, "orders", 2)
    await client.call(produce("orders", batch(b"a", b"b", b"c")), 9)
    assert await delete_records(client, (0, 1), (1, 1), (7, 0)) == {
        0: (1, ErrorCode.NONE),
        1: (-1, OFFSET_OUT_OF_RANGE),
        7: (-1, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
    }
    assert await delete_records(client, (0, -2)) == {0: (-1, OFFSET_OUT_OF_RANGE)}
    assert await delete_records(client, (0, 0)) == {0: (1, ErrorCode.NONE)}
    assert await delete_records(client, (0, 3), (0, 2)) == {0: (2, ErrorCode.NONE)}


async def test_records_that_others_depend_on_are_not_deleted(client: ProtocolClient) -> None:
    await create_topic(client, "orders", cleanup_policy="compact")
    assert await delete_records(client, (0, 0)) == {0: (-1, ErrorCode.POLICY_VIOLATION)}
    await commit(client, 0)
    internal = await delete_records(client, (0, 0), topic="__consumer_offsets")
    assert internal == {0: (-1, ErrorCode.INVALID_TOPIC_EXCEPTION)}


async def test_a_fetch_that_waits_below_learns_at_once_that_its_records_are_gone(
    client: ProtocolClient, connect: Connect
) -> None:
    await create_topic(client, "orders")
    await client.call(produce("orders", batch(b"a", b"b", b"c")), 9)
    reader = await connect()
    await reader.send(fetch("orders", 1, wait_ms=60_000, min_bytes=100_000), 11)
    await wait_all_tasks_blocked()
    await delete_records(client, (0, 2))
    with trio.fail_after(60):
        _, response = await reader.receive(FetchResponse, 11)
    assert response.responses[0].partitions[0].error_code == OFFSET_OUT_OF_RANGE


# Offsets


async def commit(client: ProtocolClient, *partitions: int, topic: str = "orders") -> None:
    await client.call(requests.commit("billing", {(topic, index): 1 for index in partitions}), 8)


async def delete_offsets(client: ProtocolClient, *partitions: tuple[str, int], group: str = "billing") -> Any:
    topics = tuple(
        OffsetDeleteRequestTopic(name=topic, partitions=(OffsetDeleteRequestPartition(partition_index=index),))
        for topic, index in partitions
    )
    return await client.call(OffsetDeleteRequest(group_id=group, topics=topics), 0)


async def test_offsets_of_partitions_that_exist_are_deleted_and_others_are_unknown(client: ProtocolClient) -> None:
    await create_topic(client, "orders", 2)
    await commit(client, 0, 1)
    response = await delete_offsets(client, ("orders", 0), ("orders", 5), ("absent", 0))
    assert response.error_code == ErrorCode.NONE
    codes = {(t.name, p.partition_index): p.error_code for t in response.topics for p in t.partitions}
    assert codes == {
        ("orders", 0): ErrorCode.NONE,
        ("orders", 5): ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        ("absent", 0): ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    }


@pytest.mark.parametrize("topic", ["orders", "absent"])
async def test_an_unknown_group_is_told_for_the_request_as_a_whole(client: ProtocolClient, topic: str) -> None:
    await create_topic(client, "orders")
    response = await delete_offsets(client, (topic, 0), group="nobody")
    assert (response.error_code, response.topics) == (ErrorCode.GROUP_ID_NOT_FOUND, ())


# Disk space


async def test_the_data_directory_tells_the_size_of_each_partition(
    client: ProtocolClient, config: BrokerConfig
) -> None:
    await create_topic(client, "orders", 2)
    await create_topic(client, "parcels")
    records = batch(b"a", b"b")
    await client.call(produce("orders", records), 9)
    response = await client.call(DescribeLogDirsRequest(topics=None), 5)
    (directory,) = response.results
    assert Path(directory.log_dir) == config.data_dir.absolute()
    assert (response.error_code, directory.error_code, directory.is_cordoned) == (ErrorCode.NONE, ErrorCode.NONE, False)
    sizes = {(t.name, p.partition_index): p.partition_size for t in directory.topics for p in t.partitions}
    assert sizes == {("orders", 0): len(records), ("orders", 1): 0, ("parcels", 0): 0}
    assert not any(p.is_future_key or p.offset_lag for t in directory.topics for p in t.partitions)
    assert 0 < directory.usable_bytes <= directory.total_bytes


async def test_only_the_partitions_that_were_asked_for_and_exist_are_told(client: ProtocolClient) -> None:
    await create_topic(client, "orders", 2)
    asked = (
        DescribableLogDirTopic(topic="orders", partitions=(1, 1, 9)),
        DescribableLogDirTopic(topic="absent", partitions=(0,)),
    )
    for version in range(1, 6):
        response = await client.call(DescribeLogDirsRequest(topics=asked), version)
        (directory,) = response.results
        assert [(t.name, [p.partition_index for p in t.partitions]) for t in directory.topics] == [("orders", [1])]
        assert (directory.total_bytes == -1) == (version < 4)
    nothing = await client.call(DescribeLogDirsRequest(topics=()), 5)
    assert nothing.results[0].topics == ()


async def test_groups_and_client_metrics_are_described_with_their_defaults(client: ProtocolClient) -> None:
    group = await described(client, "anyone", kind=32)
    assert len(group) == 21
    timeout = group["consumer.session.timeout.ms"]
    assert (timeout.value, timeout.config_source, timeout.read_only) == ("45000", 5, False)
    assert [(synonym.name, synonym.value) for synonym in timeout.synonyms] == [
        ("group.consumer.session.timeout.ms", "45000")
    ]
    assert group["streams.assignor.name"].value == "sticky"
    metrics = await described(client, "anything", kind=16)
    assert {name: config.value for name, config in metrics.items()} == {
        "interval.ms": "300000",
        "match": "",
        "metrics": "",
    }


@pytest.mark.parametrize("kind", [8, 16, 32, 99])
async def test_a_resource_without_a_name_or_of_another_type_is_not_described(client: ProtocolClient, kind: int) -> None:
    resource = DescribeConfigsResource(resource_type=kind, resource_name="", configuration_keys=None)
    response = await client.call(DescribeConfigsRequest(resources=(resource,)), 4)
    assert response.results[0].error_code == ErrorCode.INVALID_REQUEST
