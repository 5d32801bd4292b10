"""A data directory that has been through everything: made by a kafkalite process that is killed on the way.

The broker has no transactions and no second leader yet; those come through the storage afterwards.
"""

from __future__ import annotations

import os
import random
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from kafkalite_storage.compaction.cleaner import Cleaner, dirtiest
from kafkalite_storage.log.log import AppendOrigin
from kafkalite_storage.storage import Storage
from kafkalite_wire.codec import encode
from kafkalite_wire.messages.consumer_protocol import ConsumerProtocolAssignment, ConsumerProtocolSubscription
from kafkalite_wire.messages.consumer_protocol import TopicPartition as AssignedPartitions
from kafkalite_wire.messages.create_partitions import CreatePartitionsRequest, CreatePartitionsTopic
from kafkalite_wire.messages.delete_records import DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic
from kafkalite_wire.messages.delete_topics import DeleteTopicsRequest
from kafkalite_wire.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    IncrementalAlterConfigsRequest,
)
from kafkalite_wire.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from kafkalite_wire.messages.sync_group import SyncGroupRequest, SyncGroupRequestAssignment
from kafkalite_wire.records import Compression, Record, build_batch, build_end_txn_marker
from tests.support import calls
from tests.support.blocking_client import BlockingClient
from tests.support.broker_process import KillableBroker
from tests.support.storage.controls import move_leader

SETTINGS: Final = ("offsets.topic.num.partitions=2", "auto.create.topics.enable=false")
#: The transactions' producers; the broker has given out ids below a thousand.
COMMITTER, ABORTER, OPEN = 900, 901, 902


@dataclass
class Used:
    """The directory, and what only its maker knows."""

    path: Path
    #: The idempotent producers: the id, and the next sequence number by topic and partition.
    producer_id: int = -1
    sequences: dict[tuple[str, int], int] = field(default_factory=dict)
    last_batch: bytes = b""
    last_offset: int = -1

    def batch(self, topic: str, partition: int, records: list[Record], compression: int = 0) -> bytes:
        """Build the idempotent producer's next batch for a partition."""
        first = self.sequences.get((topic, partition), 0)
        self.sequences[topic, partition] = first + len(records)
        return build_batch(
            records, compression=compression, producer_id=self.producer_id, producer_epoch=0, base_sequence=first
        )


def make(path: Path) -> Used:
    """Use a directory well, and leave it closed in order."""
    used = Used(path)
    broker = KillableBroker(path, SETTINGS)
    now = time.time_ns() // 1_000_000
    broker.launch()
    try:
        broker.await_ready()
        with BlockingClient(broker.port) as client:
            _make_topics(client)
            _write(client, used, now)
        broker.kill()
        broker.launch()
        broker.await_ready()
        with BlockingClient(broker.port) as client:
            _write_more(client, used, now)
            _form_groups(client)
    except BaseException:
        broker.kill()
        raise
    assert broker.stop() == 0
    _through_the_storage(path, now)
    return used


def _make_topics(client: BlockingClient) -> None:
    calls.create_topic(client, "codecs", 2, index_interval_bytes="300")
    calls.create_topic(client, "timed", 1, segment_ms="1000", index_interval_bytes="200", retention_ms="123456789")
    calls.create_topic(client, "sized", 1, segment_bytes="1048576", max_message_bytes="3000000")
    calls.create_topic(client, "stamped", 1, message_timestamp_type="LogAppendTime")
    calls.create_topic(client, "table", 1, cleanup_policy="compact", segment_ms="1000", index_interval_bytes="200")
    calls.create_topic(client, "tx", 1, segment_ms="1000", index_interval_bytes="200")
    calls.create_topic(client, "moved", 1)
    calls.create_topic(client, "empty", 1)
    for name in ("gone", "again"):
        calls.create_topic(client, name, 2)
        calls.produce(client, name, 0, build_batch([Record(None, b"old", 1)]))
    answer = client.call(DeleteTopicsRequest(topic_names=("gone", "again"), timeout_ms=1000), 4)
    assert [each.error_code for each in answer.responses] == [0, 0]
    calls.create_topic(client, "again", 1)


def _write(client: BlockingClient, used: Used, now: int) -> None:
    used.producer_id = calls.new_producer_id(client)
    chance = random.Random(1)
    for number in range(60):
        at = now - 60_000 + number * 100
        records = [
            Record(b"key-%d" % i, chance.randbytes(chance.randint(0, 200)), at + i, headers=(("n", b"%d" % number),))
            for i in range(chance.randint(1, 4))
        ]
        batch = used.batch("codecs", number % 2, records, compression=tuple(Compression)[number % 5])
        calls.produce(client, "codecs", number % 2, batch)
        calls.produce(client, "timed", 0, used.batch("timed", 0, records))
        key = b"key-%d" % (number % 7 if number % 10 else number)
        value = b"%d" % number if number % 4 else None
        calls.produce(client, "table", 0, build_batch([Record(key, value, at)]))
    for _ in range(25):
        calls.produce(client, "sized", 0, build_batch([Record(None, chance.randbytes(100_000), now)]))
    calls.produce(client, "stamped", 0, build_batch([Record(None, b"when?", 12345)]))
    calls.produce(client, "again", 0, build_batch([Record(None, b"new", now)]))


def _write_more(client: BlockingClient, used: Used, now: int) -> None:
    """Go on after the kill."""
    shortened = DeleteRecordsPartition(partition_index=0, offset=71)
    answer = client.call(
        DeleteRecordsRequest(topics=(DeleteRecordsTopic(name="timed", partitions=(shortened,)),), timeout_ms=1000), 2
    )
    assert answer.topics[0].partitions[0].low_watermark == 71
    more = CreatePartitionsTopic(name="again", count=3, assignments=None)
    answer = client.call(CreatePartitionsRequest(topics=(more,), timeout_ms=1000, validate_only=False), 2)
    assert answer.results[0].error_code == 0
    changes = (
        AlterableConfig(name="retention.ms", config_operation=0, value="234567890"),
        AlterableConfig(name="retention.bytes", config_operation=0, value="1500000"),
        AlterableConfig(name="max.message.bytes", config_operation=1, value=None),
    )
    resource = AlterConfigsResource(resource_type=calls.TOPIC, resource_name="sized", configs=changes)
    answer = client.call(IncrementalAlterConfigsRequest(resources=(resource,), validate_only=False), 1)
    assert answer.responses[0].error_code == 0
    calls.produce(client, "again", 2, build_batch([Record(b"k", None, now)]))
    for number in range(3):
        used.last_batch = used.batch("codecs", 0, [Record(None, b"after the kill %d" % number, now)])
        used.last_offset = calls.produce(client, "codecs", 0, used.last_batch)


def _form_groups(client: BlockingClient) -> None:
    """Leave offsets without a group, and a group with a member that has committed."""
    calls.commit(client, "bystander", "codecs", {0: 5, 1: 7}, metadata="as far as this")
    calls.commit(client, "bystander", "timed", {0: 100})
    calls.commit(client, "bystander", "codecs", {1: 9})
    topics = ConsumerProtocolSubscription(topics=("codecs",))
    subscription = b"\0\1" + encode(topics, 1)
    protocol = JoinGroupRequestProtocol(name="range", metadata=subscription)
    joined = client.call(
        JoinGroupRequest(
            group_id="crew",
            session_timeout_ms=600_000,
            rebalance_timeout_ms=600_000,
            member_id="",
            protocol_type="consumer",
            protocols=(protocol,),
        ),
        3,
    )
    assert joined.error_code == 0, joined
    owned = ConsumerProtocolAssignment(assigned_partitions=(AssignedPartitions(topic="codecs", partitions=(0, 1)),))
    assignment = SyncGroupRequestAssignment(member_id=joined.member_id, assignment=b"\0\1" + encode(owned, 1))
    request = SyncGroupRequest(
        group_id="crew", generation_id=joined.generation_id, member_id=joined.member_id, assignments=(assignment,)
    )
    assert client.call(request, 3).error_code == 0
    calls.commit(client, "crew", "codecs", {0: 11}, member=joined.member_id, generation=joined.generation_id)


def _through_the_storage(path: Path, now: int) -> None:
    """Do what the broker cannot be asked to do, or not for this very moment."""
    with closing(Storage.open(path, new_uuid=lambda: os.urandom(16), now_ms=now)) as storage:
        for topic in storage.topics.values():
            for number in range(topic.partitions):
                storage.log(topic.name, number)  # else its end stays unchecked since the kill, and the stop unclean
        _transact(storage, now)
        for number in range(4):
            storage.log("moved", 0).append(build_batch([Record(None, b"under %d" % number, now)]), now_ms=now)
            move_leader(storage, "moved", 0, storage.node_id, now_ms=now)
        assert storage.log("sized", 0).delete_expired(now) == 1
        _compact(storage, now)


def _compact(storage: Storage, now: int) -> None:
    cleaner, size = Cleaner(storage), storage.log("table", 0).size
    cleaning = dirtiest(cleaner.survey(now))
    assert cleaning is not None
    assert cleaning.key == ("table", 0)
    for work in cleaner.clean(cleaning, now):
        if work is not None:
            work()
    assert storage.log("table", 0).size < size


def _transact(storage: Storage, now: int) -> None:
    """Commit, abort, and leave something open."""
    log = storage.log("tx", 0)
    for number in range(20):
        at = now - 20_000 + number * 200
        for producer_id in (COMMITTER, ABORTER):
            log.append(
                build_batch(
                    [Record(b"%d" % producer_id, b"%d" % number, at)],
                    producer_id=producer_id,
                    producer_epoch=0,
                    base_sequence=number,
                    is_transactional=True,
                ),
                now_ms=now,
            )
        for producer_id in (COMMITTER, ABORTER):
            if number % 3 == 2:
                marker = build_end_txn_marker(
                    producer_id=producer_id,
                    producer_epoch=0,
                    commit=producer_id == COMMITTER,
                    coordinator_epoch=0,
                    timestamp=at,
                )
                log.append(marker, now_ms=now, origin=AppendOrigin.BROKER)
