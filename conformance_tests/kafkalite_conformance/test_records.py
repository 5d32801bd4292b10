"""Records: what a producer sends is what a consumer gets, whatever the codec, the acknowledgement and the size."""

import time

import pytest

from kafkalite_conformance.drivers.catalogue import CLIENTS
from kafkalite_conformance.drivers.events import Acknowledged, Consumed, Failed, Record, Refused
from kafkalite_conformance.stage import Stage

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


def hold_every_codec(stage: Stage, writer: str, reader: str) -> None:
    """Write one partition a codec, read them all, and compare byte for byte."""
    topic = stage.topic(len(CODECS))
    for partition, codec in enumerate(CODECS):
        outcomes = stage.clerk(writer).produce(topic, codec_records(partition), compression=codec)
        assert [outcome.offset for outcome in outcomes if isinstance(outcome, Acknowledged)] == [0, 1, 2], codec
    member = stage.member(reader, stage.group(), [topic])
    member.wait_until(lambda: len(member.records) == 3 * len(CODECS), "all records")
    for partition, codec in enumerate(CODECS):
        found = [arrived(record) for record in member.records if record.partition == partition]
        assert found == [text(record) for record in codec_records(partition)], codec


def test_every_codec_comes_back_byte_for_byte(stage: Stage, client: str) -> None:
    """Uncompressed, gzip, snappy, lz4, zstd: written and read by the same client."""
    hold_every_codec(stage, client, client)


def test_every_codec_is_read_as_java_wrote_it(stage: Stage, client: str) -> None:
    """The clients' formats of one codec are one format."""
    hold_every_codec(stage, "java", client)


@pytest.mark.parametrize("acks", ["1", "all"])
def test_an_acknowledgement_tells_the_offset(stage: Stage, client: str, acks: str) -> None:
    """Offsets count up from 0 without a gap."""
    topic = stage.topic()
    records = [Record(value=b"%d" % number, partition=0) for number in range(5)]
    outcomes = stage.clerk(client).produce(topic, records, acks=acks)
    assert outcomes == [Acknowledged(command=outcomes[0].command, index=i, partition=0, offset=i) for i in range(5)]


@pytest.mark.needs("acks-0")
def test_acks_0_is_never_answered_and_yet_arrives(stage: Stage, client: str) -> None:
    """A producer that wants no acknowledgement gets none, and its connection goes on."""
    topic = stage.topic()
    values = [b"%d" % number for number in range(5)]
    stage.clerk(client).produce(topic, [Record(value=value, partition=0) for value in values], acks="0")
    stage.await_values(stage.reader("librdkafka", topic), values)


@pytest.mark.needs("idempotence")
def test_an_idempotent_producer_writes_once_and_in_order(stage: Stage, client: str) -> None:
    """InitProducerId, then sequence numbers from 0."""
    topic = stage.topic()
    values = [b"%d" % number for number in range(30)]
    records = [Record(value=value, partition=0) for value in values]
    outcomes = stage.clerk(client).produce(topic, records, idempotence=True)
    assert [outcome.offset for outcome in outcomes if isinstance(outcome, Acknowledged)] == list(range(30))
    stage.await_values(stage.reader("librdkafka", topic), values)


def test_headers_keep_their_bytes(stage: Stage, client: str) -> None:
    """Record headers, KIP-82."""
    topic = stage.topic()
    sent = Record(key=b"key", value=b"value", partition=0, headers=(("first", b"1"), ("second", b"two")))
    stage.clerk(client).produce(topic, [sent])
    reader = stage.reader(client, topic)
    (record,) = reader.wait_until(lambda: reader.records, "the record")
    assert arrived(record) == text(sent)


@pytest.mark.needs("repeated-headers")
def test_headers_may_repeat(stage: Stage, client: str) -> None:
    """Headers are a list, not a map; a null value, where the client has it, is not an empty one."""
    topic = stage.topic()
    headers: tuple[tuple[str, bytes | None], ...] = (("same", b"1"), ("other", b"x"), ("same", b"2"), ("empty", b""))
    if "null-headers" in CLIENTS[client].abilities:
        headers = (*headers, ("null", None))
    stage.clerk(client).produce(topic, [Record(value=b"value", partition=0, headers=headers)])
    reader = stage.reader(client, topic)
    (record,) = reader.wait_until(lambda: reader.records, "the record")
    assert record.headers == headers


def test_null_keys_and_values_stay_null(stage: Stage, client: str) -> None:
    """A null value is a tombstone, and an empty one is not."""
    topic = stage.topic()
    sent = [
        Record(key=None, value=b"value", partition=0),
        Record(key=b"key", value=None, partition=0),
        Record(key=b"key", value=b"", partition=0),
    ]
    if "empty-values" not in CLIENTS[client].abilities:
        sent.pop()
    stage.clerk(client).produce(topic, sent)
    reader = stage.reader(client, topic)
    reader.wait_until(lambda: len(reader.records) == len(sent), "all records")
    assert [arrived(record) for record in reader.records] == [text(record) for record in sent]


@pytest.mark.needs("chosen-timestamps")
def test_a_producers_timestamp_stays(stage: Stage, client: str) -> None:
    """`message.timestamp.type` is CreateTime by default."""
    topic = stage.topic()
    stage.clerk(client).produce(topic, [Record(value=b"value", partition=0, timestamp=1_700_000_000_123)])
    reader = stage.reader(client, topic)
    (record,) = reader.wait_until(lambda: reader.records, "the record")
    assert record.timestamp == 1_700_000_000_123


def test_log_append_time_replaces_the_producers(stage: Stage, client: str) -> None:
    """With LogAppendTime the broker stamps the batch."""
    before = int(time.time() * 1000)
    topic = stage.topic(message_timestamp_type="LogAppendTime")
    stage.clerk(client).produce(topic, [Record(value=b"value", partition=0, timestamp=1_600_000_000_000)])
    reader = stage.reader(client, topic)
    (record,) = reader.wait_until(lambda: reader.records, "the record")
    assert before - 1000 <= record.timestamp <= int(time.time() * 1000) + 1000


def test_a_record_near_the_limit_passes(stage: Stage, client: str) -> None:
    """`max.message.bytes` is 1 MiB and 12 bytes by default."""
    topic = stage.topic()
    value = bytes(range(256)) * 4000
    stage.clerk(client).produce(topic, [Record(value=value, partition=0)])
    reader = stage.reader(client, topic)
    reader.wait_until(lambda: reader.records, "the record")
    assert reader.values == [value]


def test_a_record_over_the_limit_is_refused(stage: Stage, client: str) -> None:
    """MESSAGE_TOO_LARGE, and the producer goes on."""
    topic = stage.topic()
    clerk = stage.clerk(client)
    (refused,) = clerk.produce(topic, [Record(value=b"x" * (2 * ONE_MIB), partition=0)])
    assert isinstance(refused, Refused)
    assert "TOO_LARGE" in refused.error
    (accepted,) = clerk.produce(topic, [Record(value=b"small", partition=0)])
    assert isinstance(accepted, Acknowledged)
    assert accepted.offset == 0


def test_a_topics_own_limit_counts(stage: Stage, client: str) -> None:
    """`max.message.bytes` of a topic goes before the broker's, in both directions."""
    wide, narrow = stage.topic(max_message_bytes=str(4 * ONE_MIB)), stage.topic(max_message_bytes="1000")
    clerk = stage.clerk(client)
    (accepted,) = clerk.produce(wide, [Record(value=b"x" * (3 * ONE_MIB), partition=0)])
    assert isinstance(accepted, Acknowledged)
    (refused,) = clerk.produce(narrow, [Record(value=b"x" * 2000, partition=0)])
    assert isinstance(refused, Refused)
    assert "TOO_LARGE" in refused.error


def test_reading_starts_where_it_is_told(stage: Stage, client: str) -> None:
    """From the earliest record, and from an offset in the middle."""
    topic = stage.topic()
    values = [b"%d" % number for number in range(10)]
    stage.fill(topic, values)
    stage.await_values(stage.reader(client, topic), values)
    stage.await_values(stage.reader(client, topic, start="offset", at=7), values[7:])


def test_reading_from_the_latest_sees_only_what_comes(stage: Stage, client: str) -> None:
    """What was there before stays unread."""
    topic = stage.topic()
    stage.fill(topic, [b"old"])
    if client == "kcat":
        # kcat does not say when it has found the end, so records keep coming until it tells one.
        reader = stage.reader(client, topic, start="latest")
        stage.poll(lambda: (stage.fill(topic, [b"new"]), reader.records)[1], "a record")
        assert b"old" not in reader.values
        return
    reader = stage.reader(client, topic, start="latest")
    stage.fill(topic, [b"new"])
    stage.await_values(reader, [b"new"])


@pytest.mark.needs("timestamps")
def test_reading_from_a_time_starts_at_the_first_record_not_older(stage: Stage, client: str) -> None:
    """ListOffsets by timestamp, between two records and on one."""
    topic = stage.topic()
    times = [1_700_000_000_000 + 10_000 * number for number in range(4)]
    for number, moment in enumerate(times):
        stage.hand.produce(topic, [Record(value=b"%d" % number, partition=0, timestamp=moment)])
    between = stage.reader(client, topic, start="timestamp", at=times[1] + 1)
    exact = stage.reader(client, topic, start="timestamp", at=times[1])
    stage.await_values(between, [b"2", b"3"])
    stage.await_values(exact, [b"1", b"2", b"3"])


def test_many_partitions_keep_their_order_each(stage: Stage, client: str) -> None:
    """Order holds within a partition, and every record arrives once."""
    topic = stage.topic(4)
    sent = [Record(key=b"%d" % (number % 4), value=b"%d" % number, partition=number % 4) for number in range(40)]
    stage.clerk(client).produce(topic, sent)
    member = stage.member(client, stage.group(), [topic])
    member.wait_until(lambda: len(member.records) >= 40, "40 records")
    for partition in range(4):
        values = [record.value for record in member.records if record.partition == partition]
        assert values == [b"%d" % number for number in range(partition, 40, 4)]


def test_producing_to_an_unknown_topic_creates_it(stage: Stage, client: str) -> None:
    """`auto.create.topics.enable`, with `num.partitions` of 1."""
    topic = stage.name("automatic")
    (outcome,) = stage.clerk(client).produce(topic, [Record(value=b"first")])
    assert isinstance(outcome, Acknowledged)
    assert stage.hand.call("describe_topic", name=topic).number("partitions") == 1
    stage.await_values(stage.reader("librdkafka", topic), [b"first"])


@pytest.mark.needs("describe_topic")
@pytest.mark.clients("java", "librdkafka", "kafka-python", "franz-go", "sarama", "kafkajs")
def test_asking_for_an_unknown_topic_does_not_create_it(stage: Stage, client: str) -> None:
    """An administrator's look is not a use, except aiokafka's, which allows the topic to be created."""
    topic = stage.name("absent")
    outcome = stage.clerk(client).attempt("describe_topic", name=topic)
    assert isinstance(outcome, Failed)
    stage.hold(lambda: topic not in stage.hand.call("list_topics").texts("names"), "the topic's absence", seconds=0.5)
