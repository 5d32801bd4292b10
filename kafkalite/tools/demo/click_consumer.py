"""A process that is a member of the group `billing`: it bills each click that it reads, and commits at intervals."""

import time
from collections.abc import Collection, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import click

from kafkalite.tools.demo import clients
from kafkalite.tools.demo.ledger import Charge, LedgerWriter
from kafkalite.tools.demo.reports import STOP, Commands, report

_PREFIX: Final = len(b'{"click":')
_CHUNK: Final = 500
_COMMIT_TIMEOUT_MS: Final = 30_000
_POLL_MS: Final = 1000
"""Records end a poll at once. A shorter one may end within a rebalance, and there kafka-python 3.0 can stall."""


class Biller:
    """One consumer, and what it has billed but not committed yet."""

    def __init__(self, consumer: Any, topic: str, ledger: LedgerWriter) -> None:
        self._consumer = consumer
        self._ledger = ledger
        self._uncommitted: dict[clients.Partition, int] = {}
        self._fresh: set[int] = set()
        self._generation = -1
        consumer.subscribe([topic], listener=clients.rebalance_listener(self._assigned, self._revoked))

    def bill_some(self) -> int:
        """Read and bill the next clicks, and return their number."""
        polled = self._consumer.poll(timeout_ms=_POLL_MS, max_records=_CHUNK)
        self._tell_membership()
        for partition, records in polled.items():
            self._bill(partition, records)
        return sum(map(len, polled.values()))

    def commit(self) -> None:
        """Commit what has been billed since the last time."""
        if not self._uncommitted:
            return
        offsets = dict(self._uncommitted)
        asked_at = time.monotonic()
        try:
            self._consumer.commit(clients.commits(offsets), timeout_ms=_COMMIT_TIMEOUT_MS)
        except clients.KafkaError as error:
            # Normal during a rebalance: the next commit, or the next owner, covers it.
            report("commit_refused", reason=repr(error))
            return
        self._uncommitted.clear()
        report("committed", asked_at=asked_at, offsets={key.partition: offset for key, offset in offsets.items()})

    def leave(self) -> None:
        """Commit and leave the group."""
        self.commit()
        self._consumer.close(autocommit=False)
        report("left")

    def _bill(self, partition: clients.Partition, records: Sequence[Any]) -> None:
        number, now = partition.partition, time.monotonic()
        if number in self._fresh:
            self._fresh.discard(number)
            report("began", partition=number, offset=records[0].offset)
        self._ledger.bill(
            Charge(number, record.offset, int(record.value[_PREFIX : record.value.index(b",")]), now)
            for record in records
        )
        self._uncommitted[partition] = records[-1].offset + 1
        report("billed", partition=number, count=len(records), next=records[-1].offset + 1)

    def _assigned(self, partitions: Collection[clients.Partition]) -> None:
        self._fresh.update(clients.numbers(partitions))
        report("assigned", partitions=clients.numbers(partitions))

    def _revoked(self, partitions: Collection[clients.Partition]) -> None:
        handed_over = {key: offset for key, offset in self._uncommitted.items() if key in partitions}
        if handed_over:
            self._consumer.commit_async(clients.commits(handed_over))
        for key in partitions:
            self._uncommitted.pop(key, None)
        report("revoked", partitions=clients.numbers(partitions))

    def _tell_membership(self) -> None:
        generation = self._consumer.group_metadata().generation_id
        if generation != self._generation:
            self._generation = generation
            report("member", generation=generation, owned=clients.numbers(self._consumer.assignment()))


def _assignor() -> Any:
    module = import_module("kafka.coordinator.assignors.cooperative_sticky")
    return module.CooperativeStickyAssignor


@click.command()
@click.option("--bootstrap", required=True)
@click.option("--topic", required=True)
@click.option("--group", required=True)
@click.option("--name", required=True)
@click.option("--ledger", type=click.Path(path_type=Path), required=True)
@click.option("--rate", type=int, required=True)
@click.option("--commit-every", type=float, required=True)
@click.option("--session-timeout", type=float, required=True)
@click.option("--heartbeat", type=float, required=True)
def main(
    *,
    bootstrap: str,
    topic: str,
    group: str,
    name: str,
    ledger: Path,
    rate: int,
    commit_every: float,
    session_timeout: float,
    heartbeat: float,
) -> None:
    """Bill clicks, at most `rate` a second."""
    commands = Commands()
    consumer = clients.kafka.KafkaConsumer(
        bootstrap_servers=bootstrap,
        client_id=name,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        partition_assignment_strategy=(_assignor(),),
        session_timeout_ms=round(session_timeout * 1000),
        heartbeat_interval_ms=round(heartbeat * 1000),
        # A fetch for each small batch would cost more than the billing.
        fetch_min_bytes=32 * 1024,
        fetch_max_wait_ms=50,
    )
    biller = Biller(consumer, topic, LedgerWriter(ledger))
    next_commit = next_read = time.monotonic()
    while STOP not in commands.received():
        count = biller.bill_some()
        now = time.monotonic()
        next_read = max(next_read, now) + count / rate
        if now >= next_commit:
            biller.commit()
            next_commit = now + commit_every
        time.sleep(max(0.0, next_read - time.monotonic()))
    biller.leave()


if __name__ == "__main__":
    main()
