"""The handle over HTTP, with real clients that join, fall and take over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka import Consumer

from served import Served

Join = Callable[[str], None]


@pytest.fixture
def join(served: Served) -> Iterator[Join]:
    """Start members of the group `billing` that poll on threads of their own until the test ends."""
    stopping = threading.Event()
    threads: list[threading.Thread] = []

    def poll(consumer: Consumer) -> None:
        while not stopping.is_set():
            consumer.poll(0.05)
        consumer.close()

    def join(name: str) -> None:
        consumer = Consumer(
            {
                "bootstrap.servers": served.bootstrap,
                "group.id": "billing",
                "client.id": name,
                "group.instance.id": name,
                "auto.offset.reset": "earliest",
                "auto.commit.interval.ms": 50,
                "heartbeat.interval.ms": 100,
            }
        )
        consumer.subscribe(["clicks"])
        threads.append(threading.Thread(target=poll, args=[consumer]))
        threads[-1].start()

    yield join
    stopping.set()
    for thread in threads:
        thread.join()


def test_a_standby_takes_over_within_a_second_of_fencing(served: Served, join: Join) -> None:
    served.post("/topics", name="clicks")
    join("anna")
    served.post("/await/stable", group="billing", members=1)
    join("ben")
    group = served.post("/await/stable", group="billing", members=2)
    (owner,) = group["owners"].values()
    served.post("/produce", topic="clicks", values=["before"])
    served.post("/await/committed", group="billing", topic="clicks")
    started = time.monotonic()
    served.post("/groups/billing/fence", member=owner)
    group = served.post("/await/stable", group="billing", members=1)
    assert time.monotonic() - started < 1
    assert group["owners"] == {"clicks-0": "ben" if owner == "anna" else "anna"}
    assert group["committed"]["clicks-0"] == {"offset": 1, "end_offset": 1, "lag": 0, "metadata": ""}
