"""Drives aiokafka."""

import asyncio
import importlib
import json
import os
import sys
import threading
from typing import Any, Final, cast

from kafkalite_conformance.drivers.events import Fields, Json
from kafkalite_conformance.drivers.python.dialogue import (
    CONSUMER_OPERATIONS,
    HEARTBEAT_INTERVAL_MS,
    error_name,
    records_of,
    say,
    say_ownership,
    say_record,
)

# aiokafka is typed in parts only, which strict checking cannot use. So its modules are Any here.
aiokafka: Any = importlib.import_module("aiokafka")
aiokafka_admin: Any = importlib.import_module("aiokafka.admin")
aiokafka_errors: Any = importlib.import_module("aiokafka.errors")
_assignors: Final = "aiokafka.coordinator.assignors"
ASSIGNORS: Final[dict[str, Any]] = {
    "range": importlib.import_module(f"{_assignors}.range").RangePartitionAssignor,
    "roundrobin": importlib.import_module(f"{_assignors}.roundrobin").RoundRobinPartitionAssignor,
    "sticky": importlib.import_module(f"{_assignors}.sticky.sticky_assignor").StickyPartitionAssignor,
}
ACKS: Final[dict[str, int | str]] = {"0": 0, "1": 1, "all": "all"}


class Ownership:
    """Tells every change of ownership."""

    def __init__(self) -> None:
        self._owned: set[tuple[str, int]] = set()

    def on_partitions_assigned(self, assigned: Any) -> None:
        """Take over what was assigned; the eager protocol has revoked everything before."""
        self._owned = {(each.topic, each.partition) for each in assigned}
        say_ownership("assigned", self._owned)

    def on_partitions_revoked(self, revoked: Any) -> None:
        """Drop what was revoked."""
        self._owned -= {(each.topic, each.partition) for each in revoked}
        say_ownership("revoked", self._owned)


# aiokafka asks for its own base class, which cannot be named in a class statement while it is Any.
Listener: Any = type("Listener", (Ownership, aiokafka.ConsumerRebalanceListener), {})


class Client:
    """All commands, on one event loop."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._consumer: Any = None
        self._consumer_turn = asyncio.Lock()
        self._polling: asyncio.Task[None] | None = None
        self._admin: Any = None

    async def answer(self, command: Fields) -> None:
        """Do one command and tell how it ended."""
        try:
            result = await self._do(command)
        except Exception as problem:  # whatever the client raises is the answer
            say("failed", id=command.number("id"), error=error_name(problem), message=repr(problem))
        else:
            say("done", id=command.number("id"), **result)

    async def _do(self, command: Fields) -> dict[str, Json]:
        operation = command.text("op")
        if operation == "produce":
            await self._produce(command)
        elif operation == "transaction":
            await self._transaction(command)
        elif operation in CONSUMER_OPERATIONS:
            async with self._consumer_turn:
                await self._control(command)
        else:
            return await self._administer(command)
        return {}

    # ------------------------------------------------------------ producing

    async def _produce(self, command: Fields) -> None:
        producer = self._producer(command)
        await producer.start()
        try:
            await self._send(producer, command)
        finally:
            await producer.stop()

    async def _transaction(self, command: Fields) -> None:
        producer = self._producer(command, transactional_id=command.text("transactional_id"), enable_idempotence=True)
        await producer.start()
        await producer.begin_transaction()
        await self._send(producer, command)
        if command.optional_text("group"):
            offsets = {
                _topic_partition(each.topic, each.partition): at for each, at in command.offsets("offsets").items()
            }
            await producer.send_offsets_to_transaction(offsets, command.text("group"))
        match command.text("outcome"):
            case "commit":
                await producer.commit_transaction()
            case "abort":
                await producer.abort_transaction()
            case _:
                await asyncio.Event().wait()  # left open until this process is killed
        await producer.stop()

    def _producer(self, command: Fields, **more: object) -> Any:
        compression = command.optional_text("compression") or "none"
        settings: dict[str, object] = {
            "bootstrap_servers": self._bootstrap,
            "acks": ACKS[command.optional_text("acks") or "all"],
            "compression_type": None if compression == "none" else compression,
            "enable_idempotence": command.flag("idempotence"),
            "max_request_size": 64 << 20,
            "linger_ms": 5,
            "request_timeout_ms": 10_000,
        }
        return aiokafka.AIOKafkaProducer(**{**settings, **more})

    async def _send(self, producer: Any, command: Fields) -> None:
        number = command.number("id")

        async def told(index: int, delivery: Any) -> None:
            try:
                metadata = await delivery
            except Exception as problem:  # whatever the client raises is the answer
                say("nack", id=number, index=index, error=error_name(problem), message=repr(problem))
            else:
                offset = -1 if metadata is None else metadata.offset
                partition = -1 if metadata is None else metadata.partition
                say("ack", id=number, index=index, partition=partition, offset=offset)

        deliveries: list[asyncio.Task[None]] = []
        for index, (key, value, headers, partition, timestamp) in enumerate(records_of(command)):
            delivery = await producer.send(
                command.text("topic"), value, key, partition=partition, timestamp_ms=timestamp, headers=list(headers)
            )
            deliveries.append(asyncio.create_task(told(index, delivery)))
        await asyncio.gather(*deliveries)

    # ------------------------------------------------------------ consuming

    async def _control(self, command: Fields) -> None:
        match command.text("op"):
            case "subscribe":
                await self._start(command)
                self._consumer.subscribe(command.texts("topics"), listener=Listener())
                self._polling = asyncio.create_task(self._poll())
            case "assign":
                await self._start(command)
                self._consumer.assign([_partition(row) for row in command.rows("partitions")])
                for row in command.rows("partitions"):
                    await self._position(row)
                self._polling = asyncio.create_task(self._poll())
            case "commit":
                offsets = {
                    _topic_partition(each.topic, each.partition): at for each, at in command.offsets("offsets").items()
                }
                await self._consumer.commit(offsets or None)
            case "seek":
                self._consumer.seek(_partition(command), command.number("offset"))
            case "pause":
                self._consumer.pause(*[_partition(row) for row in command.rows("partitions")])
            case "resume":
                self._consumer.resume(*[_partition(row) for row in command.rows("partitions")])
            case _:
                if self._polling is not None:
                    self._polling.cancel()
                await self._consumer.stop()

    async def _start(self, command: Fields) -> None:
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
        if command.optional_text("group") is not None:
            settings |= {
                "group_id": command.text("group"),
                "group_instance_id": command.optional_text("instance_id"),
                "session_timeout_ms": command.number("session_timeout_ms"),
                "heartbeat_interval_ms": HEARTBEAT_INTERVAL_MS,
                "partition_assignment_strategy": (ASSIGNORS[command.text("assignor")],),
            }
        self._consumer = aiokafka.AIOKafkaConsumer(**settings)
        await self._consumer.start()

    async def _poll(self) -> None:
        while True:
            try:
                found = await self._consumer.getmany(timeout_ms=50)
            except aiokafka_errors.KafkaError as problem:
                say("error", error=error_name(problem), message=repr(problem))
                continue
            for records in found.values():
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

    async def _position(self, row: Fields) -> None:
        partition = _partition(row)
        match row.text("start"):
            case "earliest":
                await self._consumer.seek_to_beginning(partition)
            case "latest":
                await self._consumer.seek_to_end(partition)
                await self._consumer.position(partition)
            case "timestamp":
                found = (await self._consumer.offsets_for_times({partition: row.number("at")}))[partition]
                if found is None:
                    await self._consumer.seek_to_end(partition)
                else:
                    self._consumer.seek(partition, found.offset)
            case _:
                self._consumer.seek(partition, row.number("at"))

    # ------------------------------------------------------------ administration

    async def _administer(self, command: Fields) -> dict[str, Json]:
        if self._admin is None:
            self._admin = aiokafka_admin.AIOKafkaAdminClient(bootstrap_servers=self._bootstrap)
            await self._admin.start()
        admin, name = self._admin, command.optional_text("name") or ""
        match command.text("op"):
            case "create_topic":
                configs = command.mapping("configs") if "configs" in command.values else {}
                topic = aiokafka_admin.NewTopic(name, command.number("partitions"), 1, topic_configs=configs)
                _check((await admin.create_topics([topic])).topic_errors)
            case "delete_topic":
                _check((await admin.delete_topics([name])).topic_error_codes)
            case "create_partitions":
                answer = await admin.create_partitions({name: aiokafka_admin.NewPartitions(command.number("total"))})
                _check(answer.topic_errors)
            case "delete_records":
                partition = _partition(command)
                answer = await admin.delete_records(
                    {partition: aiokafka_admin.RecordsToDelete(command.number("offset"))}
                )
                return {"offset": answer[partition]}
            case "list_topics":
                return {"names": list(await admin.list_topics())}
            case "describe_topic":
                described = (await admin.describe_topics([name]))[0]
                _check([(name, described["error_code"])])
                return {"partitions": len(described["partitions"])}
            case "describe_configs":
                resource = aiokafka_admin.config_resource.ConfigResource(
                    aiokafka_admin.config_resource.ConfigResourceType.TOPIC, name
                )
                (answer,) = await admin.describe_configs([resource])
                return {"configs": {entry[0]: entry[1] for entry in answer.resources[0][4]}}
            case "describe_group":
                (answer,) = await admin.describe_consumer_groups([name])
                return _described(answer.groups[0])
            case "list_groups":
                return {"names": [each[0] for each in await admin.list_consumer_groups()]}
            case "committed":
                found = await admin.list_consumer_group_offsets(name)
                return {
                    "offsets": [
                        {"topic": each.topic, "partition": each.partition, "offset": offset.offset}
                        for each, offset in found.items()
                    ]
                }
            case "describe_cluster":
                cluster = await admin.describe_cluster()
                return {
                    "cluster_id": cluster.get("cluster_id"),
                    "controller": cluster["controller_id"],
                    "brokers": [f"{broker['host']}:{broker['port']}" for broker in cluster["brokers"]],
                }
            case other:
                raise NotImplementedError(other)
        return {}


def _check(results: Any) -> None:
    for result in results:
        if result[1]:
            raise aiokafka_errors.for_code(result[1])(result)


def _described(group: Any) -> dict[str, Json]:
    error, _group_id, state, _protocol_type, protocol, rows = group[:6]
    _check([("group", error)])
    protocol_module: Any = importlib.import_module("aiokafka.coordinator.protocol")
    members: list[Json] = []
    for row in rows:
        assignment = protocol_module.ConsumerProtocolMemberAssignment.decode(row[-1]) if row[-1] else None
        owned: list[Json] = []
        if assignment is not None:
            owned = [{"topic": each.topic, "partition": each.partition} for each in assignment.partitions()]
        members.append({"member_id": row[0], "instance_id": row[1] if len(row) > 5 else None, "owned": owned})
    return {"state": state, "protocol": protocol, "members": members}


def _topic_partition(topic: str, number: int) -> Any:
    return aiokafka.TopicPartition(topic, number)


def _partition(row: Fields) -> Any:
    return _topic_partition(row.text("topic"), row.number("partition"))


async def obey_commands() -> None:
    """Read commands on a thread and do them on this loop."""
    loop = asyncio.get_running_loop()
    client = Client(sys.argv[1])
    arrived: asyncio.Queue[Fields] = asyncio.Queue()

    def read() -> None:
        for line in sys.stdin:
            command = Fields(cast("dict[str, Json]", json.loads(line)))
            if command.text("op") == "exit":
                break
            loop.call_soon_threadsafe(arrived.put_nowait, command)
        # `exit`, or the end of the suite: no clean close, as in a crash.
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    say("ready")
    answering: set[asyncio.Task[None]] = set()
    while True:
        task = asyncio.create_task(client.answer(await arrived.get()))
        answering.add(task)
        task.add_done_callback(answering.discard)


if __name__ == "__main__":
    asyncio.run(obey_commands())
