"""Two gigabytes in, and out again cold and hot, on kafkalite and on Kafka over the same disk."""

from typing import Final

from benchmarks import programs
from benchmarks.brokers import Kind
from benchmarks.ground import FULL, standing_ground
from benchmarks.processes import RunFailedError
from benchmarks.storage.bench import Bench, drop_from_cache, settle
from benchmarks.storage.lines import Line, median

_SIZE: Final = 1024
_PARTITIONS: Final = 6
_KEYS: Final = ("produce", "cold", "hot")
_TITLES: Final = {
    "produce": "librdkafka produce 2 GB of 1 KiB",
    "cold": "librdkafka consume 2 GB, page cache dropped",
    "hot": "librdkafka consume 2 GB, in the page cache",
}


def stream(bench: Bench) -> list[Line]:
    """Measure each broker over an empty folder; the first run of each warms it and is not counted."""
    found: dict[str, dict[str, tuple[float | None, float | None]]] = {}
    for kind in bench.brokers:
        try:
            found[kind.name] = _measured(bench, kind)
        except (RunFailedError, programs.MissingToolError) as problem:
            bench.gaps.append(f"2 GB on {kind.title}: {problem}")
    lines: list[Line] = []
    nothing = (None, None)
    for key in _KEYS:
        ours, kafka = (found.get(name, {}).get(key, nothing) for name in ("kafkalite", "kafka"))
        for which, (unit, target) in enumerate((("GB/s", "no slower than Kafka"), ("broker CPU-s per GB", ""))):
            mine, theirs = ours[which], kafka[which]
            lines.append(
                Line(
                    title=_TITLES[key],
                    unit=unit,
                    ours=mine,
                    peer=theirs,
                    peer_name="Kafka" if theirs is not None else "",
                    target=target,
                    met=mine >= theirs if target and mine is not None and theirs is not None else None,
                    more_is_better=not which,
                )
            )
    return lines


def _measured(bench: Bench, kind: Kind) -> dict[str, tuple[float | None, float | None]]:
    messages = bench.count(2_000_000_000, 100_000_000) // _SIZE
    gigabytes = messages * _SIZE / 1e9
    rates: dict[str, list[float]] = {key: [] for key in _KEYS}
    costs: dict[str, list[float]] = {key: [] for key in _KEYS}
    with standing_ground(kind, bench.folder, FULL) as ground:
        for run in range(-1, bench.runs):
            topic = ground.new_topic(_PARTITIONS)
            for key in _KEYS:
                if key == "cold":
                    drop_from_cache(ground.data_dir)
                load = (
                    ground.rdkafka("produce", topic, messages, _SIZE)
                    if key == "produce"
                    else ground.rdkafka("consume", topic, _PARTITIONS, messages)
                )
                settle()
                cost = load.broker_cpu_s / gigabytes
                bench.say(f"{kind.name} {key}: {gigabytes / load.seconds:.2f} GB/s, {cost:.2f} CPU-s/GB")
                if run >= 0:
                    rates[key].append(gigabytes / load.seconds)
                    costs[key].append(cost)
    return {key: (median(rates[key]), median(costs[key])) for key in _KEYS}
