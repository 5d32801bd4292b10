"""Ten thousand partitions: make them, use each once, and start over them, after a stop and after a kill."""

import os
import resource
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from benchmarks import programs
from benchmarks.brokers import Kind, Server
from benchmarks.processes import RunFailedError, cpu_seconds, is_running, resident_megabytes, run_client
from benchmarks.storage.bench import Bench, settle
from benchmarks.storage.lines import Line
from kafkalite_conformance.broker import serves_metadata

_TOPICS: Final = 10
_LIMIT_S: Final = 600
_RECORD: Final = 100
_MEASURES: Final = (
    # key, title, unit, digits, target in words, target
    ("create", "{n} partitions: create {t} topics", "s", 2, "", None),
    ("use", "{n} partitions: first record to each", "s", 2, "", None),
    ("use-cpu", "{n} partitions: first record to each, broker CPU", "s", 2, "", None),
    ("files", "{n} partitions: open files after that", "files", 0, "below the process's limit of {limit}", "limit"),
    ("used", "{n} partitions: resident after that", "MB", 0, "under 300 MB", 300.0),
    ("stop", "{n} partitions: clean stop", "s", 2, "", None),
    ("start", "{n} partitions: start to first Metadata reply", "s", 2, "under 3 s", 3.0),
    ("resident", "{n} partitions: resident after the start", "MB", 0, "under 300 MB", 300.0),
    ("start-killed", "{n} partitions: start after a kill", "s", 2, "under 3 s", 3.0),
    ("reuse", "{n} partitions: next record to each, after the kill", "s", 2, "", None),
    ("resident-killed", "{n} partitions: resident after that", "MB", 0, "under 300 MB", 300.0),
    ("files-killed", "{n} partitions: open files after that", "files", 0, "below {limit}", "limit"),
)

_MOST_ON_KAFKA: Final = 1_000
"""Kafka takes some 20 s to make and use so many here, and minutes for ten times as many."""


def partitions(bench: Bench) -> list[Line]:
    """Measure every broker once; a file system without a journal makes files slowly after many were removed."""
    each = bench.count(10_000, 1_000) // _TOPICS
    number = each * _TOPICS
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    bare = _bare(bench, number)
    found: dict[str, dict[str, float]] = {}
    for kind in bench.brokers:
        if kind.name == "kafka" and number > _MOST_ON_KAFKA:
            continue
        found[kind.name] = {}
        try:
            _measure(bench, kind, each, found[kind.name])
        except RunFailedError as problem:
            bench.gaps.append(f"{number:,} partitions on {kind.title}: {problem}")
    ours, kafka = found.get("kafkalite", {}), found.get("kafka", {})
    lines = [
        Line(
            title=f"{number:,} partitions: create and first record to each",
            unit="s",
            ours=ours["create"] + ours["use"] if "use" in ours else None,
            peer=bare,
            peer_name="make the files, in C",
        )
    ]
    for key, title, unit, digits, words, bound in _MEASURES:
        most = float(limit) if bound == "limit" else bound
        value = ours.get(key)
        lines.append(
            Line(
                title=title.format(n=f"{number:,}", t=_TOPICS),
                unit=unit,
                ours=value,
                peer=kafka.get(key),
                peer_name="Kafka" if key in kafka else "",
                digits=digits,
                target=words.format(limit=f"{limit:,}"),
                met=value < most if isinstance(most, float) and value is not None else None,
            )
        )
    return lines


def _bare(bench: Bench, number: int) -> float:
    folder = bench.folder / "bare-partitions"
    folder.mkdir()
    return bench.bare("files", folder, number)["seconds"]


def _measure(bench: Bench, kind: Kind, each: int, sample: dict[str, float]) -> None:
    """Fill in the sample, as far as the broker gets."""
    folder = bench.folder / f"partitions-{kind.name}"
    topics = [f"many-{number}" for number in range(_TOPICS)]

    def note(key: str, value: float) -> None:
        sample[key] = value
        bench.say(f"{each * _TOPICS} partitions on {kind.name}: {key} {value:.2f}")

    server, _ = started(kind, folder)
    try:
        note("create", _seconds_to_create(server, topics, each))
        before = cpu_seconds(server.pid)
        note("use", _write_to_each(server, topics, each))
        note("use-cpu", cpu_seconds(server.pid) - before)
        note("files", open_files(server))
        note("used", resident_megabytes(server.pid))
        start = time.perf_counter()
        status = server.stop()
        if status == -signal.SIGKILL:
            bench.gaps.append(f"the clean stop of {kind.title}: it did not end in time and was killed")
        else:
            note("stop", time.perf_counter() - start)
        settle()
        server, seconds = started(kind, folder)
        note("start", seconds)
        note("resident", resident_megabytes(server.pid))
        _write_to_each(server, topics, each)
        server.kill()
        server, seconds = started(kind, folder)
        note("start-killed", seconds)
        note("reuse", _write_to_each(server, topics, each))
        note("resident-killed", resident_megabytes(server.pid))
        note("files-killed", open_files(server))
    finally:
        server.kill()


def started(kind: Kind, folder: Path) -> tuple[Server, float]:
    """Start a broker; return it with the seconds to its first Metadata reply."""
    start = time.perf_counter()
    server = kind.spawn(folder)
    while not serves_metadata(server.bootstrap):
        if time.perf_counter() - start > _LIMIT_S or not is_running(server.pid):
            server.kill()
            raise RunFailedError("no Metadata reply")
        time.sleep(0.002)
    return server, time.perf_counter() - start


def open_files(server: Server) -> int:
    """Count the descriptors of a broker."""
    return len(os.listdir(f"/proc/{server.pid}/fd"))  # noqa: PTH208  # names are enough


def _seconds_to_create(server: Server, topics: Sequence[str], each: int) -> float:
    admin = AdminClient({"bootstrap.servers": server.bootstrap, "log_level": "0", "socket.timeout.ms": "300000"})
    start = time.perf_counter()
    for name in topics:  # one a request: Kafka refuses 10,000 partitions at once
        made = admin.create_topics([NewTopic(name, each, 1)], request_timeout=_LIMIT_S, operation_timeout=_LIMIT_S)
        made[name].result(_LIMIT_S)
    return time.perf_counter() - start


def _write_to_each(server: Server, topics: Sequence[str], each: int) -> float:
    host, _, port = server.bootstrap.rpartition(":")
    start = time.perf_counter()
    for topic in topics:
        words = ["each", host, port, topic, str(each), str(_RECORD)]
        run_client([str(programs.wire_commits()), *words], timeout=_LIMIT_S)
    return time.perf_counter() - start
