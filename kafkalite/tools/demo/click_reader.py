"""A process that is a group of its own: it reads every click from the beginning, and can rewind and replay."""

import hashlib
import json
import time
from collections.abc import Collection
from typing import Any, Final

import click

from kafkalite.tools.demo import clients
from kafkalite.tools.demo.reports import STOP, Commands, report

_CHUNK: Final = 2000
_REPORT_EVERY: Final = 0.25
_COMMIT_TIMEOUT_MS: Final = 30_000
_POLL_MS: Final = 1000
"""Records end a poll at once. A shorter one may end within a rebalance, and there kafka-python 3.0 can stall."""


class Reading:
    """One pass over the topic: first and next offsets, and a digest of each partition."""

    def __init__(self) -> None:
        self.clicks = 0
        self.first: dict[int, int] = {}
        self.next: dict[int, int] = {}
        self._digests: dict[int, Any] = {}

    def add(self, partition: int, records: Collection[Any]) -> None:
        """Add the next records of a partition."""
        digest = self._digests.setdefault(partition, hashlib.sha256())
        for record in records:
            self.first.setdefault(partition, record.offset)
            self.next[partition] = record.offset + 1
            digest.update(b"%d %d %d " % (record.offset, len(record.key), len(record.value)))
            digest.update(record.key)
            digest.update(record.value)
        self.clicks += len(records)

    def has_reached(self, ends: dict[int, int]) -> bool:
        """Return whether every partition was read up to its end."""
        return all(self.next.get(partition, 0) >= end for partition, end in ends.items())

    def tell(self) -> None:
        """Report the whole pass."""
        digests = {partition: digest.hexdigest() for partition, digest in self._digests.items()}
        report("read", clicks=self.clicks, first=self.first, next=self.next, digests=digests)


@click.command()
@click.option("--bootstrap", required=True)
@click.option("--topic", required=True)
@click.option("--group", required=True)
def main(*, bootstrap: str, topic: str, group: str) -> None:
    """Read everything; the command `ends {…}` tells how far, `rewind` starts another pass, `stop` ends."""
    commands = Commands()
    consumer = clients.kafka.KafkaConsumer(
        bootstrap_servers=bootstrap,
        client_id=group,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=256 * 1024,
    )

    consumer.subscribe([topic])
    reading, told, ends = Reading(), False, dict[int, int]()
    reported = time.monotonic()
    while True:
        for command in commands.received():
            if command == STOP:
                consumer.close(autocommit=False)
                report("left")
                return
            if command == "rewind":
                for partition in consumer.assignment():
                    consumer.seek(partition, 0)
                reading, told = Reading(), False
                report("rewound")
            elif command.startswith("ends "):
                ends = {int(key): end for key, end in json.loads(command.removeprefix("ends ")).items()}
        for partition, records in consumer.poll(timeout_ms=_POLL_MS, max_records=_CHUNK).items():
            reading.add(partition.partition, records)
        if ends and not told and reading.has_reached(ends):
            told = True
            read = {
                each: reading.next[each.partition] for each in consumer.assignment() if each.partition in reading.next
            }
            consumer.commit(clients.commits(read), timeout_ms=_COMMIT_TIMEOUT_MS)
            reading.tell()
        if time.monotonic() - reported > _REPORT_EVERY:
            reported = time.monotonic()
            report("reading", clicks=reading.clicks)


if __name__ == "__main__":
    main()
