"""Produce and InitProducerId."""

from kafkalite_conformance.differential.batches import altered, batch, produce
from kafkalite_conformance.differential.conversation import conversation
from kafkalite_conformance.differential.conversations.fetching import fetch, row
from kafkalite_conformance.differential.talk import Talk
from kafkalite_wire.messages.init_producer_id import InitProducerIdRequest, InitProducerIdResponse
from kafkalite_wire.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData

_VERSIONS = range(3, 14)
_UNKNOWN_ID = b"0123456789abcdef"

# Where things stand in a batch of format 2.
_BASE_OFFSET, _LENGTH, _LEADER_EPOCH, _MAGIC, _CHECKSUM, _ATTRIBUTES, _LAST_DELTA = 0, 8, 12, 16, 17, 21, 23
_FIRST_TIME, _MAX_TIME, _PRODUCER_ID, _PRODUCER_EPOCH, _SEQUENCE, _COUNT, _RECORDS = 27, 35, 43, 51, 53, 57, 61


@conversation
async def batches_are_appended(talk: Talk) -> None:
    """In every version, with every acks, to what is there and what is not."""
    topic, missing = await talk.topic(2), talk.name()
    topic_id = await talk.topic_id(topic)
    voice = await talk.voice()
    data = batch(b"a", b"b", timestamp=talk.now_ms)
    for version in _VERSIONS:
        for acks in (-1, 1, 2, -2):
            await voice.ask(produce(topic, data, acks=acks, topic_id=topic_id), version, f"acks {acks}")
        await voice.ask(produce(missing, data, topic_id=_UNKNOWN_ID), version, "unknown topic")
        await voice.ask(produce("", data), version, "neither name nor id")
        await voice.ask(produce("a b", data, topic_id=_UNKNOWN_ID), version, "bad name")
        await voice.ask(produce(topic, data, partition=2, topic_id=topic_id), version, "unknown partition")
        await voice.ask(produce(topic, data, partition=-1, topic_id=topic_id), version, "negative partition")
        await voice.ask(ProduceRequest(acks=-1, timeout_ms=1000, topic_data=()), version, "nothing")
        rows = tuple(PartitionProduceData(index=index, records=data) for index in (0, 7, 1))
        several = (TopicProduceData(name=topic, topic_id=topic_id, partition_data=rows),)
        await voice.ask(ProduceRequest(acks=1, timeout_ms=1000, topic_data=several), version, "several partitions")


@conversation
async def batches_without_acks(talk: Talk) -> None:
    """No answer; a failure ends the connection."""
    topic = await talk.topic()
    data = batch(b"a", timestamp=talk.now_ms)
    for version in (3, 9, 12):
        voice = await talk.voice("silent")
        await voice.start(produce(topic, data, acks=0), version)
        await voice.hang_up()
        voice = await talk.voice("failing")
        await voice.ask(produce(talk.name(), data, acks=0), version, "unknown topic")
        await voice.ask(produce(topic, data[:-3], acks=0), version, "torn")


@conversation
async def batches_that_are_damaged(talk: Talk) -> None:
    """One thing wrong at a time."""
    voice = await talk.voice()
    good = batch(b"one", b"two", timestamp=talk.now_ms)
    cases = {
        "a flipped bit": altered(good, _RECORDS, ">b", 0x55, checksum=False),
        "a wrong checksum": altered(good, _CHECKSUM, ">I", 7, checksum=False),
        "magic 0": altered(good, _MAGIC, ">b", 0, checksum=False),
        "magic 1": altered(good, _MAGIC, ">b", 1, checksum=False),
        "magic 3": altered(good, _MAGIC, ">b", 3, checksum=False),
        "two batches": good + good,
        "no bytes": b"",
        "half a header": good[:30],
        "torn": good[:-3],
        "a byte too many": good + b"\0",
        "a length too small": altered(good, _LENGTH, ">i", 10, checksum=False),
        "a negative length": altered(good, _LENGTH, ">i", -1, checksum=False),
        "a base offset": altered(good, _BASE_OFFSET, ">q", 77, checksum=False),
        "a leader epoch": altered(good, _LEADER_EPOCH, ">i", 5, checksum=False),
        "codec 5": altered(good, _ATTRIBUTES, ">h", 5),
        "codec 7": altered(good, _ATTRIBUTES, ">h", 7),
        "gzip of nothing": altered(good, _ATTRIBUTES, ">h", 1),
        "log append time": altered(good, _ATTRIBUTES, ">h", 8),
        "a control batch": altered(good, _ATTRIBUTES, ">h", 32),
        "a delete horizon": altered(good, _ATTRIBUTES, ">h", 64),
        "an unknown attribute": altered(good, _ATTRIBUTES, ">h", 128),
        "a last delta too small": altered(good, _LAST_DELTA, ">i", 0),
        "a last delta too large": altered(good, _LAST_DELTA, ">i", 9),
        "a count too small": altered(good, _COUNT, ">i", 1),
        "a count too large": altered(good, _COUNT, ">i", 3),
        "a count of none": altered(good, _COUNT, ">i", 0),
        "a negative count": altered(good, _COUNT, ">i", -1),
        "a max time that is not": altered(good, _MAX_TIME, ">q", talk.now_ms + 5),
        "a first time of -1": altered(good, _FIRST_TIME, ">q", -1),
        "an epoch without an id": altered(good, _PRODUCER_EPOCH, ">h", 3),
        "a sequence without an id": altered(good, _SEQUENCE, ">i", 3),
        "an id without an epoch": altered(good, _PRODUCER_ID, ">q", 12345),
        "a record that is too long": altered(good, _RECORDS, ">b", 100),
        "record attributes": altered(good, _RECORDS + 1, ">b", 1),
    }
    for note, data in cases.items():
        topic = await talk.topic()
        for version in (3, 9):
            await voice.ask(produce(topic, data), version, note)
        await voice.ask(fetch(topic, row(0)), 11, f"{note}, fetched")
    stamped = await talk.topic(message_timestamp_type="LogAppendTime")
    await voice.ask(produce(stamped, cases["log append time"]), 9, "log append time, stamped")
    await voice.ask(produce(await talk.topic(), None), 9, "null")


@conversation
async def times_and_keys(talk: Talk) -> None:
    """Timestamps far away; topics that want keys; times that the broker sets; sizes."""
    topic = await talk.topic()
    compacted = await talk.topic(cleanup_policy="compact")
    stamped = await talk.topic(message_timestamp_type="LogAppendTime")
    strict = await talk.topic(message_timestamp_before_max_ms="1000", message_timestamp_after_max_ms="1000")
    small = await talk.topic(max_message_bytes="200")
    voice = await talk.voice()
    hour = 3_600_000
    for name, moment in (
        ("now", talk.now_ms),
        ("1970", 0),
        ("no time", -1),
        ("long ago", 1000),
        ("in half an hour", talk.now_ms + hour // 2),
        ("in two hours", talk.now_ms + 2 * hour),
        ("a day ago", talk.now_ms - 24 * hour),
    ):
        for kind, each in (("plain", topic), ("stamped", stamped), ("strict", strict)):
            await voice.ask(produce(each, batch(b"x", timestamp=moment)), 9, f"{name}, {kind}")
    for key in (None, b"", b"k"):
        await voice.ask(produce(compacted, batch(b"x", None, timestamp=talk.now_ms, key=key)), 9, f"key {key!r}")
    for size in (100, 120, 130, 140, 200, 1000):
        await voice.ask(produce(small, batch(b"x" * size, timestamp=talk.now_ms)), 9, f"{size} bytes")
    for codec in range(1, 5):
        for version in (3, 6, 7, 9):
            await voice.ask(
                produce(topic, batch(b"x" * 50, timestamp=talk.now_ms, compression=codec)), version, f"codec {codec}"
            )
            data = batch(b"x" * 50, timestamp=talk.now_ms, compression=codec)
            await voice.ask(produce(compacted, data), version, f"codec {codec}, compacted without keys")
            await voice.ask(produce(stamped, data), version, f"codec {codec}, stamped")


@conversation
async def producer_ids(talk: Talk) -> None:
    """Given out in every version; what else may be asked for."""
    voice = await talk.voice()
    for version in range(6):
        request = InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=0)
        await voice.ask(request, version)
        request = InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=-1)
        await voice.ask(request, version, "a negative time-out")
        await voice.ask(InitProducerIdRequest(transactional_id="", transaction_timeout_ms=1000), version, "an empty id")
        if version >= 3:
            for producer_id, epoch in ((7, 3), (7, -1), (-1, 3), (-2, -2)):
                request = InitProducerIdRequest(
                    transactional_id=None, transaction_timeout_ms=0, producer_id=producer_id, producer_epoch=epoch
                )
                await voice.ask(request, version, f"id {producer_id}, epoch {epoch}")


@conversation
async def idempotent_producers(talk: Talk) -> None:
    """Duplicates, gaps, epochs, and the end of the numbers."""
    voice = await talk.voice()
    last = 2**31 - 1
    for case, sends in {
        "in order": [(0, 0), (0, 1), (0, 2)],
        "the last one twice": [(0, 0), (0, 1), (0, 1)],
        "an old one again": [(0, 0), (0, 1), (0, 2), (0, 0)],
        "six later": [*[(0, n) for n in range(7)], (0, 0), (0, 1), (0, 2), (0, 6)],
        "a gap": [(0, 0), (0, 2), (0, 1)],
        "not from the beginning": [(0, 5), (0, 6)],
        "the next epoch": [(0, 0), (1, 0), (1, 1)],
        "the next epoch, not from the beginning": [(0, 0), (1, 1), (1, 0)],
        "an older epoch": [(3, 0), (2, 0), (2, 1), (3, 1)],
        "an epoch further on": [(0, 0), (9, 0), (0, 1)],
        "the end of the numbers": [(0, last - 1), (0, last), (0, 0), (0, 1)],
        "the last number first": [(0, last), (0, 0)],
        "a negative sequence": [(0, 0), (0, -1), (0, -2)],
        "a negative epoch": [(0, 0), (-1, 1), (-2, 0)],
    }.items():
        topic = await talk.topic()
        made = await voice.answer(
            InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=0), 4, InitProducerIdResponse
        )
        for epoch, sequence in sends:
            data = batch(
                b"x", timestamp=talk.now_ms, producer_id=made.producer_id, producer_epoch=epoch, base_sequence=sequence
            )
            await voice.ask(produce(topic, data), 9, f"{case}: epoch {epoch}, sequence {sequence}")


@conversation
async def idempotent_batches_of_several_records(talk: Talk) -> None:
    """Batches that overlap, and batches across the end of the numbers."""
    voice = await talk.voice()
    last = 2**31 - 1
    for case, sends in {
        "in order": [(0, 3), (3, 2), (5, 1)],
        "overlapping": [(0, 3), (1, 3), (2, 2), (0, 2), (3, 1)],
        "a part of the first": [(0, 3), (0, 1), (2, 1)],
        "across the end": [(last - 1, 4), (2, 1), (last - 1, 4), (3, 1)],
    }.items():
        topic = await talk.topic()
        made = await voice.answer(
            InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=0), 4, InitProducerIdResponse
        )
        for sequence, count in sends:
            values = [b"x"] * count
            data = batch(
                *values, timestamp=talk.now_ms, producer_id=made.producer_id, producer_epoch=0, base_sequence=sequence
            )
            await voice.ask(produce(topic, data), 9, f"{case}: {count} from {sequence}")


@conversation
async def producers_that_nobody_was_given(talk: Talk) -> None:
    """Ids that the broker did not give out, and what is meant for transactions."""
    topic = await talk.topic()
    voice = await talk.voice()
    for producer_id in (10**12, 10**15):
        for sequence in (0, 5):
            data = batch(b"x", timestamp=talk.now_ms, producer_id=producer_id, producer_epoch=0, base_sequence=sequence)
            await voice.ask(produce(topic, data), 9, f"id {producer_id}, sequence {sequence}")
    data = batch(b"x", timestamp=talk.now_ms, producer_id=5, producer_epoch=0, base_sequence=0, is_transactional=True)
    await voice.ask(produce(topic, data), 9, "transactional, without an id")
    data = batch(b"x", timestamp=talk.now_ms, producer_id=5, producer_epoch=0, base_sequence=0, is_control=True)
    await voice.ask(produce(topic, data), 9, "control")
