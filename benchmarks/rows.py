"""The rows of the table: what is measured, in which unit, and what kafkalite must reach."""

import re
import subprocess
import sys
import time
from typing import Final

from benchmarks import programs
from benchmarks.ground import Ground
from benchmarks.processes import RunFailedError, cpu_seconds, peak_megabytes, settled_megabytes
from benchmarks.proxy_rows import PROXY_ROWS
from benchmarks.row import LARGE, SMALL, Measure, Row, Sample, cpu, quantiles, rate, throughput
from benchmarks.security_rows import SECURITY_ROWS

FLOW_PER_SECOND: Final = 500
TRANSACTION_OF_MANY: Final = 100
MESSAGES_OF_LARGE_TRANSACTION: Final = 1000
METADATA_REQUESTS: Final = 100
JOIN_SPREAD_MS: Final = 3000
"""librdkafka's heartbeat.interval.ms: a member learns of a rebalance with its next heartbeat."""


def _start(ground: Ground) -> Sample:
    """The target was set on a machine that imports trio in 0.12 s; so the time is compared with that here."""
    before = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import trio"], check=True)
    trio = time.perf_counter() - before
    seconds = ground.start_afresh()
    return {"seconds": seconds, "trio": trio, "ratio": seconds / trio}


def _memory(ground: Ground) -> Sample:
    """Half of the bytes goes in and out through one topic, the other half through a second."""
    ground.start_afresh()
    pid = ground.server.pid
    sample = {"idle": settled_megabytes(pid)}
    messages = ground.scale.through_bytes // 2 // LARGE
    for when in ("half", "full"):
        topic = ground.new_topic(6)
        ground.rdkafka("produce", topic, messages, LARGE)
        ground.rdkafka("consume", topic, 6, messages)
        sample[when] = settled_megabytes(pid)
    return {**sample, "growth": sample["full"] - sample["half"], "peak": peak_megabytes(pid)}


def _acknowledged(ground: Ground) -> Sample:
    warm_up = ground.scale.acknowledged // 10
    return ground.wire("ack", ground.new_topic(1), warm_up, ground.scale.acknowledged, SMALL)


def _flow(ground: Ground) -> Sample:
    warm_up = ground.scale.flowing // 5
    return ground.wire("flow", ground.new_topic(1), FLOW_PER_SECOND, warm_up, ground.scale.flowing, SMALL)


def _transactions_of_one(ground: Ground) -> Sample:
    made = ground.transact(ground.new_topic(1), ground.scale.transactions, 1, SMALL)
    return {"p50_ms": made["p50_ms"], "p99_ms": made["p99_ms"]}


def _transactions_of_many(ground: Ground) -> Sample:
    made = ground.transact(ground.new_topic(1), ground.scale.transactions, TRANSACTION_OF_MANY, SMALL)
    return {"rate": made["messages"] / made["seconds"] / 1e3}


def _produce_small(ground: Ground) -> Sample:
    return throughput(ground.rdkafka("produce", ground.new_topic(1), ground.scale.small_messages, SMALL))


def _produce_large(ground: Ground) -> Sample:
    return throughput(ground.rdkafka("produce", ground.new_topic(6), ground.scale.large_messages, LARGE))


def _consume(ground: Ground) -> Sample:
    messages = ground.scale.consumed_messages
    return throughput(ground.rdkafka("consume", ground.filled_topic(messages, SMALL), 1, messages))


def _isolation(ground: Ground) -> Sample:
    messages = ground.scale.consumed_messages // 2
    topic = ground.transactional_topic(messages, SMALL, per_transaction=MESSAGES_OF_LARGE_TRANSACTION)
    rates = {
        level: ground.rdkafka("consume", topic, 1, messages, level).thousands_per_second
        for level in ("read_uncommitted", "read_committed")
    }
    return {**rates, "ratio": rates["read_committed"] / rates["read_uncommitted"]}


def _metadata(ground: Ground) -> Sample:
    ground.fill_with_topics(ground.scale.topics, 10)
    times = sorted(ground.metadata(METADATA_REQUESTS))
    return {"p50_ms": times[len(times) // 2], "p99_ms": times[len(times) * 99 // 100]}


def _java(ground: Ground) -> Sample:
    topic, messages = ground.new_topic(1), ground.scale.java_messages
    words = ["--topic", topic, "--num-records", str(messages), "--record-size", str(SMALL), "--throughput", "-1"]
    command = [*programs.producer_performance(), "--bootstrap-server", ground.server.bootstrap, *words]
    before = cpu_seconds(ground.server.pid)
    printed = ground.client(command)
    spent = cpu_seconds(ground.server.pid) - before
    result = re.search(rf"^{messages} records sent, ([\d.]+) records/sec", printed, re.MULTILINE)
    if result is None:
        raise RunFailedError(f"ProducerPerformance did not send everything: {printed.strip()[-200:]}")
    return {"rate": float(result.group(1)) / 1e3, "cpu": spent / (messages / 1e6)}


def _join(ground: Ground) -> Sample:
    """Start the newcomer at moments spread evenly over the members' heartbeat interval, the same for every broker."""
    delay = round(JOIN_SPREAD_MS * (ground.run + 0.5) / ground.runs)
    topic = ground.new_topic(4)
    default = ground.rdkafka("join", topic, f"{topic}-default", delay, JOIN_SPREAD_MS)
    quick = ground.rdkafka("join", topic, f"{topic}-quick", delay, 100)
    return {"seconds": default.seconds, "quick": quick.seconds}


ROWS: Final[dict[str, Row]] = {
    row.name: row
    for row in (
        Row(
            name="start",
            title="start to first Metadata reply",
            measures=(
                Measure(key="seconds", label="", unit="s", digits=2),
                Measure(key="trio", label="Python importing trio", unit="s", digits=2, has_ratio=False),
                Measure(key="ratio", label="÷ importing trio", unit="", digits=2, must=1.67, has_ratio=False),
            ),
            measure=_start,
        ),
        Row(
            name="memory",
            title="resident memory",
            measures=(
                Measure(key="idle", label="idle", unit="MB", digits=0, must=40),
                Measure(key="full", label="after 2.5 GB in and out", unit="MB", digits=0, must=50),
                Measure(key="growth", label="growth in the second half", unit="MB", digits=0, must=2, has_ratio=False),
            ),
            measure=_memory,
            runs=3,
            warm_ups=0,
        ),
        Row(
            name="ack",
            title="acknowledged produce, one at a time",
            measures=quantiles(0.16, 0.5),
            measure=_acknowledged,
        ),
        Row(
            name="flow",
            title=f"produce to consume, {FLOW_PER_SECOND}/s",
            measures=quantiles(0.33, 1.0),
            measure=_flow,
            runs=3,
            # At 500 requests a second a JVM takes long to compile what it runs.
            warm_ups=2,
        ),
        Row(
            name="produce-small",
            title="librdkafka produce 100 B, 1 partition",
            measures=(rate(850), cpu(0.25)),
            measure=_produce_small,
        ),
        Row(
            name="produce-large",
            title="librdkafka produce 1 KiB, 6 partitions",
            measures=(rate(430), cpu(1.1)),
            measure=_produce_large,
            runs=3,
        ),
        Row(
            name="consume",
            title="librdkafka consume 100 B, 1 partition",
            measures=(rate(2200), cpu(0.2)),
            measure=_consume,
        ),
        Row(
            name="transaction",
            title="librdkafka, a transaction of one record",
            measures=(
                Measure(key="p50_ms", label="p50", unit="ms", digits=2),
                Measure(key="p99_ms", label="p99", unit="ms", digits=2),
            ),
            measure=_transactions_of_one,
            runs=3,
        ),
        Row(
            name="transactions",
            title=f"librdkafka, transactions of {TRANSACTION_OF_MANY} records of 100 B",
            measures=(rate(None),),
            measure=_transactions_of_many,
            runs=3,
        ),
        Row(
            name="isolation",
            title=f"librdkafka consume 100 B, transactions of {MESSAGES_OF_LARGE_TRANSACTION:,} records",
            measures=(
                Measure(key="read_uncommitted", label="read_uncommitted", unit="k/s", digits=0, more_is_better=True),
                Measure(key="read_committed", label="read_committed", unit="k/s", digits=0, more_is_better=True),
                Measure(
                    key="ratio",
                    label="committed ÷ uncommitted",
                    unit="",
                    digits=2,
                    must=1.0,
                    more_is_better=True,
                    has_ratio=False,
                ),
            ),
            measure=_isolation,
        ),
        Row(
            name="metadata",
            title="Metadata of 1,000 topics of 10 partitions",
            measures=quantiles(15.0, None),
            measure=_metadata,
            runs=3,
        ),
        Row(
            name="java",
            title="Java ProducerPerformance 100 B, 1 partition",
            measures=(rate(300), cpu(1.5)),
            measure=_java,
            runs=3,
        ),
        Row(
            name="join",
            title="a 4th member joins 3 (librdkafka), until stable",
            measures=(
                Measure(key="seconds", label="", unit="s", digits=2, must=0.5),
                Measure(key="quick", label="with heartbeat.interval.ms=100", unit="s", digits=2),
            ),
            measure=_join,
            warm_ups=0,
        ),
        *SECURITY_ROWS,
        *PROXY_ROWS,
    )
}
SECTIONS: Final = tuple(dict.fromkeys(row.section for row in ROWS.values()))
