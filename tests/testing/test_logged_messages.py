"""Every message of every version goes through the request log: kept, decoded, looked into and written as JSON."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kafkalite.controls.request_log.contents import errors_in, partitions_in, topics_in
from kafkalite.controls.request_log.exchange import Exchange
from kafkalite.controls.request_log.json_lines import line_of
from kafkalite.controls.request_log.keeping import HOLDS_SECRETS, keep_response
from kafkalite.controls.request_log.log import Bounds, RequestLog
from kafkalite.requests.context import ConnectionInfo, RequestContext
from kafkalite_storage.segment.segment import FetchSlice
from kafkalite_wire.apis import APIS, DECLARED_APIS, Api, ApiKey
from kafkalite_wire.codec import decode, encode
from kafkalite_wire.messages.alter_configs import AlterableConfig, AlterConfigsRequest, AlterConfigsResource
from kafkalite_wire.messages.create_topics import CreatableTopic, CreatableTopicConfig, CreateTopicsRequest
from kafkalite_wire.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from kafkalite_wire.messages.fetch import FetchableTopicResponse, FetchResponse, PartitionData
from kafkalite_wire.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from kafkalite_wire.messages.metadata import MetadataRequest, MetadataResponse
from kafkalite_wire.records import Record, build_batch
from kafkalite_wire.schema import fields_of
from tests.support.messages import messages, versions_of

EVERY_API = pytest.mark.parametrize("api", DECLARED_APIS.values(), ids=lambda api: api.name)


def log(**bounds: int) -> RequestLog:
    return RequestLog(
        now=lambda: 1.5,
        wall_ms=lambda: 1_700_000_000_123,
        topic_names=lambda: {b"i" * 16: "by-id"},
        bounds=Bounds(**bounds),
    )


def call(api: Api, version: int, request: object) -> tuple[Any, RequestContext]:
    flexible = b"\0" if api.is_flexible(version) else b""
    frame = struct.pack(">hhih", api.key, version, 7, 1) + b"c" + flexible + encode(request, version)
    context = RequestContext(
        api=api,
        api_version=version,
        client_id="c",
        info=ConnectionInfo(host="10.0.0.1", port=4711),
        correlation_id=7,
        frame=memoryview(frame),
    )
    return decode(api.request_type, version, frame, 11 + len(flexible)), context


def logged(api: Api, version: int, request: object, response: object | None, **bounds: int) -> Exchange:
    kept = log(**bounds)
    kept.keep(*call(api, version, request)).sent(response)
    (exchange,) = kept.exchanges()
    return exchange


@EVERY_API
@settings(deadline=None, max_examples=4)
@given(data=st.data())
def test_every_message_survives_the_log_and_json(api: Api, data: st.DataObject) -> None:
    for version in versions_of(api.request_type):
        request = data.draw(messages(api.request_type, version))
        response = data.draw(messages(api.response_type, version))
        exchange = logged(api, version, request, response)
        if api.key in HOLDS_SECRETS:
            assert (exchange.request, exchange.response) == (None, None)
            continue
        assert exchange.request == request
        assert exchange.response == response
        assert {error.code for error in exchange.errors} >= {getattr(response, "error_code", 0)} - {0}
        line = json.loads(line_of(exchange, records=True))
        for message, shown in ((request, line["request"]), (response, line["response"])):
            assert list(shown) == [field.name for field in fields_of(type(message)) if version in field.versions]
        assert (line["api"], line["api_version"], line["client_port"]) == (api.name, version, 4711)
        assert str(exchange).startswith(f"#1 c {api.name} v{version}")


@EVERY_API
@settings(deadline=None, max_examples=4)
@given(data=st.data(), most=st.integers(0, 100))
def test_whatever_is_cut_short_the_rest_of_a_message_stays(api: Api, data: st.DataObject, most: int) -> None:
    for version in versions_of(api.request_type):
        request = data.draw(messages(api.request_type, version))
        exchange = logged(api, version, request, None, records_bytes=most)
        whole = logged(api, version, request, None)
        shown, expected = (json.loads(line_of(of))["request"] for of in (exchange, whole))
        if api.key is ApiKey.PRODUCE:
            for topic in (*shown["topic_data"], *expected["topic_data"]):
                for partition in topic["partition_data"]:
                    partition.pop("records")
        assert shown == expected
        assert exchange.request_bytes == whole.request_bytes


def test_records_of_a_response_are_read_from_their_file_only_as_far_as_they_are_kept() -> None:
    batches = [build_batch([Record(value=bytes(200))], base_offset=offset) for offset in range(3)]
    data = b"".join(batches)

    class File:
        def read_at(self, position: int, size: int) -> bytes:
            asked.append(size)
            return data[position : position + size]

    asked: list[int] = []
    response = FetchResponse(
        responses=(
            FetchableTopicResponse(
                topic_id=b"i" * 16,
                partitions=(
                    PartitionData(
                        partition_index=3,
                        high_watermark=3,
                        aborted_transactions=None,
                        records=FetchSlice(File(), 0, len(data)),  # type: ignore[arg-type]  # all that is asked of it
                    ),
                    PartitionData(partition_index=4, high_watermark=1, aborted_transactions=None, records=batches[0]),
                ),
            ),
        )
    )
    kept = log(records_bytes=len(batches[0]) + 61)
    api = APIS[ApiKey.FETCH]
    request = call(api, 13, api.request_type(max_wait_ms=0, min_bytes=0, topics=()))
    kept.keep(*request).sent(response)
    (exchange,) = kept.exchanges()
    assert asked == [len(batches[0]) + 61]
    assert [(batch.topic, batch.partition, batch.base_offset, batch.is_whole) for batch in exchange.batches] == [
        ("by-id", 3, 0, True),
        ("by-id", 3, 1, False),
    ]
    assert exchange.response.responses[0].partitions[1].partition_index == 4
    assert len(exchange.response.responses[0].partitions[1].records) == 0


def test_a_file_that_cannot_be_read_takes_its_records_with_it_and_nothing_else() -> None:
    class Broken:
        def read_at(self, position: int, size: int) -> bytes:
            raise OSError("gone")

    data = PartitionData(
        partition_index=0,
        high_watermark=1,
        aborted_transactions=None,
        records=FetchSlice(Broken(), 0, 100),  # type: ignore[arg-type]  # all that is asked of it
    )
    response = FetchResponse(responses=(FetchableTopicResponse(topic="t", partitions=(data,)),))
    kept = keep_response(APIS[ApiKey.FETCH], 4, response, 1000)
    read = kept.decoded(FetchResponse, 4)
    assert read is not None
    assert (read.responses[0].partitions[0].high_watermark, len(read.responses[0].partitions[0].records or b"")) == (
        1,
        0,
    )


# Topics, partitions and errors are recognised by the names of fields: whether they are all found


def filled(declared: type[Any], version: int) -> Any:
    """Make a message whose every array has one item, every string is ``t`` and every number 5."""
    values: dict[str, object] = {}
    for field in fields_of(declared):
        if version not in field.versions:
            values[field.name] = field.implied
            continue
        element = field.type.element
        of = field.type if element is None else element
        if of.struct is not None:
            value: object = filled(of.struct, version)
        elif of.name == "string":
            value = "t"
        elif of.name == "uuid":
            value = b"i" * 16
        elif of.name in ("bytes", "records"):
            value = b""
        else:
            value = 2 if field.name == "resource_type" else 1 if of.code == "?" else 5
        values[field.name] = value if element is None else (value,)
    return declared(**values)


WITHOUT_TOPICS = {
    "FindCoordinator", "JoinGroup", "Heartbeat", "LeaveGroup", "SyncGroup", "DescribeGroups", "ListGroups",
    "ApiVersions", "InitProducerId", "DeleteGroups", "DescribeCluster", "AddOffsetsToTxn", "EndTxn",
    "CreateDelegationToken", "RenewDelegationToken", "ExpireDelegationToken", "DescribeDelegationToken",
    "DescribeClientQuotas", "AlterClientQuotas", "DescribeUserScramCredentials", "AlterUserScramCredentials",
    "UpdateFeatures", "UnregisterBroker", "ListTransactions", "SaslHandshake", "SaslAuthenticate",
    "GetTelemetrySubscriptions", "PushTelemetry", "AddRaftVoter", "RemoveRaftVoter", "UnregisterController",
    "StreamsGroupTopologyDescriptionUpdate",
}  # fmt: skip
WITHOUT_PARTITIONS = {
    "CreateTopics", "DeleteTopics", "DescribeConfigs", "AlterConfigs", "CreatePartitions", "IncrementalAlterConfigs",
    "DescribeAcls", "CreateAcls", "DeleteAcls", "ListConfigResources",
    "DeleteShareGroupOffsets", "StreamsGroupDescribe",
}  # fmt: skip


@EVERY_API
def test_the_topics_partitions_and_errors_of_every_message_are_found(api: Api) -> None:
    for version in versions_of(api.request_type):
        names = {b"i" * 16: "t"}
        request, response = filled(api.request_type, version), filled(api.response_type, version)
        topics = set(topics_in(request, names)) | set(topics_in(response, names))
        # Version 0 of ListConfigResources lists subscriptions of client metrics only.
        is_without = api.name in WITHOUT_TOPICS or (api.name, version) == ("ListConfigResources", 0)
        assert topics == (set() if is_without else {"t"}), version
        partitions = set(partitions_in(request, names)) | set(partitions_in(response, names))
        expected = set() if api.name in WITHOUT_TOPICS | WITHOUT_PARTITIONS else {("t", 5)}
        assert partitions == expected or api.name == "CreateTopics", version
        errors = [(error.path, error.error.name) for error in errors_in(response, names)]
        assert all(name == "LEADER_NOT_AVAILABLE" for _, name in errors)
        assert len(errors) == repr(response).count("error_code=5"), version


def test_a_log_keeps_ten_thousand_names_of_topics_that_are_gone_and_all_of_those_that_are_there() -> None:
    kept = log()
    delete = APIS[ApiKey.DELETE_TOPICS]
    version = delete.max_version
    for number in range(10_002):
        gone = DeleteTopicState(name=None, topic_id=number.to_bytes(16))
        kept.keep(*call(delete, version, DeleteTopicsRequest(topics=(gone,), timeout_ms=1)))
    names = kept._topic_names
    assert len(names) == 10_001
    assert names[b"i" * 16] == "by-id"
    assert (2).to_bytes(16) in names
    assert (1).to_bytes(16) not in names


# What must not be kept


@pytest.mark.parametrize("key", [36, 51])
def test_nothing_is_kept_of_messages_that_hold_secrets(key: int) -> None:
    api = replace(APIS[ApiKey.HEARTBEAT], key=key)  # type: ignore[arg-type]  # they are not declared yet
    kept = log()
    request = HeartbeatRequest(group_id="PASSWORD", generation_id=1, member_id="m")
    message, context = call(APIS[ApiKey.HEARTBEAT], 4, request)
    kept.keep(message, replace(context, api=api)).sent(HeartbeatResponse(error_code=0))
    (exchange,) = kept.exchanges()
    assert (exchange.request, exchange.response, exchange.groups) == (None, None, frozenset())
    assert exchange.request_bytes == len(context.frame)
    assert kept.size_bytes == 0
    assert "PASSWORD" not in line_of(exchange)


def test_passwords_in_configurations_are_not_written() -> None:
    config = AlterableConfig(name="ssl.key.password", value="geheim")
    plain = AlterableConfig(name="retention.ms", value="1000")
    resource = AlterConfigsResource(resource_type=4, resource_name="1", configs=(config, plain))
    request = AlterConfigsRequest(resources=(resource,), validate_only=False)
    api = APIS[ApiKey.ALTER_CONFIGS]
    line = line_of(logged(api, 2, request, None))
    assert "geheim" not in line
    assert '"retention.ms","value":"1000"' in line
    topic = CreatableTopic(
        name="t",
        num_partitions=1,
        replication_factor=1,
        assignments=(),
        configs=(CreatableTopicConfig(name="sasl.jaas.config", value="geheim"),),
    )
    line = line_of(logged(APIS[ApiKey.CREATE_TOPICS], 7, CreateTopicsRequest(topics=(topic,), timeout_ms=1), None))
    assert "geheim" not in line


# Ends


def test_a_call_that_fails_is_cut_off_with_the_reason() -> None:
    kept = log()
    logged_call = kept.keep(*call(APIS[ApiKey.METADATA], 9, MetadataRequest(topics=())))
    logged_call.failed("the traceback is above")
    (exchange,) = kept.exchanges()
    assert (exchange.outcome, exchange.reason, exchange.latency) == ("cut off", "the traceback is above", 0.0)
    assert json.loads(line_of(exchange))["reason"] == "the traceback is above"
    assert str(exchange) == "#1 c Metadata v9: cut off after 0.0 ms, the traceback is above"


def test_a_large_answer_makes_room_at_the_cost_of_older_calls_but_stays_itself() -> None:
    kept = log(size_bytes=1000)
    first, second = (kept.keep(*call(APIS[ApiKey.METADATA], 9, MetadataRequest(topics=()))) for _ in range(2))
    second.sent(MetadataResponse(brokers=(), cluster_id="x" * 2000, controller_id=1, topics=()))
    assert [exchange.number for exchange in kept.exchanges()] == [2]
    assert (kept.dropped, kept.size_bytes) == (1, second.kept_size)
    first.sent(MetadataResponse(brokers=(), cluster_id="x" * 2000, controller_id=1, topics=()))
    assert kept.size_bytes == second.kept_size, "what has been dropped counts no more"
    kept.clear()
    assert (list(kept.exchanges()), kept.size_bytes, kept.seen) == ([], 0, 2)
