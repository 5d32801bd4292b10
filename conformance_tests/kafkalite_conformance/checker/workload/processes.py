"""What all processes of the workload share: the recorder, the topics, and settings of librdkafka."""

import random
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import count
from typing import Final, TypeAlias

from confluent_kafka import KafkaError, KafkaException

from kafkalite_conformance.checker.history import Partition
from kafkalite_conformance.checker.recorder import Recorder

Settings: TypeAlias = dict[str, str | int | float | bool]

_BASE_SETTINGS: Final[Settings] = {
    "log_level": 0,
    "broker.address.family": "v4",
    "reconnect.backoff.ms": 100,
    "reconnect.backoff.max.ms": 1_000,
    "socket.timeout.ms": 15_000,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One run: where it takes place and where it is recorded."""

    bootstrap: str
    recorder: Recorder
    source: tuple[Partition, ...]
    target: tuple[Partition, ...]
    seed: int
    stopping: threading.Event = field(default_factory=threading.Event)
    transaction_numbers: "count[int]" = field(default_factory=lambda: count(1))

    @property
    def partitions(self) -> tuple[Partition, ...]:
        """The partitions of both topics."""
        return (*self.source, *self.target)

    def settings(self, **more: str | float | bool) -> Settings:
        """Return librdkafka's settings; underscores stand for full stops."""
        own = {name.replace("_", "."): value for name, value in more.items()}
        return {"bootstrap.servers": self.bootstrap, **_BASE_SETTINGS, **own}

    def random(self, process: str) -> random.Random:
        """Return a source of randomness that depends on the seed and the process only."""
        return random.Random(f"{self.seed} {process}")


def error_of(problem: KafkaException) -> KafkaError:
    """Return the error of an exception."""
    error = problem.args[0]
    assert isinstance(error, KafkaError)
    return error


def spawn(name: str, run: Callable[[], None]) -> "Future[None]":
    """Run a function in a thread, which does not keep the interpreter alive; the future has its exception."""
    future: Future[None] = Future()

    def body() -> None:
        try:
            run()
        except BaseException as error:  # noqa: BLE001  # raised where the future is asked
            future.set_exception(error)
        else:
            future.set_result(None)

    threading.Thread(target=body, name=name, daemon=True).start()
    return future
