"""Fifty small tests as an application's own suite has them, with confluent-kafka and its defaults.

They know nothing but an address. Each has topics, groups and transactions of its own name, so that one broker may serve
them all; topics whose number of partitions does not matter are created by the first producer.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    TIMESTAMP_CREATE_TIME,
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)
from conftest import PATIENCE

Make = Callable[..., Any]


def take(consumer: Consumer, count: int) -> list[Message]:
    """Read so many records, or what there was when patience ended."""
    taken: list[Message] = []
    until = time.monotonic() + PATIENCE
    while len(taken) < count and time.monotonic() < until:
        message = consumer.poll(0.1)
        if message is not None:
            assert message.error() is None, message.error()
            taken.append(message)
    return taken


def values(messages: list[Message]) -> list[bytes | None]:
    return [message.value() for message in messages]


def read(make_consumer: Make, topic: str, count: int, **settings: Any) -> list[Message]:
    """Read a topic from its beginning, as applications do: subscribed to it, in a group."""
    consumer = make_consumer(f"{topic}-readers", **settings)
    consumer.subscribe([topic])
    return take(consumer, count)


def refusals(make_producer: Make, topic: str, value: bytes) -> list[int | None]:
    """Produce a record, and give the error that it is refused with."""
    producer, codes = make_producer(), []
    producer.produce(topic, value, on_delivery=lambda error, _: codes.append(None if error is None else error.code()))
    assert producer.flush(PATIENCE) == 0
    return codes


def wait_until(what: Callable[[], object], *consumers: Consumer) -> None:
    """Poll consumers until something is so."""
    until = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < until, "it did not come to that"
        for consumer in consumers:
            assert consumer.poll(0.05) is None
        if not consumers:
            time.sleep(0.02)


# Records


def test_a_record_comes_back(produce: Make, make_consumer: Make, name: str) -> None:
    produce(name, b"one")
    assert values(read(make_consumer, name, 1)) == [b"one"]


def test_a_hundred_records_keep_their_order(produce: Make, make_consumer: Make, name: str) -> None:
    sent = [b"%d" % number for number in range(100)]
    produce(name, *sent)
    assert values(read(make_consumer, name, 100)) == sent


def test_keys_come_back(produce: Make, make_consumer: Make, name: str) -> None:
    produce(name, b"one", key=b"\x00key")
    assert read(make_consumer, name, 1)[0].key() == b"\x00key"


def test_a_tombstone_has_no_value(produce: Make, make_consumer: Make, name: str) -> None:
    produce(name, None, key=b"gone")
    (record,) = read(make_consumer, name, 1)
    assert (record.key(), record.value()) == (b"gone", None)


def test_an_empty_value_is_not_a_missing_one(produce: Make, make_consumer: Make, name: str) -> None:
    produce(name, b"")
    assert values(read(make_consumer, name, 1)) == [b""]


def test_headers_come_back_in_order(produce: Make, make_consumer: Make, name: str) -> None:
    headers = [("trace", b"1"), ("trace", b"2"), ("none", None)]
    produce(name, b"one", headers=headers)
    assert read(make_consumer, name, 1)[0].headers() == headers


def test_a_given_timestamp_comes_back(produce: Make, make_consumer: Make, name: str) -> None:
    produce(name, b"one", timestamp=1_600_000_000_123)
    assert read(make_consumer, name, 1)[0].timestamp() == (TIMESTAMP_CREATE_TIME, 1_600_000_000_123)


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_compressed_records_come_back(produce: Make, make_consumer: Make, name: str, codec: str) -> None:
    sent = [b"the same again and again " * 50] * 20
    produce(name, *sent, settings={"compression_type": codec, "linger_ms": 20})
    assert values(read(make_consumer, name, 20)) == sent


def test_a_large_record_comes_back(produce: Make, make_consumer: Make, name: str) -> None:
    produce(name, bytes(900_000))
    assert len(read(make_consumer, name, 1)[0].value()) == 900_000


def test_deliveries_tell_their_offsets(produce: Make, name: str) -> None:
    assert [message.offset() for message in produce(name, b"a", b"b", b"c")] == [0, 1, 2]


@pytest.mark.parametrize("acks", ["0", "1"])
def test_records_arrive_with_fewer_acknowledgements(produce: Make, make_consumer: Make, name: str, acks: str) -> None:
    produce(name, b"one", settings={"acks": acks})
    assert values(read(make_consumer, name, 1)) == [b"one"]


def test_an_idempotent_producer_delivers_once_and_in_order(produce: Make, make_consumer: Make, name: str) -> None:
    sent = [b"%d" % number for number in range(50)]
    produce(name, *sent, settings={"enable_idempotence": True})
    assert values(read(make_consumer, name, 50)) == sent


def test_records_of_a_key_go_to_one_partition(make_topic: Make, produce: Make, name: str) -> None:
    make_topic(name, partitions=3)
    delivered = produce(name, *[b"x"] * 9, key=b"anna", partition=-1)
    assert len({message.partition() for message in delivered}) == 1


def test_a_chosen_partition_is_used(make_topic: Make, produce: Make, name: str) -> None:
    make_topic(name, partitions=3)
    assert {message.partition() for message in produce(name, b"a", b"b", partition=2)} == {2}


def test_a_record_that_is_too_large_for_its_topic_is_refused(make_topic: Make, make_producer: Make, name: str) -> None:
    make_topic(name, max_message_bytes="1000")
    assert refusals(make_producer, name, bytes(5000)) == [KafkaError.MSG_SIZE_TOO_LARGE]


def test_a_compacted_topic_refuses_records_without_keys(make_topic: Make, make_producer: Make, name: str) -> None:
    make_topic(name, cleanup_policy="compact")
    assert refusals(make_producer, name, b"no key") == [KafkaError.INVALID_RECORD]


# Reading


def test_reading_begins_at_a_chosen_offset(produce: Make, make_consumer: Make, name: str) -> None:
    produce(name, b"a", b"b", b"c")
    consumer = make_consumer(name)
    consumer.assign([TopicPartition(name, 0, 2)])
    assert values(take(consumer, 1)) == [b"c"]


def test_a_reader_goes_back(produce: Make, make_consumer: Make, name: str) -> None:
    produce(name, b"a", b"b")
    consumer = make_consumer(name)
    consumer.assign([TopicPartition(name, 0, OFFSET_BEGINNING)])
    assert len(take(consumer, 2)) == 2
    consumer.seek(TopicPartition(name, 0, 0))
    assert values(take(consumer, 2)) == [b"a", b"b"]


def test_a_reader_of_the_end_gets_only_what_comes_later(produce: Make, make_consumer: Make, name: str) -> None:
    produce(name, b"before")
    consumer = make_consumer(name, enable_partition_eof=True)
    consumer.assign([TopicPartition(name, 0, OFFSET_END)])
    at_end = consumer.poll(PATIENCE)
    assert at_end.error().code() == KafkaError._PARTITION_EOF
    produce(name, b"later")
    assert consumer.poll(PATIENCE).value() == b"later"


def test_watermarks_tell_where_a_partition_begins_and_ends(produce: Make, make_consumer: Make, name: str) -> None:
    produce(name, b"a", b"b", b"c")
    assert make_consumer(name).get_watermark_offsets(TopicPartition(name, 0), timeout=PATIENCE) == (0, 3)


def test_offsets_are_found_by_time(produce: Make, make_consumer: Make, name: str) -> None:
    for number in range(3):
        produce(name, b"x", timestamp=1_600_000_000_000 + number * 1000)
    asked = TopicPartition(name, 0, 1_600_000_000_500)
    assert [found.offset for found in make_consumer(name).offsets_for_times([asked], timeout=PATIENCE)] == [1]


def test_an_offset_that_does_not_exist_is_reset(produce: Make, make_consumer: Make, name: str) -> None:
    produce(name, b"one")
    consumer = make_consumer(name)
    consumer.assign([TopicPartition(name, 0, 1000)])
    assert values(take(consumer, 1)) == [b"one"]


def test_a_paused_partition_brings_nothing_until_it_is_resumed(
    make_topic: Make, produce: Make, make_consumer: Make, name: str
) -> None:
    make_topic(name, partitions=2)
    produce(name, b"paused", partition=0)
    produce(name, b"running", partition=1)
    consumer = make_consumer(name)
    consumer.assign([TopicPartition(name, 0, 0), TopicPartition(name, 1, 0)])
    consumer.pause([TopicPartition(name, 0)])
    assert values(take(consumer, 1)) == [b"running"]
    consumer.resume([TopicPartition(name, 0)])
    assert values(take(consumer, 1)) == [b"paused"]


def test_a_topic_that_is_missing_is_told(make_consumer: Make, name: str) -> None:
    consumer = make_consumer(name, allow_auto_create_topics=False)
    consumer.subscribe([name])
    message = consumer.poll(PATIENCE)
    assert message is not None
    assert message.error().code() == KafkaError.UNKNOWN_TOPIC_OR_PART


# Groups


def test_a_group_reads_every_partition(make_topic: Make, produce: Make, make_consumer: Make, name: str) -> None:
    make_topic(name, partitions=3)
    for partition in range(3):
        produce(name, b"%d" % partition, partition=partition)
    consumer = make_consumer(name)
    consumer.subscribe([name])
    assert sorted(values(take(consumer, 3))) == [b"0", b"1", b"2"]


def test_a_group_goes_on_where_it_has_committed(produce: Make, make_consumer: Make, name: str) -> None:
    produce(name, b"a", b"b", b"c")
    first = make_consumer(name, enable_auto_commit=False)
    first.subscribe([name])
    assert take(first, 3)[:2]
    first.commit(offsets=[TopicPartition(name, 0, 2)], asynchronous=False)
    first.close()
    second = make_consumer(name)
    second.subscribe([name])
    assert values(take(second, 1)) == [b"c"]


def test_a_consumer_that_closes_has_committed(produce: Make, make_consumer: Make, name: str) -> None:
    produce(name, b"a", b"b")
    first = make_consumer(name)
    first.subscribe([name])
    assert len(take(first, 2)) == 2
    first.close()
    committed = make_consumer(name).committed([TopicPartition(name, 0)], timeout=PATIENCE)
    assert [partition.offset for partition in committed] == [2]


def test_commits_carry_metadata(produce: Make, make_consumer: Make, name: str) -> None:
    produce(name, b"a")
    consumer = make_consumer(name)
    consumer.commit(offsets=[TopicPartition(name, 0, 1, "by hand")], asynchronous=False)
    (committed,) = consumer.committed([TopicPartition(name, 0)], timeout=PATIENCE)
    assert (committed.offset, committed.metadata) == (1, "by hand")


def test_two_groups_both_get_everything(produce: Make, make_consumer: Make, name: str) -> None:
    produce(name, b"a", b"b")
    for group in (f"{name}-1", f"{name}-2"):
        consumer = make_consumer(group)
        consumer.subscribe([name])
        assert values(take(consumer, 2)) == [b"a", b"b"]


def test_a_group_of_the_latest_gets_what_comes_after_it(produce: Make, make_consumer: Make, name: str) -> None:
    produce(name, b"before")
    consumer = make_consumer(name, auto_offset_reset="latest", enable_partition_eof=True)
    consumer.subscribe([name])
    until = time.monotonic() + PATIENCE
    ended: set[int] = set()
    while 0 not in ended and time.monotonic() < until:
        message = consumer.poll(0.1)
        if message is not None:
            assert message.error().code() == KafkaError._PARTITION_EOF
            ended.add(message.partition())
    produce(name, b"after")
    while (message := consumer.poll(PATIENCE)) is not None and message.error():
        pass
    assert message is not None
    assert message.value() == b"after"


def test_two_members_share_the_partitions(make_topic: Make, make_consumer: Make, name: str) -> None:
    make_topic(name, partitions=2)
    one, two = make_consumer(name), make_consumer(name)
    one.subscribe([name])
    two.subscribe([name])
    wait_until(lambda: len(one.assignment()) == len(two.assignment()) == 1, one, two)
    assert {p.partition for p in (*one.assignment(), *two.assignment())} == {0, 1}


def test_a_member_takes_over_from_one_that_leaves(make_topic: Make, make_consumer: Make, name: str) -> None:
    make_topic(name, partitions=2)
    stays, leaves = make_consumer(name), make_consumer(name)
    stays.subscribe([name])
    leaves.subscribe([name])
    wait_until(lambda: len(stays.assignment()) == len(leaves.assignment()) == 1, stays, leaves)
    leaves.close()
    wait_until(lambda: len(stays.assignment()) == 2, stays)


def test_cooperative_members_share_the_partitions(make_topic: Make, make_consumer: Make, name: str) -> None:
    make_topic(name, partitions=2)
    one, two = (make_consumer(name, partition_assignment_strategy="cooperative-sticky") for _ in range(2))
    one.subscribe([name])
    wait_until(lambda: len(one.assignment()) == 2, one)
    two.subscribe([name])
    wait_until(lambda: len(one.assignment()) == len(two.assignment()) == 1, one, two)


def test_a_static_member_comes_back_to_its_partitions(make_topic: Make, make_consumer: Make, name: str) -> None:
    make_topic(name, partitions=2)
    one, two = make_consumer(name, group_instance_id="one"), make_consumer(name, group_instance_id="two")
    one.subscribe([name])
    two.subscribe([name])
    wait_until(lambda: len(one.assignment()) == len(two.assignment()) == 1, one, two)
    before = two.assignment()
    two.close()
    again = make_consumer(name, group_instance_id="two")
    again.subscribe([name])
    wait_until(again.assignment, one, again)
    assert again.assignment() == before


# Administration


def test_a_topic_is_created_described_and_deleted(admin: AdminClient, make_topic: Make, name: str) -> None:
    make_topic(name, partitions=4)
    described = admin.describe_topics(TopicCollection([name]))[name].result(PATIENCE)
    assert len(described.partitions) == 4
    admin.delete_topics([name])[name].result(PATIENCE)
    wait_until(lambda: name not in admin.list_topics(timeout=PATIENCE).topics)


def test_a_topic_cannot_be_created_twice(admin: AdminClient, make_topic: Make, name: str) -> None:
    make_topic(name)
    with pytest.raises(KafkaException) as refused:
        admin.create_topics([NewTopic(name, 1, 1)])[name].result(PATIENCE)
    assert refused.value.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS


def test_partitions_are_added(admin: AdminClient, make_topic: Make, name: str) -> None:
    make_topic(name)
    admin.create_partitions([NewPartitions(name, 3)])[name].result(PATIENCE)
    wait_until(lambda: len(admin.list_topics(name, timeout=PATIENCE).topics[name].partitions) == 3)


def test_a_topics_configuration_is_changed(admin: AdminClient, make_topic: Make, name: str) -> None:
    make_topic(name)
    change = ConfigEntry("retention.ms", "60000", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=[change])
    admin.incremental_alter_configs([resource])[resource].result(PATIENCE)
    described = admin.describe_configs([ConfigResource(ResourceType.TOPIC, name)])
    (config,) = [future.result(PATIENCE) for future in described.values()]
    assert config["retention.ms"].value == "60000"


def test_records_are_deleted_up_to_an_offset(admin: AdminClient, produce: Make, make_consumer: Make, name: str) -> None:
    produce(name, b"a", b"b", b"c")
    (future,) = admin.delete_records([TopicPartition(name, 0, 2)]).values()
    assert future.result(PATIENCE).low_watermark == 2
    assert values(read(make_consumer, name, 1)) == [b"c"]


def test_a_group_is_described_with_its_member(
    admin: AdminClient, produce: Make, make_consumer: Make, name: str
) -> None:
    produce(name, b"a")
    consumer = make_consumer(name, client_id="anna")
    consumer.subscribe([name])
    take(consumer, 1)
    described = admin.describe_consumer_groups([name])[name].result(PATIENCE)
    assert [member.client_id for member in described.members] == ["anna"]
    assert name in [group.group_id for group in admin.list_consumer_groups().result(PATIENCE).valid]


def test_a_groups_offsets_are_set_from_outside(
    admin: AdminClient, produce: Make, make_consumer: Make, name: str
) -> None:
    produce(name, b"a", b"b", b"c")
    wanted = ConsumerGroupTopicPartitions(name, [TopicPartition(name, 0, 2)])
    (future,) = admin.alter_consumer_group_offsets([wanted]).values()
    future.result(PATIENCE)
    consumer = make_consumer(name)
    consumer.subscribe([name])
    assert values(take(consumer, 1)) == [b"c"]


def test_a_group_is_deleted(admin: AdminClient, produce: Make, make_consumer: Make, name: str) -> None:
    produce(name, b"a")
    consumer = make_consumer(name)
    consumer.subscribe([name])
    take(consumer, 1)
    consumer.close()
    admin.delete_consumer_groups([name])[name].result(PATIENCE)
    assert name not in [group.group_id for group in admin.list_consumer_groups().result(PATIENCE).valid]


def test_the_cluster_is_described(admin: AdminClient) -> None:
    described = admin.describe_cluster().result(PATIENCE)
    assert described.cluster_id
    assert len(described.nodes) == 1


# Transactions


def begun(make_producer: Make, name: str) -> Producer:
    producer = make_producer(transactional_id=name)
    producer.init_transactions(PATIENCE)
    producer.begin_transaction()
    return producer


def test_committed_records_are_read(make_producer: Make, make_consumer: Make, name: str) -> None:
    producer = begun(make_producer, name)
    producer.produce(name, b"committed", partition=0)
    producer.commit_transaction(PATIENCE)
    assert values(read(make_consumer, name, 1, isolation_level="read_committed")) == [b"committed"]


def test_aborted_records_are_not_read(make_producer: Make, make_consumer: Make, name: str) -> None:
    producer = begun(make_producer, name)
    producer.produce(name, b"aborted", partition=0)
    assert producer.flush(PATIENCE) == 0
    producer.abort_transaction(PATIENCE)
    producer.begin_transaction()
    producer.produce(name, b"committed", partition=0)
    producer.commit_transaction(PATIENCE)
    assert values(read(make_consumer, name, 1, isolation_level="read_committed")) == [b"committed"]


def test_offsets_are_committed_with_the_records_that_came_of_them(
    produce: Make, make_producer: Make, make_consumer: Make, name: str
) -> None:
    produce(name, b"in")
    consumer = make_consumer(name, enable_auto_commit=False)
    consumer.subscribe([name])
    (taken,) = take(consumer, 1)
    producer = begun(make_producer, name)
    producer.produce(f"{name}-out", taken.value() or b"", partition=0)
    position = consumer.position([TopicPartition(name, 0)])
    producer.send_offsets_to_transaction(position, consumer.consumer_group_metadata(), PATIENCE)
    producer.commit_transaction(PATIENCE)
    (committed,) = consumer.committed([TopicPartition(name, 0)], timeout=PATIENCE)
    assert committed.offset == 1
    assert values(read(make_consumer, f"{name}-out", 1, isolation_level="read_committed")) == [b"in"]
