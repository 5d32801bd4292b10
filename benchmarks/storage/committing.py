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
        target = f"at least {_TIMES} times one fsync a record" if judged else ""
        met = ours >= _TIMES * peer if judged and ours and peer else None
        lines += [
            _line(title, ours, peer, "`write` and `fdatasync` a record, in C", target, met),
            _line(title, ours, rates.get("kafka"), "Kafka"),
        ]
    kafkalite = next((kind for kind in bench.brokers if kind.name == "kafkalite"), None)
    if kafkalite is not None:
        ceiling = median(_rates(bench, kafkalite, 1, seconds, flushes=False))
        title = (
            f"the same without `flush.messages`: all that the processor allows, {_CONNECTIONS} producers, 1 partition"
        )
        lines.append(_line(title, ceiling, peer, "`write` and `fdatasync` a record, in C"))
    return lines


def _line(
    title: str, ours: float | None, peer: float | None, peer_name: str, target: str = "", met: bool | None = None
) -> Line:
    return Line(
        title=title,
        unit="commits/s",
        ours=ours,
        peer=peer,
        peer_name=peer_name,
        digits=0,
        target=target,
        met=met,
        more_is_better=True,
    )


def _rates(bench: Bench, kind: Kind, partitions: int, seconds: int, *, flushes: bool = True) -> list[float]:
    rates: list[float] = []
    server, _ = started(kind, bench.folder / f"commits-{kind.name}-{partitions}-{flushes}")
    try:
        admin = AdminClient({"bootstrap.servers": server.bootstrap, "log_level": "0"})
        topic = NewTopic("synced", partitions, 1, config={"flush.messages": "1"} if flushes else {})
        admin.create_topics([topic])["synced"].result(60)
        host, _, port = server.bootstrap.rpartition(":")
        words = ["many", host, port, "synced", _CONNECTIONS, partitions, seconds, _RECORD]
        for run in range(-1, bench.runs):  # the first is not counted, because the JVM is still compiling
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
