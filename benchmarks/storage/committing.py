"""`flush.messages=1`: how many produce requests a second are on disk, beside one `fdatasync` for each record."""

import json
from typing import Final

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from benchmarks import programs
from benchmarks.brokers import Kind
from benchmarks.processes import RunFailedError, cpu_seconds, run_client
from benchmarks.storage.bench import Bench, settle
from benchmarks.storage.lines import Line, median
from benchmarks.storage.partitions import started

_CONNECTIONS: Final = 64
_RECORD: Final = 100
_BATCH: Final = 172
"""Bytes of a batch that holds one such record."""
_TIMES: Final = 20


def commit(bench: Bench) -> list[Line]:
    """Measure 64 connections that write to one partition, and to a partition each."""
    seconds = bench.count(10, 2)
    bare: list[float] = []
    for _ in range(bench.runs):
        printed = bench.bare("sync", bench.folder / "synced", seconds, _BATCH)
        bare.append(printed["messages"] / printed["seconds"])
        bench.say(f"bare write and fdatasync: {bare[-1]:,.0f} a second")
    peer = median(bare)
    lines: list[Line] = []
    for partitions in (1, _CONNECTIONS):
        rates: dict[str, float | None] = {}
        for kind in bench.brokers:
            try:
                rates[kind.name] = median(_rates(bench, kind, partitions, seconds))
            except RunFailedError as problem:
                bench.gaps.append(f"commits on {kind.title}: {problem}")
        ours = rates.get("kafkalite")
        title = f"`flush.messages=1`, {_CONNECTIONS} producers, {partitions} partition{'s' * (partitions > 1)}"
        judged = partitions == 1
        lines.append(
            Line(
                title=title,
                unit="commits/s",
                ours=ours,
                peer=peer,
                peer_name="`write` and `fdatasync` a record, in C",
                digits=0,
                target=f"at least {_TIMES} times one fsync a record" if judged else "",
                met=ours >= _TIMES * peer if judged and ours and peer else None,
                more_is_better=True,
            )
        )
        kafka = rates.get("kafka")
        lines.append(
            Line(title=title, unit="commits/s", ours=ours, peer=kafka, peer_name="Kafka", digits=0, more_is_better=True)
        )
    return lines


def _rates(bench: Bench, kind: Kind, partitions: int, seconds: int) -> list[float]:
    rates: list[float] = []
    server, _ = started(kind, bench.folder / f"commits-{kind.name}-{partitions}")
    try:
        admin = AdminClient({"bootstrap.servers": server.bootstrap, "log_level": "0"})
        topic = NewTopic("synced", partitions, 1, config={"flush.messages": "1"})
        admin.create_topics([topic])["synced"].result(60)
        host, _, port = server.bootstrap.rpartition(":")
        words = ["many", host, port, "synced", _CONNECTIONS, partitions, seconds, _RECORD]
        for run in range(-1, bench.runs):  # the first is not counted: a JVM compiles meanwhile
            before = cpu_seconds(server.pid)
            printed = json.loads(run_client([str(programs.wire_commits()), *map(str, words)], timeout=120))
            spent = cpu_seconds(server.pid) - before
            rate = printed["messages"] / printed["seconds"]
            bench.say(f"{kind.name}, {partitions} partitions: {rate:,.0f} commits/s, CPU {spent / (seconds + 1):.2f}")
            if run >= 0:
                rates.append(rate)
    finally:
        server.kill()
        settle()
    return rates
