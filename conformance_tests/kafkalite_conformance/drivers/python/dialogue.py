"""Commands in, events out: the half of a Python driver that knows nothing of Kafka."""

import base64
import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, cast

from kafkalite_conformance.drivers.events import Fields, Json

CONSUMER_OPERATIONS: Final = frozenset({"subscribe", "assign", "commit", "seek", "pause", "resume", "leave"})

HEARTBEAT_INTERVAL_MS: Final = 300
"""Members learn of a rebalance by a heartbeat, whatever their session time-out is."""

_said = threading.Lock()


def say(event: str, **fields: Json) -> None:
    """Write one event."""
    line = json.dumps({"event": event, **fields}) + "\n"
    with _said:
        sys.stdout.write(line)
        sys.stdout.flush()


def say_ownership(event: str, owned: Iterable[tuple[str, int]]) -> None:
    """Write a change of ownership with all that is owned after it."""
    say(event, owned=[{"topic": topic, "partition": partition} for topic, partition in sorted(owned)])


def say_record(
    topic: str,
    partition: int,
    offset: int,
    timestamp: int,
    key: bytes | None,
    value: bytes | None,
    headers: Sequence[tuple[str, bytes | None]],
) -> None:
    """Write one consumed record."""
    say(
        "record",
        topic=topic,
        partition=partition,
        offset=offset,
        timestamp=timestamp,
        key=encoded(key),
        value=encoded(value),
        headers=[[name, encoded(content)] for name, content in headers],
    )


def encoded(value: bytes | None) -> str | None:
    """Return bytes in base 64."""
    return None if value is None else base64.b64encode(value).decode()


def error_name(problem: BaseException) -> str:
    """Return Kafka's name of an error, from the class name that Python clients derive from it."""
    name = type(problem).__name__
    if not name.endswith("Error") or name in {"KafkaError", "KafkaTimeoutError", "CommitFailedError"}:
        return name
    letters = [f"_{letter}" if letter.isupper() else letter.upper() for letter in name.removesuffix("Error")]
    return "".join(letters).lstrip("_")


def commands() -> Iterable[Fields]:
    """Yield the commands. Does not return: `exit`, or the end of the suite, ends the process without a clean close.

    It ends the whole process group, which the suite made for this driver: wrapped programs go with it.
    """
    say("ready")
    for line in sys.stdin:
        command = Fields(cast("dict[str, Json]", json.loads(line)))
        if command.text("op") == "exit":
            break
        yield command
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


def answer(command: Fields, work: Callable[[Fields], Mapping[str, Json] | None]) -> None:
    """Do a command's work and tell how it ended."""
    try:
        result = work(command) or {}
    except Exception as problem:  # whatever the client raises is the answer
        say("failed", id=command.number("id"), error=error_name(problem), message=repr(problem))
    else:
        say("done", id=command.number("id"), **result)


def records_of(
    command: Fields,
) -> list[tuple[bytes | None, bytes | None, Sequence[tuple[str, bytes | None]], int | None, int | None]]:
    """Return the records of a produce command: key, value, headers, partition, timestamp."""
    explicit = [
        (
            row.optional_bytes("key"),
            row.optional_bytes("value"),
            row.headers("headers"),
            row.optional_number("partition"),
            row.optional_number("timestamp"),
        )
        for row in command.rows("records")
    ]
    counted = range(command.optional_number("count") or 0)
    return [*explicit, *((None, f"{command.text('prefix')}{number}".encode(), (), None, None) for number in counted)]


class ConsumerThread:
    """Runs a blocking consumer: obeys one command at a time and polls in between."""

    def __init__(self, obey: Callable[[Fields], Mapping[str, Json] | None], poll: Callable[[], None]) -> None:
        self._obey = obey
        self._poll = poll
        self._commands: queue.SimpleQueue[Fields] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def put(self, command: Fields) -> None:
        """Hand over a command; the first one starts the thread."""
        self._commands.put(command)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()

    def _run(self) -> None:
        started = False
        while True:
            try:
                command = self._commands.get(block=not started)
            except queue.Empty:
                try:
                    self._poll()
                except Exception as problem:  # a consumer's complaint is an event, not our end
                    say("error", error=error_name(problem), message=repr(problem))
                continue
            answer(command, self._obey)
            started = True
            if command.text("op") == "leave":
                return
