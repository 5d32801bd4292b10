"""Drives librdkafka, through confluent-kafka."""

import importlib
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, TypeAlias, cast

from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicCollection,
    TopicPartition,
)

from kafkalite_conformance.drivers.events import Fields, Json
from kafkalite_conformance.drivers.python.dialogue import (
    CONSUMER_OPERATIONS,
    HEARTBEAT_INTERVAL_MS,
    ConsumerThread,
    answer,
    commands,
    records_of,
    say,
    say_ownership,
    say_record,
)

Settings: TypeAlias = dict[str, str | int | float | bool]

# The administrative half of the client is typed by halves, which strict checking cannot use.
admin: Any = importlib.import_module("confluent_kafka.admin")


class LibrdkafkaError(Exception):
    """An error that librdkafka reports."""


def _name(error: KafkaError) -> str:
    return (
        error.name()
        .replace("MSG_SIZE_TOO_LARGE", "MESSAGE_TOO_LARGE")
        .replace("UNKNOWN_TOPIC_OR_PART", "UNKNOWN_TOPIC_OR_PARTITION")
    )


def answer_by_name(command: Fields, problem: KafkaException) -> None:
    """Report a failure by librdkafka's error name, which is Kafka's for errors of a broker."""
    error = problem.args[0]
    say("failed", id=command.number("id"), error=_name(error), message=error.str())


class Producing:
    """Produce commands; each has a producer of its own, because each may have other settings."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap

    def produce(self, command: Fields) -> None:
        """Produce, and tell the fate of each record."""
        producer = self._producer(command)
        self._send(producer, command)
        producer.flush()

    def transaction(self, command: Fields) -> None:
        """Produce in a transaction and end it as told."""
        producer = self._producer(command)
        producer.init_transactions(60)
        producer.begin_transaction()
        self._send(producer, command)
        producer.flush()
        if command.optional_text("group"):
            consumer = Consumer({"bootstrap.servers": self._bootstrap, "group.id": command.text("group")})
            offsets = [
                TopicPartition(each.topic, each.partition, offset)
                for each, offset in command.offsets("offsets").items()
            ]
            producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata())
            consumer.close()
        match command.text("outcome"):
            case "commit":
                producer.commit_transaction()
            case "abort":
                producer.abort_transaction()
            case _:
                threading.Event().wait()  # left open until this process is killed

    def _producer(self, command: Fields) -> Producer:
        settings: Settings = {
            "bootstrap.servers": self._bootstrap,
            "acks": command.optional_text("acks") or "all",
            "compression.type": command.optional_text("compression") or "none",
            "enable.idempotence": command.flag("idempotence"),
            "linger.ms": 5,
            "message.max.bytes": 64 << 20,
            "queue.buffering.max.kbytes": 96 << 10,
            "delivery.timeout.ms": command.optional_number("timeout_ms") or 30_000,
            "log_level": 0,
        }
        transactional_id = command.optional_text("transactional_id")
        if transactional_id is not None:
            settings |= {"transactional.id": transactional_id, "enable.idempotence": True}
        return Producer(settings)

    def _send(self, producer: Producer, command: Fields) -> None:
        number = command.number("id")
        interval = (command.optional_number("interval_ms") or 0) / 1000
        for index, (key, value, headers, partition, timestamp) in enumerate(records_of(command)):

            def told(error: KafkaError | None, message: Message, index: int = index) -> None:
                if error is not None:
                    say("nack", id=number, index=index, error=_name(error), message=error.str())
                else:
                    offset = message.offset()
                    say(
                        "ack",
                        id=number,
                        index=index,
                        partition=message.partition(),
                        offset=-1 if offset is None else offset,
                    )

            while True:
                try:
                    producer.produce(
                        command.text("topic"),
                        value,
                        key,
                        partition=-1 if partition is None else partition,
                        on_delivery=told,
                        timestamp=timestamp or 0,
                        headers=list(headers),
                    )
                except BufferError:
                    producer.poll(0.1)
                else:
                    break
            until = time.monotonic() + interval
            producer.poll(0)
            while (left := until - time.monotonic()) > 0:
                producer.poll(left)


class Consuming:
    """Consumer commands, on the consumer's own thread."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._consumer: Consumer | None = None
        self._cooperative = False
        self._owned: set[tuple[str, int]] = set()

    def obey(self, command: Fields) -> None:
        """Do one command."""
        if command.text("op") in {"subscribe", "assign"}:
            self._consumer = self._make(command)
        consumer = self._consumer
        assert consumer is not None
        try:
            self._do(consumer, command)
        except KafkaException as problem:
            raise LibrdkafkaError(_name(problem.args[0])) from problem

    def poll(self) -> None:
        """Poll once and tell the records."""
        assert self._consumer is not None
        for message in self._consumer.consume(500, timeout=0.05):
            error = message.error()
            if error is not None:
                say("error", error=_name(error), message=error.str())
                continue
            _say_message(message)

    def _do(self, consumer: Consumer, command: Fields) -> None:
        match command.text("op"):
            case "subscribe":
                consumer.subscribe(
                    command.texts("topics"), on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
                )
            case "assign":
                consumer.assign([self._positioned(consumer, row) for row in command.rows("partitions")])
            case "commit":
                self._commit(consumer, command)
            case "seek":
                partition = _partition(command)
                partition.offset = command.number("offset")
                consumer.seek(partition)
            case "pause":
                consumer.pause([_partition(row) for row in command.rows("partitions")])
            case "resume":
                consumer.resume([_partition(row) for row in command.rows("partitions")])
            case _:
                consumer.close()

    @staticmethod
    def _commit(consumer: Consumer, command: Fields) -> None:
        if command.values.get("offsets") is None:
            committed = consumer.commit(asynchronous=False)
        else:
            offsets = [
                TopicPartition(each.topic, each.partition, offset)
                for each, offset in command.offsets("offsets").items()
            ]
            committed = consumer.commit(offsets=offsets, asynchronous=False)
        for partition in committed or []:
            if partition.error is not None:
                raise KafkaException(partition.error)

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._owned.update((each.topic, each.partition) for each in partitions)
        if self._cooperative:
            consumer.incremental_assign(partitions)
        else:
            consumer.assign(partitions)
        say_ownership("assigned", self._owned)

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._owned.difference_update((each.topic, each.partition) for each in partitions)
        if self._cooperative:
            consumer.incremental_unassign(partitions)
        else:
            consumer.unassign()
        say_ownership("revoked", self._owned)

    def _make(self, command: Fields) -> Consumer:
        settings: Settings = {
            "bootstrap.servers": self._bootstrap,
            # librdkafka wants a group even for a consumer that assigns itself; nothing is committed under it.
            "group.id": command.optional_text("group") or "unused",
            "auto.offset.reset": command.optional_text("reset") or "earliest",
            "isolation.level": command.optional_text("isolation") or "read_uncommitted",
            "enable.auto.commit": command.flag("auto_commit"),
            "auto.commit.interval.ms": 200,
            "topic.metadata.refresh.interval.ms": command.optional_number("metadata_max_age_ms") or 1000,
            "fetch.wait.max.ms": 100,
            "fetch.message.max.bytes": 64 << 20,
            "log_level": 0,
        }
        assignor = command.optional_text("assignor")
        if (command.optional_text("protocol") or "classic") == "consumer":
            settings["group.protocol"] = "consumer"
            self._cooperative = True
            if assignor is not None:
                settings["group.remote.assignor"] = assignor
        elif command.optional_text("group") is not None and assignor is not None:
            settings |= {
                "session.timeout.ms": command.number("session_timeout_ms"),
                "heartbeat.interval.ms": HEARTBEAT_INTERVAL_MS,
                "partition.assignment.strategy": assignor,
            }
            self._cooperative = assignor == "cooperative-sticky"
        instance = command.optional_text("instance_id")
        if instance is not None:
            settings["group.instance.id"] = instance
        return Consumer(settings)

    @staticmethod
    def _positioned(consumer: Consumer, row: Fields) -> TopicPartition:
        partition = _partition(row)
        match row.text("start"):
            case "earliest":
                partition.offset = -2
            case "latest":
                # Looked up now: what is produced after this command has to arrive.
                partition.offset = consumer.get_watermark_offsets(partition, timeout=60)[1]
            case "timestamp":
                partition.offset = row.number("at")
                return consumer.offsets_for_times([partition], timeout=60)[0]
            case _:
                partition.offset = row.number("at")
        return partition


class Administering:
    """Administrative commands."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._client: Any = None

    def do(self, command: Fields) -> Mapping[str, Json]:
        """Do one command and return its result."""
        if self._client is None:
            self._client = admin.AdminClient({"bootstrap.servers": self._bootstrap, "log_level": 0})
        try:
            return _administer(self._client, command)
        except KafkaException as problem:
            raise LibrdkafkaError(_name(problem.args[0])) from problem


def _administer(client: Any, command: Fields) -> Mapping[str, Json]:
    name = command.optional_text("name") or ""
    match command.text("op"):
        case "create_topic":
            configs = (
                {key: value or "" for key, value in command.mapping("configs").items()}
                if "configs" in command.values
                else {}
            )
            topic = admin.NewTopic(
                name, num_partitions=command.number("partitions"), replication_factor=1, config=configs
            )
            _one(client.create_topics([topic]))
        case "delete_topic":
            _one(client.delete_topics([name]))
        case "create_partitions":
            _one(client.create_partitions([admin.NewPartitions(name, command.number("total"))]))
        case "delete_records":
            partition = _partition(command)
            partition.offset = command.number("offset")
            return {"offset": _one(client.delete_records([partition])).low_watermark}
        case "list_topics":
            return {"names": list(client.list_topics(timeout=60).topics)}
        case "describe_topic":
            described = _one(client.describe_topics(TopicCollection([name])))
            return {"partitions": len(described.partitions)}
        case "describe_configs":
            entries = _one(client.describe_configs([admin.ConfigResource(admin.ResourceType.TOPIC, name)]))
            return {"configs": {key: entry.value for key, entry in entries.items()}}
        case "alter_configs":
            changes = [
                admin.ConfigEntry(key, value, incremental_operation=admin.AlterConfigOpType.SET)
                for key, value in command.mapping("configs").items()
            ]
            resource = admin.ConfigResource(admin.ResourceType.TOPIC, name, incremental_configs=changes)
            _one(client.incremental_alter_configs([resource]))
        case "list_offset":
            at = {"earliest": admin.OffsetSpec.earliest(), "latest": admin.OffsetSpec.latest()}.get(
                command.text("start")
            )
            spec = at or admin.OffsetSpec.for_timestamp(command.number("at"))
            found = _one(
                client.list_offsets({_partition(command): spec}, isolation_level=IsolationLevel.READ_UNCOMMITTED)
            )
            return {"offset": found.offset}
        case "describe_group":
            group = _one(client.describe_consumer_groups([name]))
            members: list[Json] = [
                {
                    "member_id": member.member_id,
                    "instance_id": member.group_instance_id,
                    "owned": [
                        {"topic": each.topic, "partition": each.partition}
                        for each in member.assignment.topic_partitions
                    ],
                }
                for member in group.members
            ]
            return {"state": group.state.name, "protocol": group.partition_assignor, "members": members}
        case "list_groups":
            return {"names": [group.group_id for group in client.list_consumer_groups().result(60).valid]}
        case "delete_group":
            _one(client.delete_consumer_groups([name]))
        case "committed":
            found_offsets = _one(client.list_consumer_group_offsets([ConsumerGroupTopicPartitions(name)]))
            return {
                "offsets": [
                    {"topic": each.topic, "partition": each.partition, "offset": each.offset}
                    for each in found_offsets.topic_partitions
                ]
            }
        case "describe_cluster":
            cluster = client.describe_cluster().result(60)
            return {
                "cluster_id": cluster.cluster_id,
                "controller": cluster.controller.id,
                "brokers": [f"{node.host}:{node.port}" for node in cluster.nodes],
            }
        case other:
            raise NotImplementedError(other)
    return {}


def _one(futures: Mapping[object, Future[Any]]) -> Any:
    (future,) = futures.values()
    return future.result(60)


def _partition(row: Fields) -> TopicPartition:
    return TopicPartition(row.text("topic"), row.number("partition"))


def _say_message(message: Message) -> None:
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    assert topic is not None
    assert partition is not None
    assert offset is not None
    headers: list[tuple[str, bytes | None]] = []
    for name, content in cast("list[tuple[str, bytes | None]]", message.headers() or []):
        headers.append((name, content))
    say_record(topic, partition, offset, message.timestamp()[1], message.key(), message.value(), headers)


def main() -> None:
    """Obey commands until told to exit."""
    bootstrap = sys.argv[1]
    producing, consuming, administering = Producing(bootstrap), Consuming(bootstrap), Administering(bootstrap)
    consumer = ConsumerThread(consuming.obey, consuming.poll)
    for command in commands():
        operation = command.text("op")
        if operation in CONSUMER_OPERATIONS:
            consumer.put(command)
            continue
        work = {"produce": producing.produce, "transaction": producing.transaction}.get(operation, administering.do)
        threading.Thread(target=answer, args=(command, work), daemon=True).start()


if __name__ == "__main__":
    main()
