"""Records: what a producer sends is what a consumer gets, whatever the codec, the acknowledgement and the size."""

import time

import pytest

from kafkalite_conformance.drivers.catalogue import CLIENTS
from kafkalite_conformance.drivers.events import Acknowledged, Consumed, Failed, Record, Refused
from kafkalite_conformance.scenario import Scenario

ONE_MIB = 1 << 20


def text(record: Record) -> tuple[bytes | None, bytes | None, tuple[tuple[str, bytes | None], ...]]:
    """Return what must arrive unchanged."""
    return record.key, record.value, record.headers


def arrived(record: Consumed) -> tuple[bytes | None, bytes | None, tuple[tuple[str, bytes | None], ...]]:
    """Return what arrived."""
    return record.key, record.value, record.headers


CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


def codec_records(partition: int) -> list[Record]:
    """Return records of all 256 byte values, one that compresses well, and one that does not."""
    return [
        Record(key=b"key", value=bytes(range(256)), partition=partition),
        Record(key=b"key", value=b"again and again " * 500, partition=partition),
        Record(key=b"other", value=bytes((7 * i * i + i // 3) % 256 for i in range(5000)), partition=partition),
    ]


def hold_every_codec(scenario: Scenario, writer: str, reader: str) -> None:
    """Write one partition a codec, read them all, and compare byte for byte."""
    topic = scenario.topic(len(CODECS))
    for partition, codec in enumerate(CODECS):
        outcomes = scenario.admin(writer).produce(topic, codec_records(partition), compression=codec)
        assert [outcome.offset for outcome in outcomes if isinstance(outcome, Acknowledged)] == [0, 1, 2], codec
    member = scenario.member(reader, scenario.group(), [topic])
    member.wait_until(lambda: len(member.records) == 3 * len(CODECS), "all records")
    for partition, codec in enumerate(CODECS):
        found = [arrived(record) for record in member.records if record.partition == partition]
        assert found == [text(record) for record in codec_records(partition)], codec


def test_every_codec_comes_back_byte_for_byte(scenario: Scenario, client: str) -> None:
    """Uncompressed, gzip, snappy, lz4, zstd: written and read by the same client."""
    hold_every_codec(scenario, client, client)


def test_every_codec_is_read_as_java_wrote_it(scenario: Scenario, client: str) -> None:
    """The clients' formats of one codec are one format."""
    hold_every_codec(scenario, "java", client)


@pytest.mark.parametrize("acks", ["1", "all"])
def test_an_acknowledgement_tells_the_offset(scenario: Scenario, client: str, acks: str) -> None:
    """Offsets count up from 0 without a gap."""
    topic = scenario.topic()
    records = [Record(value=b"%d" % number, partition=0) for number in range(5)]
    outcomes = scenario.admin(client).produce(topic, records, acks=acks)
    assert outcomes == [Acknowledged(command=outcomes[0].command, index=i, partition=0, offset=i) for i in range(5)]


@pytest.mark.needs("acks-0")
def test_acks_0_is_never_answered_and_yet_arrives(scenario: Scenario, client: str) -> None:
    """A producer that wants no acknowledgement gets none, and its connection goes on."""
    topic = scenario.topic()
    values = [b"%d" % number for number in range(5)]
    scenario.admin(client).produce(topic, [Record(value=value, partition=0) for value in values], acks="0")
    scenario.await_values(scenario.reader("librdkafka", topic), values)


@pytest.mark.needs("idempotence")
def test_an_idempotent_producer_writes_once_and_in_order(scenario: Scenario, client: str) -> None:
    """InitProducerId, then sequence numbers from 0."""
    topic = scenario.topic()
    values = [b"%d" % number for number in range(30)]
    records = [Record(value=value, partition=0) for value in values]
    outcomes = scenario.admin(client).produce(topic, records, idempotence=True)
    assert [outcome.offset for outcome in outcomes if isinstance(outcome, Acknowledged)] == list(range(30))
    scenario.await_values(scenario.reader("librdkafka", topic), values)


def test_headers_keep_their_bytes(scenario: Scenario, client: str) -> None:
    """Record headers, KIP-82."""
    topic = scenario.topic()
    sent = Record(key=b"key", value=b"value", partition=0, headers=(("first", b"1"), ("second", b"two")))
    scenario.admin(client).produce(topic, [sent])
    reader = scenario.reader(client, topic)
    (record,) = reader.wait_until(lambda: reader.records, "the record")
    assert arrived(record) == text(sent)


@pytest.mark.needs("repeated-headers")
def test_headers_may_repeat(scenario: Scenario, client: str) -> None:
    """Headers are a list, not a map; a null value, where the client has it, is not an empty one."""
    topic = scenario.topic()
    headers: tuple[tuple[str, bytes | None], ...] = (("same", b"1"), ("other", b"x"), ("same", b"2"), ("empty", b""))
    if "null-headers" in CLIENTS[client].abilities:
        headers = (*headers, ("null", None))
    scenario.admin(client).produce(topic, [Record(value=b"value", partition=0, headers=headers)])
    reader = scenario.reader(client, topic)
    (record,) = reader.wait_until(lambda: reader.records, "the record")
    assert record.headers == headers


def test_null_keys_and_values_stay_null(scenario: Scenario, client: str) -> None:
    """A null value is a tombstone, and an empty one is not."""
    topic = scenario.topic()
    sent = [
        Record(key=None, value=b"value", partition=0),
        Record(key=b"key", value=None, partition=0),
        Record(key=b"key", value=b"", partition=0),
    ]
    if "empty-values" not in CLIENTS[client].abilities:
        sent.pop()
    scenario.admin(client).produce(topic, sent)
    reader = scenario.reader(client, topic)
    reader.wait_until(lambda: len(reader.records) == len(sent), "all records")
    assert [arrived(record) for record in reader.records] == [text(record) for record in sent]


@pytest.mark.needs("chosen-timestamps")
def test_a_producers_timestamp_stays(scenario: Scenario, client: str) -> None:
    """`message.timestamp.type` is CreateTime by default."""
    topic = scenario.topic()
    scenario.admin(client).produce(topic, [Record(value=b"value", partition=0, timestamp=1_700_000_000_123)])
    reader = scenario.reader(client, topic)
    (record,) = reader.wait_until(lambda: reader.records, "the record")
    assert record.timestamp == 1_700_000_000_123


def test_log_append_time_replaces_the_producers(scenario: Scenario, client: str) -> None:
    """With LogAppendTime the broker stamps the batch."""
    before = int(time.time() * 1000)
    topic = scenario.topic(message_timestamp_type="LogAppendTime")
    scenario.admin(client).produce(topic, [Record(value=b"value", partition=0, timestamp=1_600_000_000_000)])
    reader = scenario.reader(client, topic)
    (record,) = reader.wait_until(lambda: reader.records, "the record")
    assert before - 1000 <= record.timestamp <= int(time.time() * 1000) + 1000


def test_a_record_near_the_limit_passes(scenario: Scenario, client: str) -> None:
    """`max.message.bytes` is 1 MiB and 12 bytes by default."""
    topic = scenario.topic()
    value = bytes(range(256)) * 4000
    scenario.admin(client).produce(topic, [Record(value=value, partition=0)])
    reader = scenario.reader(client, topic)
    reader.wait_until(lambda: reader.records, "the record")
    assert reader.values == [value]


def test_a_record_over_the_limit_is_refused(scenario: Scenario, client: str) -> None:
    """MESSAGE_TOO_LARGE, and the producer goes on."""
    topic = scenario.topic()
    admin = scenario.admin(client)
    (refused,) = admin.produce(topic, [Record(value=b"x" * (2 * ONE_MIB), partition=0)])
    assert isinstance(refused, Refused)
    assert "TOO_LARGE" in refused.error
    (accepted,) = admin.produce(topic, [Record(value=b"small", partition=0)])
    assert isinstance(accepted, Acknowledged)
    assert accepted.offset == 0


def test_a_topics_own_limit_counts(scenario: Scenario, client: str) -> None:
    """`max.message.bytes` of a topic goes before the broker's, in both directions."""
    wide, narrow = scenario.topic(max_message_bytes=str(4 * ONE_MIB)), scenario.topic(max_message_bytes="1000")
    admin = scenario.admin(client)
    (accepted,) = admin.produce(wide, [Record(value=b"x" * (3 * ONE_MIB), partition=0)])
    assert isinstance(accepted, Acknowledged)
    (refused,) = admin.produce(narrow, [Record(value=b"x" * 2000, partition=0)])
    assert isinstance(refused, Refused)
    assert "TOO_LARGE" in refused.error


def test_reading_starts_where_it_is_told(scenario: Scenario, client: str) -> None:
    """From the earliest record, and from an offset in the middle."""
    topic = scenario.topic()
    values = [b"%d" % number for number in range(10)]
    scenario.fill(topic, values)
    scenario.await_values(scenario.reader(client, topic), values)
    scenario.await_values(scenario.reader(client, topic, start="offset", at=7), values[7:])


def test_reading_from_the_latest_sees_only_what_comes(scenario: Scenario, client: str) -> None:
    """What was there before stays unread."""
    topic = scenario.topic()
    scenario.fill(topic, [b"old"])
    if client == "kcat":
        # kcat does not say when it has found the end, so records keep coming until it tells one.
        reader = scenario.reader(client, topic, start="latest")
        scenario.poll(lambda: (scenario.fill(topic, [b"new"]), reader.records)[1], "a record")
        assert b"old" not in reader.values
        return
    reader = scenario.reader(client, topic, start="latest")
    scenario.fill(topic, [b"new"])
    scenario.await_values(reader, [b"new"])


@pytest.mark.needs("timestamps")
def test_reading_from_a_time_starts_at_the_first_record_not_older(scenario: Scenario, client: str) -> None:
    """ListOffsets by timestamp, between two records and on one."""
    topic = scenario.topic()
    times = [1_700_000_000_000 + 10_000 * number for number in range(4)]
    for number, moment in enumerate(times):
        scenario.setup_client.produce(topic, [Record(value=b"%d" % number, partition=0, timestamp=moment)])
    between = scenario.reader(client, topic, start="timestamp", at=times[1] + 1)
    exact = scenario.reader(client, topic, start="timestamp", at=times[1])
    scenario.await_values(between, [b"2", b"3"])
    scenario.await_values(exact, [b"1", b"2", b"3"])


def test_many_partitions_keep_their_order_each(scenario: Scenario, client: str) -> None:
    """Order holds within a partition, and every record arrives once."""
    topic = scenario.topic(4)
    sent = [Record(key=b"%d" % (number % 4), value=b"%d" % number, partition=number % 4) for number in range(40)]
    scenario.admin(client).produce(topic, sent)
    member = scenario.member(client, scenario.group(), [topic])
    member.wait_until(lambda: len(member.records) >= 40, "40 records")
    for partition in range(4):
        values = [record.value for record in member.records if record.partition == partition]
        assert values == [b"%d" % number for number in range(partition, 40, 4)]


def test_producing_to_an_unknown_topic_creates_it(scenario: Scenario, client: str) -> None:
    """`auto.create.topics.enable`, with `num.partitions` of 1."""
    topic = scenario.name("automatic")
    (outcome,) = scenario.admin(client).produce(topic, [Record(value=b"first")])
    assert isinstance(outcome, Acknowledged)
    assert scenario.setup_client.call("describe_topic", name=topic).number("partitions") == 1
    scenario.await_values(scenario.reader("librdkafka", topic), [b"first"])


@pytest.mark.needs("describe_topic")
@pytest.mark.clients("java", "librdkafka", "kafka-python", "franz-go", "sarama", "kafkajs")
def test_asking_for_an_unknown_topic_does_not_create_it(scenario: Scenario, client: str) -> None:
    """An administrator's look is not a use, except aiokafka's, which allows the topic to be created."""
    topic = scenario.name("absent")
    outcome = scenario.admin(client).attempt("describe_topic", name=topic)
    assert isinstance(outcome, Failed)
    scenario.hold(
        lambda: topic not in scenario.setup_client.call("list_topics").texts("names"),
        "the topic's absence",
        seconds=0.5,
    )
