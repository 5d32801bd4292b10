"""What the fifty tests share: a broker's address, names of their own, and clients that are closed in the end.

`--stand-in` is an address, or `kafkalite-session` or `kafkalite-test` for a broker in this process. `--times` is a file
that takes what became of each test, a line of JSON at a time.
"""

from __future__ import annotations

import json
import re
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Message, Producer
from confluent_kafka.admin import AdminClient, NewTopic

PATIENCE = 10.0
"""Seconds that a test waits for anything before it has failed."""

_times = pytest.StashKey[dict[str, dict[str, Any]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--stand-in", default="kafkalite-test")
    parser.addoption("--times", type=Path)


@pytest.fixture
def bootstrap(request: pytest.FixtureRequest) -> str:
    match request.config.getoption("--stand-in"):
        case "kafkalite-test":
            return request.getfixturevalue("kafka_bootstrap")
        case "kafkalite-session":
            return request.getfixturevalue("kafkalite_server").bootstrap
        case address:
            return address


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """Return a unique name for a topic, group or transaction."""
    return f"{re.sub(r'[^a-z0-9]+', '-', request.node.name)[:80]}-{time.time_ns() // 1000}"


@pytest.fixture
def admin(bootstrap: str) -> AdminClient:
    return AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})


@pytest.fixture
def make_topic(admin: AdminClient) -> Callable[..., str]:
    def make(topic: str, partitions: int = 1, **config: str) -> str:
        new = NewTopic(topic, partitions, 1, config={key.replace("_", "."): value for key, value in config.items()})
        admin.create_topics([new])[topic].result(PATIENCE)
        return topic

    return make


@pytest.fixture
def make_producer(bootstrap: str) -> Callable[..., Producer]:
    return lambda **settings: Producer(configured(bootstrap, settings))


@pytest.fixture
def produce(make_producer: Callable[..., Producer]) -> Callable[..., list[Message]]:
    """Produce values to partition 0 and give the messages as they were delivered."""

    def produce(
        topic: str, *values: bytes | str | None, settings: dict[str, Any] | None = None, **more: Any
    ) -> list[Message]:
        producer, delivered = make_producer(**settings or {}), []

        def note(error: Any, message: Message) -> None:
            assert error is None, error
            delivered.append(message)

        for value in values:
            producer.produce(topic, value, on_delivery=note, **{"partition": 0, **more})
        assert producer.flush(PATIENCE) == 0
        assert len(delivered) == len(values)
        return delivered

    return produce


@pytest.fixture
def make_consumer(bootstrap: str) -> Iterator[Callable[..., Consumer]]:
    made: list[Consumer] = []

    def make(group: str, **settings: Any) -> Consumer:
        defaults = {"group_id": group, "auto_offset_reset": "earliest"}
        made.append(Consumer(configured(bootstrap, {**defaults, **settings})))
        return made[-1]

    yield make
    for consumer in made:
        consumer.close()


def configured(bootstrap: str, settings: dict[str, Any]) -> dict[str, Any]:
    return {
        "bootstrap.servers": bootstrap,
        "log_level": 0,
        **{key.replace("_", "."): value for key, value in settings.items()},
    }


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up the phases of a test."""
    noted = _noted.setdefault(report.nodeid.rpartition("::")[2], {"seconds": 0.0, "passed": True, "reason": ""})
    noted["seconds"] += report.duration
    if report.failed and noted["passed"]:
        noted["passed"] = False
        crash = getattr(report.longrepr, "reprcrash", None)
        noted["reason"] = (crash.message if crash is not None else str(report.longrepr)).splitlines()[0]


_noted: dict[str, dict[str, Any]] = {}


def pytest_runtest_logfinish(nodeid: str) -> None:
    """Write a test down as soon as it has ended, in case a later one never does."""
    if _file is not None:
        test = nodeid.rpartition("::")[2]
        with _file.open("a") as file:
            file.write(json.dumps({"test": test, **_noted[test]}) + "\n")


_file: Path | None = None


def pytest_configure(config: pytest.Config) -> None:
    global _file
    _file = config.getoption("--times")


def pytest_sessionfinish() -> None:
    if _file is not None:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
        with _file.open("a") as file:
            file.write(json.dumps({"peak_megabytes": peak}) + "\n")
