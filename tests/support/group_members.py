"""Members of a group: real consumers, each polling on a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Queue
from typing import Any

import confluent_kafka
import kafka
import pytest


class Member(threading.Thread):
    """A consumer that polls until it is stopped; what it reads is in ``read``, what ended it in ``failure``."""

    def __init__(self, bootstrap: str, group: str, topic: str, client_id: str, **settings: Any) -> None:
        super().__init__(daemon=True)
        self.client_id = client_id
        self.open(bootstrap, group, topic, client_id, settings)
        self.read: Queue[tuple[int | None, int | None, bytes | None]] = Queue()
        self.failure: BaseException | None = None
        self.has_ended = threading.Event()
        self._stopping = threading.Event()
        self.start()

    def ask_to_stop(self) -> None:
        self._stopping.set()

    def run(self) -> None:
        try:
            while not self._stopping.is_set():
                self.poll()
        except BaseException as error:  # noqa: BLE001  # raised by the test's own thread
            self.failure = error
        finally:
            self.close()
            self.has_ended.set()

    def open(self, bootstrap: str, group: str, topic: str, client_id: str, settings: dict[str, Any]) -> None:
        raise NotImplementedError

    def poll(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


class KafkaPythonMember(Member):
    def open(self, bootstrap: str, group: str, topic: str, client_id: str, settings: dict[str, Any]) -> None:
        self._consumer: Any = kafka.KafkaConsumer(
            topic,
            bootstrap_servers=bootstrap,
            group_id=group,
            client_id=client_id,
            group_instance_id=settings.get("instance"),
            auto_offset_reset=settings.get("reset", "earliest"),
            enable_auto_commit=settings.get("auto_commit", True),
            auto_commit_interval_ms=100,
            heartbeat_interval_ms=100,
        )

    def poll(self) -> None:
        # A long poll, because kafka-python 3.0 sends no heartbeats any more, and does not join again, if a poll's time
        # ends between the answer to SyncGroup and what the client does with it.
        for records in self._consumer.poll(timeout_ms=5000).values():
            for record in records:
                self.read.put((record.partition, record.offset, record.value))

    def close(self) -> None:
        self._consumer.close(timeout_ms=2000)


class ConfluentMember(Member):
    def open(self, bootstrap: str, group: str, topic: str, client_id: str, settings: dict[str, Any]) -> None:
        config: dict[str, Any] = {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "client.id": client_id,
            "auto.offset.reset": settings.get("reset", "earliest"),
            "enable.auto.commit": settings.get("auto_commit", True),
            "auto.commit.interval.ms": 100,
            "heartbeat.interval.ms": 100,
            # Who looks for the coordinator waits behind a fetch on the same connection.
            "fetch.wait.max.ms": 50,
            "reconnect.backoff.max.ms": 100,
            "logger": _QUIET,
        }
        if settings.get("protocol") == "consumer":
            # Such a client takes the interval from the broker.
            config["group.protocol"] = "consumer"
            del config["heartbeat.interval.ms"]
        if "instance" in settings:
            config["group.instance.id"] = settings["instance"]
        self._consumer = confluent_kafka.Consumer(config)
        self._consumer.subscribe([topic])

    def poll(self) -> None:
        message = self._consumer.poll(0.05)
        if message is None:
            return
        error = message.error()
        if error is None:
            self.read.put((message.partition(), message.offset(), message.value()))
        elif error.fatal() or error.code() == confluent_kafka.KafkaError._FATAL:
            raise confluent_kafka.KafkaException(error)

    def close(self) -> None:
        self._consumer.close()


class _Quiet:
    """A logger that says nothing: these tests break connections on purpose."""

    def log(self, *_: object) -> None:
        pass


_QUIET = _Quiet()

BOTH = pytest.mark.parametrize("client", [KafkaPythonMember, ConfluentMember], ids=["kafka-python", "confluent"])
"""Runs a test with members of both kinds."""

Join = Callable[..., Member]
"""Starts a member: a client id, and what differs from the defaults."""
