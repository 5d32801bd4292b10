"""The meters of quotas, beside Kafka's own."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest

from kafkalite.quotas.rates import Meter, Rate, TokenBucket, Window

GOLDEN = Path(__file__).parent / "golden" / "kafka-4.4.0-meters.tsv"
METERS: dict[str, type[Rate] | type[TokenBucket]] = {"rate": Rate, "bucket": TokenBucket}


def runs() -> Iterator[tuple[str, list[list[str]]]]:
    rows = (line.split("\t") for line in GOLDEN.read_text().splitlines())
    for (kind, run), lines in groupby(rows, key=lambda row: (row[0], row[1])):
        yield f"{kind} {run}", list(lines)


@pytest.mark.parametrize(("name", "rows"), tuple(runs()), ids=lambda value: value if isinstance(value, str) else "")
def test_throttle_times_are_kafkas(name: str, rows: list[list[str]]) -> None:
    meter: Meter = METERS[name.split()[0]](Window())
    throttled: list[int] = []
    for _, _, bound, now_ms, value, _ in rows:
        meter.record(float(value), float(bound), int(now_ms))
        throttled.append(meter.throttle_ms(float(bound), int(now_ms)))
    assert throttled == [int(row[-1]) for row in rows]


@pytest.mark.parametrize("kind", METERS.values())
def test_a_meter_is_idle_once_nothing_of_its_use_is_left(kind: type[Rate] | type[TokenBucket]) -> None:
    meter: Meter = kind(Window(samples=3))
    assert meter.is_idle(0)
    meter.record(6, 2, 0)
    assert not meter.is_idle(2999)
    assert meter.is_idle(3000)


def test_a_clients_use_counts_for_the_whole_window() -> None:
    rate = Rate(Window())
    rate.record(1000, 100, 0)
    assert rate.measure(0) == 100
    assert rate.throttle_ms(100, 0) == 0
    rate.record(1, 100, 0)
    assert rate.throttle_ms(100, 0) == 10
