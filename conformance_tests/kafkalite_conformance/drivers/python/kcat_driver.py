"""Drives kcat: turns commands into command lines and kcat's output into events.

kcat commits by itself or not at all, seeks nowhere while it runs, and administers nothing.
"""

import json
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from typing import IO, Final

from kafkalite_conformance.drivers.events import Fields, Json
from kafkalite_conformance.drivers.python.dialogue import answer, commands, records_of, say, say_ownership, say_record

# One line of plain facts, then the raw key, the raw value, and the headers as kcat prints them. A null is -1 long.
_FORMAT: Final = "%t %p %o %T %K %S\\n%k%s%h\\n"
_ASSIGNED: Final = re.compile(rb"rebalanced \(memberid [^)]*\): (assigned|revoked): ?(.*)")
_PARTITION: Final = re.compile(rb"(\S+) \[(\d+)\]")
_DELIVERED: Final = re.compile(rb"Message delivered to partition (\d+) \(offset (-?\d+)\)")
_FAILED: Final = re.compile(rb"Delivery failed for message: (?:Broker: )?(.*)")


class Kcat:
    """All commands; each one runs a kcat of its own."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._consumer: subprocess.Popen[bytes] | None = None

    def do(self, command: Fields) -> dict[str, Json] | None:
        """Do one command and return its result."""
        match command.text("op"):
            case "produce":
                self._produce(command)
            case "subscribe":
                self._subscribe(command)
            case "assign":
                self._assign(command)
            case "leave":
                assert self._consumer is not None
                self._consumer.send_signal(signal.SIGINT)
                self._consumer.wait(timeout=20)
            case "list_topics":
                listed = json.loads(subprocess.run(self._command("-L", "-J"), capture_output=True, check=True).stdout)
                return {"names": [topic["topic"] for topic in listed["topics"]]}
            case other:
                raise NotImplementedError(other)
        return None

    def _command(self, *arguments: str, settings: Sequence[str] = ()) -> list[str]:
        options = [part for setting in ("log_level=0", *settings) for part in ("-X", setting)]
        return ["kcat", "-b", self._bootstrap, *options, *arguments]

    # ------------------------------------------------------------ producing

    def _produce(self, command: Fields) -> None:
        settings = [
            f"acks={command.optional_text('acks') or 'all'}",
            f"enable.idempotence={str(command.flag('idempotence')).lower()}",
            f"message.timeout.ms={command.optional_number('timeout_ms') or 30_000}",
            "message.max.bytes=67108864",
        ]
        compression = command.optional_text("compression") or "none"
        for index, (key, value, headers, partition, _timestamp) in enumerate(records_of(command)):
            # With -vv kcat tells the offset.
            arguments = ["-P", "-vv", "-t", command.text("topic"), "-z", compression]
            if partition is not None:
                arguments += ["-p", str(partition)]
            if key is not None and value:
                arguments += ["-k", key.decode()]
            if value is None:
                arguments += ["-Z"]
            for name, content in headers:
                arguments += ["-H", name if content is None else f"{name}={content.decode()}"]
            if not value:
                arguments += ["-K", "="]
            self._produce_one(command.number("id"), index, self._command(*arguments, settings=settings), key, value)

    @staticmethod
    def _produce_one(number: int, index: int, command: list[str], key: bytes | None, value: bytes | None) -> None:
        if value:
            # A file is one record, with every byte that it has; but kcat makes no record of an empty one.
            with tempfile.NamedTemporaryFile() as file:
                file.write(value)
                file.flush()
                finished = subprocess.run([*command, file.name], capture_output=True, check=False)
        else:
            finished = subprocess.run(command, input=(key or b"") + b"=\n", capture_output=True, check=False)
        delivered, failed = _DELIVERED.search(finished.stderr), _FAILED.search(finished.stderr)
        if delivered is not None:
            say("ack", id=number, index=index, partition=int(delivered[1]), offset=int(delivered[2]))
        elif failed is not None:
            error = _names.get(failed[1].decode(), failed[1].decode())
            say("nack", id=number, index=index, error=error, message=failed[0].decode())
        elif finished.returncode == 0:
            say("ack", id=number, index=index, partition=-1, offset=-1)
        else:
            raise RuntimeError(finished.stderr.decode(errors="replace"))

    # ------------------------------------------------------------ consuming

    def _subscribe(self, command: Fields) -> None:
        settings = [
            f"partition.assignment.strategy={command.text('assignor')}",
            f"session.timeout.ms={command.number('session_timeout_ms')}",
            "heartbeat.interval.ms=300",
            f"enable.auto.commit={str(command.flag('auto_commit')).lower()}",
            "auto.commit.interval.ms=200",
            f"auto.offset.reset={command.optional_text('reset') or 'earliest'}",
            "topic.metadata.refresh.interval.ms=1000",
            "fetch.wait.max.ms=100",
        ]
        instance = command.optional_text("instance_id")
        if instance is not None:
            settings.append(f"group.instance.id={instance}")
        self._consume("-G", command.text("group"), "-u", "-f", _FORMAT, *command.texts("topics"), settings=settings)

    def _assign(self, command: Fields) -> None:
        (row,) = command.rows("partitions")
        start = {"earliest": "beginning", "latest": "end"}.get(row.text("start"))
        if row.text("start") == "timestamp":
            start = f"s@{row.number('at')}"
        settings = [
            f"isolation.level={command.optional_text('isolation') or 'read_uncommitted'}",
            "fetch.wait.max.ms=100",
        ]
        place = ["-t", row.text("topic"), "-p", str(row.number("partition")), "-o", start or str(row.number("at"))]
        self._consume("-C", *place, "-u", "-f", _FORMAT, settings=[*settings, "fetch.message.max.bytes=67108864"])

    def _consume(self, *arguments: str, settings: Sequence[str]) -> None:
        self._consumer = subprocess.Popen(
            self._command(*arguments, settings=settings), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert self._consumer.stdout is not None
        assert self._consumer.stderr is not None
        threading.Thread(target=_tell_records, args=(self._consumer.stdout,), daemon=True).start()
        threading.Thread(target=_tell_ownership, args=(self._consumer.stderr,), daemon=True).start()


_names: Final = {
    "Message size too large": "MESSAGE_TOO_LARGE",
    "Unknown topic or partition": "UNKNOWN_TOPIC_OR_PARTITION",
}


def _tell_records(output: IO[bytes]) -> None:
    for line in output:
        topic, partition, offset, timestamp, key_size, value_size = line.split()
        key = _exactly(output, int(key_size))
        value = _exactly(output, int(value_size))
        headers: list[tuple[str, bytes | None]] = []
        for pair in output.readline().rstrip(b"\n").split(b","):
            if pair:
                name, _, content = pair.partition(b"=")
                headers.append((name.decode(), None if content == b"NULL" else content))
        say_record(topic.decode(), int(partition), int(offset), int(timestamp), key, value, headers)


def _exactly(output: IO[bytes], size: int) -> bytes | None:
    return None if size < 0 else output.read(size)


def _tell_ownership(output: IO[bytes]) -> None:
    for line in output:
        change = _ASSIGNED.search(line)
        if change is None:
            if b"ERROR" in line:
                say("error", error="kcat", message=line.decode(errors="replace").rstrip())
            continue
        owned = [(topic.decode().lstrip(","), int(partition)) for topic, partition in _PARTITION.findall(change[2])]
        kind = change[1].decode()
        say_ownership(kind, owned if kind == "assigned" else [])


def main() -> None:
    """Obey commands until told to exit."""
    kcat = Kcat(sys.argv[1])
    for command in commands():
        if command.text("op") == "subscribe":
            answer(command, kcat.do)
        else:
            threading.Thread(target=answer, args=(command, kcat.do), daemon=True).start()


if __name__ == "__main__":
    main()
