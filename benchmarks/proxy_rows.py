"""Rows about `kafkalite proxy`: the same load through it and directly, in turn. The broker is the cluster behind it."""

from collections.abc import Callable
from typing import Final

from benchmarks.brokers import Server
from benchmarks.ground import Ground, Load
from benchmarks.processes import settled_megabytes
from benchmarks.row import LARGE, Measure, Row, Sample

_PER_SECOND: Final = 50_000
_PARTITIONS: Final = 6
_BOTH: Final = frozenset({"kafka", "kafkalite"})


def _in_turn(
    ground: Ground, measure: Callable[[Server], dict[str, float]]
) -> tuple[dict[str, float], dict[str, float]]:
    """Measure directly and through the proxy; the first is the other one in the next run."""
    if ground.run % 2 == 0:
        direct = measure(ground.server)
        return direct, measure(ground.proxy)
    proxied = measure(ground.proxy)
    return measure(ground.server), proxied


def _at_a_rate(ground: Ground) -> Sample:
    messages = ground.scale.large_messages // 3  # ten seconds of a full run

    def measure(server: Server) -> dict[str, float]:
        topic = ground.new_topic(_PARTITIONS)
        return ground.paced(topic, _PARTITIONS, _PER_SECOND, messages, LARGE, bootstrap=server.bootstrap)

    direct, proxied = _in_turn(ground, measure)
    sample = {f"{name}_direct": direct[name] for name in ("ack_p50_ms", "flow_p50_ms")}
    names = ("ack_p50_ms", "ack_p99_ms", "flow_p50_ms", "flow_p99_ms")
    return sample | {name: proxied[name] - direct[name] for name in names}


def _saturated(ground: Ground) -> Sample:
    messages = ground.scale.large_messages // 2

    def measure(server: Server) -> dict[str, float]:
        topic = ground.new_topic(_PARTITIONS)
        bootstrap = server.bootstrap
        loads: dict[str, Load] = {
            "produce": ground.rdkafka("produce", topic, messages, LARGE, bootstrap=bootstrap, of=server),
            "consume": ground.rdkafka("consume", topic, _PARTITIONS, messages, bootstrap=bootstrap, of=server),
        }
        rates = {name: load.thousands_per_second for name, load in loads.items()}
        return rates | {f"{name}_cpu": load.cpu_per_million for name, load in loads.items()}

    direct, proxied = _in_turn(ground, measure)
    return {
        "produce": proxied["produce"],
        "produce_ratio": proxied["produce"] / direct["produce"],
        "produce_cpu": proxied["produce_cpu"],
        "consume": proxied["consume"],
        "consume_ratio": proxied["consume"] / direct["consume"],
        "consume_cpu": proxied["consume_cpu"],
    }


def _memory(ground: Ground) -> Sample:
    """Half of the bytes goes in and out through one topic, the other half through a second."""
    ground.start_afresh()
    proxy = ground.proxy
    messages = ground.scale.through_bytes // 4 // LARGE
    sample = {"idle": settled_megabytes(proxy.pid)}
    for when in ("half", "full"):
        topic = ground.new_topic(_PARTITIONS)
        ground.rdkafka("produce", topic, messages, LARGE, bootstrap=proxy.bootstrap)
        ground.rdkafka("consume", topic, _PARTITIONS, messages, bootstrap=proxy.bootstrap)
        sample[when] = settled_megabytes(proxy.pid)
    return {**sample, "growth": sample["full"] - sample["half"]}


def _added(key: str, label: str, must: float) -> Measure:
    return Measure(key=key, label=label, unit="ms", digits=2, must=must, has_ratio=False)


def _ms(key: str, label: str) -> Measure:
    return Measure(key=key, label=label, unit="ms", digits=2, has_ratio=False)


def _share(key: str, label: str) -> Measure:
    return Measure(key=key, label=label, unit="", digits=2, must=0.7, more_is_better=True, has_ratio=False)


def _through(key: str, label: str, unit: str, digits: int, *, more_is_better: bool) -> Measure:
    return Measure(key=key, label=label, unit=unit, digits=digits, more_is_better=more_is_better, has_ratio=False)


PROXY_ROWS: Final = (
    Row(
        name="proxy-latency",
        title=f"proxy, {_PER_SECOND:,} records of 1 KiB a second",
        measures=(
            _ms("ack_p50_ms_direct", "produce without it, p50"),
            _added("ack_p50_ms", "added to produce, p50", 0.3),
            _added("ack_p99_ms", "added to produce, p99", 1.0),
            _ms("flow_p50_ms_direct", "produce to consume without it, p50"),
            _added("flow_p50_ms", "added to produce to consume, p50", 0.3),
            _added("flow_p99_ms", "added to produce to consume, p99", 1.0),
        ),
        measure=_at_a_rate,
        runs=2,
        section="proxy",
        brokers=_BOTH,
    ),
    Row(
        name="proxy-throughput",
        title="proxy, librdkafka at full speed, 1 KiB",
        measures=(
            _through("produce", "produce through it", "k/s", 0, more_is_better=True),
            _share("produce_ratio", "produce ÷ direct"),
            _through("produce_cpu", "its CPU, produce", "s per million", 2, more_is_better=False),
            _through("consume", "consume through it", "k/s", 0, more_is_better=True),
            _share("consume_ratio", "consume ÷ direct"),
            _through("consume_cpu", "its CPU, consume", "s per million", 2, more_is_better=False),
        ),
        measure=_saturated,
        runs=4,
        section="proxy",
        brokers=_BOTH,
    ),
    Row(
        name="proxy-memory",
        title="proxy, resident memory",
        measures=(
            Measure(key="idle", label="idle", unit="MB", digits=0, has_ratio=False),
            Measure(key="full", label="after 1.2 GB in and out", unit="MB", digits=0, has_ratio=False),
            Measure(key="growth", label="growth in the second half", unit="MB", digits=0, must=2, has_ratio=False),
        ),
        measure=_memory,
        runs=2,
        warm_ups=0,
        section="proxy",
        brokers=frozenset({"kafkalite"}),
    ),
)
