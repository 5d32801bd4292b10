"""Headers that are stamped on records, records that are refused, and clients that are throttled."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from kafkalite.interceptors import ErrorCode, MessageInterceptor, OptionError
from kafkalite.interceptors.checked_records import CheckedRecords
from kafkalite.interceptors.client_quotas import Quotas
from kafkalite.interceptors.rate_limits import RateLimit
from kafkalite.interceptors.stamped_headers import StampedHeaders
from kafkalite.testing.interceptors import Exchange, InterceptorRun
from kafkalite_wire.messages.fetch import FetchableTopicResponse, FetchRequest, FetchResponse, PartitionData
from kafkalite_wire.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from kafkalite_wire.messages.produce import (
    PartitionProduceData,
    PartitionProduceResponse,
    ProduceRequest,
    ProduceResponse,
    TopicProduceData,
    TopicProduceResponse,
)
from kafkalite_wire.records import Compression, Record, build_batch, check_produced, iter_records

RECORDS = (
    Record(b"k", b"v" * 300, 1_000, (("a", b"1"), ("b", None))),
    Record(None, None, 990),
    Record(b"", b"", 2_000, (("a", b"2"),)),
)


def produced(batches: dict[str | bytes, bytes], acks: int = 1) -> ProduceRequest:
    return ProduceRequest(
        acks=acks,
        timeout_ms=1000,
        topic_data=tuple(
            TopicProduceData(
                **({"topic_id": topic} if isinstance(topic, bytes) else {"name": topic}),
                partition_data=(PartitionProduceData(index=0, records=batch),),
            )
            for topic, batch in batches.items()
        ),
    )


def acknowledged(request: ProduceRequest) -> ProduceResponse:
    return ProduceResponse(
        responses=tuple(
            TopicProduceResponse(
                name=topic.name,
                topic_id=topic.topic_id,
                partition_responses=tuple(
                    PartitionProduceResponse(index=each.index, base_offset=7) for each in topic.partition_data
                ),
            )
            for topic in request.topic_data
        )
    )


def send(interceptor: MessageInterceptor, batch: bytes, topic: str = "orders", version: int = 9) -> Exchange:
    return InterceptorRun(interceptor).send(produced({topic: batch}), answer=acknowledged, version=version)


def errors(exchange: Exchange) -> list[tuple[str, ErrorCode]]:
    return [(each.name, ErrorCode(each.partition_responses[0].error_code)) for each in exchange.response.responses]


@pytest.mark.parametrize("compression", Compression)
def test_headers_are_added_and_nothing_else_changes(compression: Compression) -> None:
    batch = build_batch(
        RECORDS,
        compression=compression,
        producer_id=42,
        producer_epoch=3,
        base_sequence=17,
        is_transactional=True,
        partition_leader_epoch=-1,
    )
    stamped = StampedHeaders(headers={"via": "proxy", "who": "{client_id} {principal} {host} {topic}"})
    request = send(stamped, batch).request
    made = request.topic_data[0].partition_data[0].records
    header, before = check_produced(made), check_produced(batch)  # which checks the CRC
    assert header._replace(batch_length=0, crc=0) == before._replace(batch_length=0, crc=0)
    added = (("via", b"proxy"), ("who", b"client User:ANONYMOUS 127.0.0.1 orders"))
    assert list(iter_records(made)) == [
        record._replace(headers=record.headers + added, offset=number) for number, record in enumerate(RECORDS)
    ]


def test_other_topics_and_damaged_batches_are_passed_on_as_they_are() -> None:
    batch = build_batch(RECORDS)
    damaged = batch[:-1] + b"!"
    stamped = StampedHeaders(headers={"via": "proxy"}, topics=("order*",))
    for topic, data in (("payments", batch), ("orders", damaged), ("orders", b"")):
        assert send(stamped, data, topic).request.topic_data[0].partition_data[0].records == data


def test_topics_are_known_by_their_ids() -> None:
    run = InterceptorRun(StampedHeaders(headers={"of": "{topic}"}, topics=("orders",)), topic_ids={b"1" * 16: "orders"})
    batch = build_batch(RECORDS[1:2])
    request = run.send(produced({b"1" * 16: batch, b"2" * 16: batch}), answer=acknowledged, version=13).request
    records = [next(iter(iter_records(each.partition_data[0].records))) for each in request.topic_data]
    assert [record.headers for record in records] == [(("of", b"orders"),), ()]


def refusals(interceptor: MessageInterceptor, records: Iterable[Record]) -> list[str | None]:
    found: list[str | None] = []
    for record in records:
        exchange = send(interceptor, build_batch([record]))
        partition = exchange.response.responses[0].partition_responses[0]
        assert (partition.error_code == ErrorCode.INVALID_RECORD) is (exchange.request is None)
        found.append(partition.error_message)
    return found


def test_records_that_break_a_rule_are_refused_with_the_reason() -> None:
    records = (
        Record(b"k", b"{}", 0, (("id", b"1"),)),
        Record(b"k", b"{}" + b" " * 20, 0, (("id", b"1"),)),
        Record(None, b"{}", 0, (("id", b"1"),)),
        Record(b"k", b"{}", 0),
        Record(b"k", b"{", 0, (("id", b"1"),)),
        Record(b"k", None, 0, (("id", b"1"),)),
    )
    assert refusals(CheckedRecords(max_bytes=10, key=True, headers=("id",), json=True), records) == [
        None,
        "record 0 of the batch: it has 26 bytes, and may have 10",
        "record 0 of the batch: it has no key",
        "record 0 of the batch: it has no header 'id'",
        "record 0 of the batch: its value is not JSON",
        None,
    ]


@pytest.mark.parametrize("version", range(3, 13))
def test_only_the_partitions_with_wrong_records_are_refused(version: int) -> None:
    batch = build_batch(RECORDS, compression=Compression.GZIP)
    run = InterceptorRun(CheckedRecords(topics=("strict",), key=True))
    exchange = run.send(produced({"strict": batch, "other": batch}), answer=acknowledged, version=version)
    assert [topic.name for topic in exchange.request.topic_data] == ["other"]
    assert errors(exchange) == [("strict", ErrorCode.INVALID_RECORD), ("other", ErrorCode.NONE)]


def test_values_are_checked_against_a_json_schema(tmp_path: Path) -> None:
    schema = {"type": "object", "required": ["amount"], "properties": {"amount": {"type": "number"}}}
    path = tmp_path / "order.json"
    path.write_text(json.dumps(schema))
    values = (b'{"amount": 1}', b'{"amount": "1"}', b"[]", None, b"x")
    checked = CheckedRecords(json_schema=path)
    found = refusals(checked, [Record(b"k", value, 0) for value in values])
    assert [each is None for each in found] == [True, False, False, True, False]
    assert "does not fit the schema" in str(found[1])


@pytest.mark.parametrize(
    ("text", "message"), [("{", "is not JSON"), ('{"type": "nothing"}', "is no JSON Schema"), (None, "cannot read")]
)
def test_a_file_that_is_no_schema_is_named(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "order.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(OptionError, match=message):
        CheckedRecords(json_schema=path)


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_a_client_that_produces_too_much_is_throttled() -> None:
    clock = Clock()
    batch = build_batch([Record(b"k", b"v" * 1000, 0)])
    run = InterceptorRun(RateLimit(produced_bytes=float(len(batch))), now=clock)
    waits: list[Any] = []
    for client_id in ("a", "a", "b", "a"):
        exchange = run.send(produced({"t": batch}), answer=acknowledged, client_id=client_id, version=9)
        waits.append((exchange.throttled, exchange.response.throttle_time_ms))
    assert waits == [(0, 0), (1, 1000), (0, 0), (2, 2000)]
    clock.seconds = 3
    assert run.send(produced({"t": batch}), answer=acknowledged, client_id="a", version=9).throttled == 0


def test_requests_and_fetched_bytes_are_limited() -> None:
    run = InterceptorRun(RateLimit(by="all", requests=2))
    beats = [run.send(HeartbeatRequest(group_id="g", generation_id=1, member_id="m"), answer=BEAT) for _ in range(3)]
    assert [each.response.throttle_time_ms for each in beats] == [0, 0, 500]
    partition = PartitionData(partition_index=0, high_watermark=1, aborted_transactions=None, records=b"x" * 300)
    fetched = FetchResponse(responses=(FetchableTopicResponse(topic="t", partitions=(partition,)),))
    run = InterceptorRun(RateLimit(by="host", fetched_bytes=100))
    request = FetchRequest(max_wait_ms=0, min_bytes=0, topics=())
    assert run.send(request, answer=fetched, version=11).response.throttle_time_ms == 2000


def throttle_ms(limits: dict[str, str | float], size: int, *, client_id: str = "client") -> int:
    """Return for how long User:anna is throttled after so many bytes were produced."""
    run = InterceptorRun(Quotas(limits=(limits,)), principal="User:anna")
    exchange = run.send(produced({"t": b"x" * size}), answer=acknowledged, client_id=client_id, version=9)
    assert exchange.throttled * 1000 == exchange.response.throttle_time_ms
    return int(exchange.response.throttle_time_ms)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ({"user": "anna"}, 2000),
        ({"user": "<default>"}, 2000),
        ({"client_id": "client"}, 2000),
        ({"user": "anna", "client_id": "<default>"}, 2000),
        ({"user": "bob"}, 0),
        ({"user": "anna", "client_id": "other"}, 0),
    ],
)
def test_a_quota_applies_to_its_user_and_client_id(limit: dict[str, str | float], expected: int) -> None:
    # Of a first sample Kafka takes ten seconds to have passed: 12,000 bytes are within the rate after 12 s.
    assert throttle_ms({**limit, "producer_byte_rate": 1000.0}, 12_000) == expected


def test_what_is_used_of_a_quota_counts_for_as_long_as_its_window() -> None:
    clock = Clock()
    run = InterceptorRun(Quotas(limits=({"client_id": "client", "producer_byte_rate": 1000.0},)), now=clock)
    waits: list[float] = []
    for seconds in (0, 1, 30):
        clock.seconds = seconds
        waits.append(run.send(produced({"t": b"x" * 12_000}), answer=acknowledged, version=9).throttled)
    assert waits[0] == 2
    assert waits[1] > 10
    assert waits[2] == 2


def test_a_fetch_asks_for_no_more_than_its_quota_and_is_throttled() -> None:
    partition = PartitionData(partition_index=0, high_watermark=1, aborted_transactions=None, records=b"x" * 1_200)
    fetched = FetchResponse(responses=(FetchableTopicResponse(topic="t", partitions=(partition,)),))
    run = InterceptorRun(Quotas(limits=({"user": "<default>", "consumer_byte_rate": 100.0},)))
    request = FetchRequest(max_wait_ms=0, min_bytes=5_000, max_bytes=50_000, topics=())
    exchange = run.send(request, answer=fetched, version=11)
    assert (exchange.request.max_bytes, exchange.request.min_bytes) == (1000, 1000)
    assert (exchange.throttled, exchange.response.throttle_time_ms) == (2, 2000)
    assert exchange.response.responses[0].partitions[0].records == b"x" * 1_200


BEAT = HeartbeatResponse(error_code=0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: StampedHeaders(headers={}), "at least one header"),
        (lambda: StampedHeaders(headers={"a": "{name}"}), "there is no {name}; there are {client_id}"),
        (lambda: StampedHeaders(headers={"a": "{"}), "a: "),
        (lambda: CheckedRecords(), "nothing is checked"),
        (lambda: CheckedRecords(max_bytes=0), "must be at least 1"),
        (lambda: Quotas(limits=()), "at least one"),
        (lambda: Quotas(limits=({"producer_byte_rate": 1.0},)), "limit 1 is for neither"),
        (lambda: Quotas(limits=({"user": "a", "consumer_byte_rate": 1.0}, {"user": "a"})), "limit 2 is for the same"),
        (lambda: Quotas(limits=({"user": 5.0, "consumer_byte_rate": 1.0},)), "must be a name, and is 5.0"),
        (lambda: Quotas(limits=({"user": "a", "consumer_byte_rate": 0.0},)), "must be a number above 0"),
        (
            lambda: Quotas(limits=({"user": "a", "request_percentage": 1.0},)),
            "keys: user, client_id, producer_byte_rate",
        ),
        (lambda: Quotas(limits=({"user": "a"},)), "limit 1 has no rate"),
        (lambda: RateLimit(), "nothing is limited"),
        (lambda: RateLimit(by="name", requests=1), "must be one of client_id"),
        (lambda: RateLimit(requests=0), "must be more than 0"),
    ],
)
def test_wrong_options_are_refused(make: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        make()
