"""How long snapshots take: `python -m benchmarks.snapshots`.

Fills a broker, in memory and on a disk, and then again and again takes a snapshot, produces a little, goes back, and
forks. What a snapshot spares a test is measured in the same run: to start a broker of its own and to fill that.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from benchmarks.machine import this_machine
from kafkalite.testing import Handle, run

_VALUE: Final = bytes(range(250)) * 4
_A_BATCH: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """What is in the broker: ``records`` of 1,000 bytes in each partition."""

    name: str
    topics: int
    partitions: int
    records: int

    def fill(self, broker: Handle) -> None:
        """Put it there."""
        for topic in range(self.topics):
            broker.topics.create(f"topic-{topic}", self.partitions)
            for partition in range(self.partitions):
                for _ in range(max(1, self.records // _A_BATCH)):
                    values = [_VALUE] * min(self.records, _A_BATCH)
                    broker.produce(f"topic-{topic}", *values, partition=partition)


FILLINGS: Final = (
    Filling(name="30 records in 3 partitions", topics=1, partitions=3, records=10),
    Filling(name="100 MB in 4 partitions", topics=1, partitions=4, records=25_000),
    Filling(name="1,000 partitions, a record in each", topics=10, partitions=100, records=1),
)


def measure(filling: Filling, data: Path | None, rounds: int) -> dict[str, list[float]]:
    """Return the milliseconds of each step in each round."""
    times: dict[str, list[float]] = {}

    def timed(name: str, action: Callable[[], object]) -> None:
        started = time.perf_counter()
        action()
        times.setdefault(name, []).append((time.perf_counter() - started) * 1000)

    started = time.perf_counter()
    with run(data=data) as broker:
        filling.fill(broker)
        times["start and fill"] = [(time.perf_counter() - started) * 1000]
        timed("first take", broker.snapshots.take)
        for _ in range(rounds):
            snapshots = [broker.snapshots.take()]  # what was produced in the round before is in this one, unmeasured
            timed("take", lambda made=snapshots: made.append(broker.snapshots.take()))
            broker.produce("topic-0", *[_VALUE] * 10, partition=0)
            timed("restore", lambda made=snapshots: broker.snapshots.restore(made[1]))
            fork: AbstractContextManager[Handle] = snapshots[1].fork()
            timed("fork", fork.__enter__)
            fork.__exit__(None, None, None)
            for snapshot in snapshots:
                snapshot.discard()
    return times


@click.command()
@click.option("--rounds", default=20, show_default=True, help="How often each step is measured.")
@click.option("--scratch", type=click.Path(path_type=Path), help="Folder on the disk to measure.  [default: temporary]")
def main(*, rounds: int, scratch: Path | None) -> None:
    """Print a table of medians and the slowest, in milliseconds."""
    with tempfile.TemporaryDirectory(prefix="kafkalite-snapshots-", dir=scratch) as name:
        folder = Path(name)
        print(this_machine(folder).described())
        print()
        print("| kept | in | start and fill ms | first take ms | take ms | restore ms | fork ms |")
        print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
        for number, filling in enumerate(FILLINGS):
            for place in ("memory", "disk"):
                times = measure(filling, folder / f"{number}" if place == "disk" else None, rounds)
                cells = [f"{times['start and fill'][0]:.0f}", f"{times['first take'][0]:.1f}"]
                cells += [f"{statistics.median(times[step]):.1f} ({max(times[step]):.1f})" for step in _STEPS]
                print(f"| {filling.name} | {place} | {' | '.join(cells)} |", flush=True)


_STEPS: Final = ("take", "restore", "fork")

if __name__ == "__main__":
    main()
