"""Drives kafka-python 3."""

import importlib
import sys
import threading
import time
from typing import Any, Final

from kafkalite_conformance.drivers.events import Fields, Json
from kafkalite_conformance.drivers.python.dialogue import (
    CONSUMER_OPERATIONS,
    HEARTBEAT_INTERVAL_MS,
    ConsumerThread,
    answer,
    commands,
    error_name,
    records_of,
    say,
    say_ownership,
    say_record,
)

# kafka-python has no type hints of its own, and the stubs that type checkers bring along are those of version 2.
# So its modules are Any here, and only here.
kafka: Any = importlib.import_module("kafka")
kafka_admin: Any = importlib.import_module("kafka.admin")
kafka_errors: Any = importlib.import_module("kafka.errors")
_assignors: Final = "kafka.coordinator.assignors"
ASSIGNORS: Final[dict[str, Any]] = {
    "range": importlib.import_module(f"{_assignors}.range").RangePartitionAssignor,
    "roundrobin": importlib.import_module(f"{_assignors}.roundrobin").RoundRobinPartitionAssignor,
    "sticky": importlib.import_module(f"{_assignors}.sticky.sticky_assignor").StickyPartitionAssignor,
    "cooperative-sticky": importlib.import_module(f"{_assignors}.cooperative_sticky").CooperativeStickyAssignor,
}
POLL_MS: Final = 100
ACKS: Final[dict[str, int | str]] = {"0": 0, "1": 1, "all": "all"}


class Producing:
    """Produce commands; each has a producer of its own, because each may have other settings."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap

    def produce(self, command: Fields) -> None:
        """Produce, and tell the fate of each record."""
        producer = self._producer(command)
        self._send(producer, command)
        producer.close()

    def transaction(self, command: Fields) -> None:
        """Produce in a transaction and end it as told."""
        producer = self._producer(command, transactional_id=command.text("transactional_id"))
        producer.init_transactions()
        producer.begin_transaction()
        self._send(producer, command)
        if command.optional_text("group"):
            offsets = {
                kafka.TopicPartition(each.topic, each.partition): kafka.OffsetAndMetadata(offset, "", -1)
                for each, offset in command.offsets("offsets").items()
            }
            producer.send_offsets_to_transaction(offsets, kafka.ConsumerGroupMetadata(command.text("group")))
        match command.text("outcome"):
            case "commit":
                producer.commit_transaction()
            case "abort":
                producer.abort_transaction()
            case _:
                threading.Event().wait()  # left open until this process is killed
        producer.close()

    def _producer(self, command: Fields, transactional_id: str | None = None) -> Any:
        compression = command.optional_text("compression") or "none"
        return kafka.KafkaProducer(
            bootstrap_servers=self._bootstrap,
            acks=ACKS[command.optional_text("acks") or "all"],
            compression_type=None if compression == "none" else compression,
            enable_idempotence=command.flag("idempotence") or transactional_id is not None,
            transactional_id=transactional_id,
            max_request_size=64 << 20,
            linger_ms=5,
            request_timeout_ms=10_000,
            delivery_timeout_ms=command.optional_number("timeout_ms") or 30_000,
        )

    def _send(self, producer: Any, command: Fields) -> None:
        number = command.number("id")

        def acknowledged(index: int, metadata: Any) -> None:
            say("ack", id=number, index=index, partition=metadata.partition, offset=metadata.offset)

        def refused(index: int, problem: BaseException) -> None:
            say("nack", id=number, index=index, error=error_name(problem), message=repr(problem))

        interval = (command.optional_number("interval_ms") or 0) / 1000
        for index, (key, value, headers, partition, timestamp) in enumerate(records_of(command)):
            time.sleep(interval)
            try:
                future = producer.send(
                    command.text("topic"),
                    value,
                    key=key,
                    headers=list(headers),
                    partition=partition,
                    timestamp_ms=timestamp,
                )
            except Exception as problem:  # whatever the client raises is the answer
                refused(index, problem)
                continue
            future.add_callback(acknowledged, index)
            future.add_errback(refused, index)
        producer.flush()


class Ownership:
    """Tells every change of ownership."""

    def __init__(self) -> None:
        self._owned: set[tuple[str, int]] = set()

    def on_partitions_assigned(self, assigned: set[tuple[str, int]]) -> None:
        """Add what was gained; the eager protocol has revoked everything before."""
        self._owned.update((each[0], each[1]) for each in assigned)
        say_ownership("assigned", self._owned)

    def on_partitions_revoked(self, revoked: set[tuple[str, int]]) -> None:
        """Drop what was revoked."""
        self._owned.difference_update((each[0], each[1]) for each in revoked)
        say_ownership("revoked", self._owned)


# kafka-python asks for its own base class, which cannot be named in a class statement while it is Any.
Listener: Any = type("Listener", (Ownership, kafka.ConsumerRebalanceListener), {})


class Consuming:
    """Consumer commands, on the consumer's own thread."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._consumer: Any = None

    def obey(self, command: Fields) -> None:
        """Do one command."""
        match command.text("op"):
            case "subscribe":
                self._consumer = self._make(command)
                # kafka-python joins before it knows its topics, and again when it does. Known topics spare it that.
                for topic in command.texts("topics"):
                    self._consumer.partitions_for_topic(topic)
                self._consumer.subscribe(command.texts("topics"), listener=Listener())
            case "assign":
                self._consumer = self._make(command)
                self._consumer.assign([_partition(row) for row in command.rows("partitions")])
                for row in command.rows("partitions"):
                    self._position(row)
            case "commit":
                offsets = (
                    {
                        kafka.TopicPartition(each.topic, each.partition): kafka.OffsetAndMetadata(offset, "", -1)
                        for each, offset in command.offsets("offsets").items()
                    }
                    if command.values.get("offsets") is not None
                    else None
                )
                self._consumer.commit(offsets)
            case "seek":
                self._consumer.seek(_partition(command), command.number("offset"))
            case "pause":
                self._consumer.pause(*[_partition(row) for row in command.rows("partitions")])
            case "resume":
                self._consumer.resume(*[_partition(row) for row in command.rows("partitions")])
            case _:
                self._consumer.close(autocommit=command.flag("auto_commit"))

    def poll(self) -> None:
        """Poll once and tell the records."""
        for records in self._consumer.poll(timeout_ms=POLL_MS).values():
            for record in records:
                say_record(
                    record.topic,
                    record.partition,
                    record.offset,
                    record.timestamp,
                    record.key,
                    record.value,
                    record.headers,
                )
        # Where a poll ends while the leader of a rebalance waits for its SyncGroup, version 3.0.12 forgets that it was
        # joining, on any broker, and is dropped after its session. It remembers when it gets REBALANCE_IN_PROGRESS.
        coordinator = self._consumer._coordinator  # noqa: SLF001  # there is no public way to tell it
        if coordinator is not None and coordinator.rejoining and not coordinator.need_rejoin():
            coordinator.request_rejoin()

    def _make(self, command: Fields) -> Any:
        settings: dict[str, object] = {
            "bootstrap_servers": self._bootstrap,
            "auto_offset_reset": command.optional_text("reset") or "earliest",
            "isolation_level": command.optional_text("isolation") or "read_uncommitted",
            "enable_auto_commit": command.flag("auto_commit"),
            "auto_commit_interval_ms": 200,
            "metadata_max_age_ms": command.optional_number("metadata_max_age_ms") or 1000,
            "fetch_max_wait_ms": 100,
            "max_partition_fetch_bytes": 64 << 20,
            "fetch_max_bytes": 64 << 20,
        }
        group = command.optional_text("group")
        if group is not None:
            settings |= {
                "group_id": group,
                "group_instance_id": command.optional_text("instance_id"),
                "session_timeout_ms": command.number("session_timeout_ms"),
                "heartbeat_interval_ms": HEARTBEAT_INTERVAL_MS,
                "partition_assignment_strategy": (ASSIGNORS[command.text("assignor")],),
            }
        return kafka.KafkaConsumer(**settings)

    def _position(self, row: Fields) -> None:
        partition = _partition(row)
        match row.text("start"):
            case "earliest":
                self._consumer.seek_to_beginning(partition)
            case "latest":
                self._consumer.seek_to_end(partition)
                self._consumer.position(partition)
            case "timestamp":
                found = self._consumer.offsets_for_times({partition: row.number("at")})[partition]
                if found is None:
                    self._consumer.seek_to_end(partition)
                else:
                    self._consumer.seek(partition, found.offset)
            case _:
                self._consumer.seek(partition, row.number("at"))


class Administering:
    """Administrative commands."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._client: Any = None

    def do(self, command: Fields) -> dict[str, Json]:
        """Do one command and return its result."""
        if self._client is None:
            self._client = kafka.KafkaAdminClient(bootstrap_servers=self._bootstrap)
        client = self._client
        name = command.optional_text("name") or ""
        match command.text("op"):
            case "create_topic":
                topic = {"num_partitions": command.number("partitions"), "replication_factor": 1}
                configs = command.mapping("configs") if "configs" in command.values else {}
                client.create_topics({name: {**topic, "configs": configs}})
            case "delete_topic":
                client.delete_topics([name])
            case "create_partitions":
                client.create_partitions({name: command.number("total")})
            case "delete_records":
                partition = _partition(command)
                result = client.delete_records({partition: command.number("offset")})
                return {"offset": result[partition]["low_watermark"]}
            case "list_topics":
                return {"names": list(client.list_topics())}
            case "describe_topic":
                (described,) = client.describe_topics([name])
                if described["error_code"]:
                    raise kafka_errors.for_code(described["error_code"])(name)
                return {"partitions": len(described["partitions"])}
            case "describe_configs":
                resource = kafka_admin.ConfigResource(kafka_admin.ConfigResourceType.TOPIC, name)
                entries = client.describe_configs([resource], config_filter="all")["topic"][name]
                return {"configs": {key: entry["value"] for key, entry in entries.items()}}
            case "alter_configs":
                resource = kafka_admin.ConfigResource(
                    kafka_admin.ConfigResourceType.TOPIC, name, configs=command.mapping("configs")
                )
                outcome = client.alter_configs([resource])["topic"][name]
                if outcome not in {"OK", None}:
                    raise RuntimeError(outcome)
            case "list_offset":
                specs = {"earliest": kafka.OffsetSpec.EARLIEST, "latest": kafka.OffsetSpec.LATEST}
                at = specs.get(command.text("start")) or command.number("at")
                found = client.list_partition_offsets({_partition(command): at})
                return {"offset": found[_partition(command)].offset}
            case "describe_group":
                return _described(client.describe_groups([name])[name])
            case "list_groups":
                return {"names": [group["group_id"] for group in client.list_groups()]}
            case "delete_group":
                outcome = client.delete_groups([name])[name]
                if outcome != "OK":
                    raise RuntimeError(outcome)
            case "committed":
                found = client.list_group_offsets(name)[name]
                return {
                    "offsets": [
                        {"topic": each.topic, "partition": each.partition, "offset": offset.offset}
                        for each, offset in found.items()
                    ]
                }
            case "describe_cluster":
                cluster = client.describe_cluster()
                return {
                    "cluster_id": cluster["cluster_id"],
                    "controller": cluster["controller_id"],
                    "brokers": [f"{broker['host']}:{broker['port']}" for broker in cluster["brokers"]],
                }
            case other:
                raise NotImplementedError(other)
        return {}


def _described(group: Any) -> dict[str, Json]:
    members: list[Json] = []
    for member in group["members"]:
        assignment = member["member_assignment"]
        members.append(
            {
                "member_id": member["member_id"],
                "instance_id": member.get("group_instance_id"),
                "owned": [
                    {"topic": topic["topic"], "partition": partition}
                    for topic in _assigned_topics(assignment)
                    for partition in topic["partitions"]
                ],
            }
        )
    return {"state": str(group["group_state"]), "protocol": str(group["protocol_data"]), "members": members}


def _assigned_topics(assignment: Any) -> Any:
    return assignment["assigned_partitions"] if assignment else []


def _partition(row: Fields) -> Any:
    return kafka.TopicPartition(row.text("topic"), row.number("partition"))


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
