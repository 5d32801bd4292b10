"""Faults are injected over HTTP, in the words of a file, and what they do to a real producer is seen."""

from __future__ import annotations

from pathlib import Path

import pytest
from confluent_kafka import Message, Producer

from tests.support.controls_process import PATIENCE, Served, Start


def deliver(served: Served, value: str) -> Message:
    """Produce a record, and give what became of it."""
    producer = Producer({"bootstrap.servers": served.bootstrap, "retry.backoff.ms": 10, "linger.ms": 0})
    delivered: list[Message] = []
    producer.produce("clicks", value, on_delivery=lambda _, message: delivered.append(message))
    assert producer.flush(PATIENCE) == 0
    return delivered[0]


def test_a_producer_survives_a_fault_that_ends(served: Served) -> None:
    served.post("/topics", name="clicks")
    words = {"name": "moving", "api": "Produce", "error": "NOT_LEADER_OR_FOLLOWER", "topic": "clicks", "times": 2}
    assert served.post("/faults", **words)["does"] == "answered NOT_LEADER_OR_FOLLOWER"
    assert deliver(served, "one").error() is None
    seen = served.post("/await/fired", fault="moving", count=2)
    assert [(fired["api"], fired["about"]) for fired in seen["fired"]] == [("Produce", ["clicks-0"])] * 2
    assert [record["value"] for record in served.get("/topics/clicks/records")["records"]] == ["one"]


def test_what_is_held_is_released(served: Served) -> None:
    served.post("/topics", name="clicks")
    producer = Producer({"bootstrap.servers": served.bootstrap})
    served.post("/faults", name="stuck", api="Produce", hold=True)
    producer.produce("clicks", "one")
    assert producer.flush(0) == 1
    assert served.post("/await/fired", fault="stuck")["held"] == 1
    assert served.get("/topics/clicks/records") == {"records": []}
    assert served.post("/faults/stuck/release") == {"released": 1}
    assert producer.flush(PATIENCE) == 0
    assert served.get("/faults/stuck")["held"] == 0


def test_faults_are_listed_and_removed(served: Served) -> None:
    served.post("/faults", name="slow", api=["Fetch", "Produce"], delay=1, client_id="an*")
    unnamed = served.post("/faults", api="Heartbeat", error="rebalance_in_progress")["name"]
    assert [each["name"] for each in served.get("/faults")["faults"]] == ["slow", unnamed]
    assert served.ask("DELETE", "/faults/slow") == (200, {})
    assert [each["name"] for each in served.get("/faults")["faults"]] == [unnamed]
    assert served.ask("DELETE", "/faults") == (200, {})
    assert served.get("/faults") == {"faults": []}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"api": "Produce"}, "nothing happens: give one of error, delay"),
        ({"api": "Prodce", "delay": 1}, "api: there is no API 'Prodce'; did you mean Produce"),
        ({"api": "Produce", "error": "OUT_OF_DISK"}, "error: there is no error 'OUT_OF_DISK'"),
        ({"api": "Produce", "dealy": 1}, "'dealy' is unknown here; known: api, error, name, version"),
        ({"api": "Produce", "delay": "1"}, "'delay' must be a number or null, not \"1\""),
    ],
)
def test_a_mistake_in_a_fault_is_named(served: Served, words: dict[str, object], message: str) -> None:
    status, why = served.refusal("POST", "/faults", **words)
    assert (status, why[: len(message)]) == (400, message)


def test_a_fault_that_is_not_there_is_not_found(served: Served) -> None:
    served.post("/faults", name="slow", api="Fetch", delay=1)
    for method, path in (("GET", "/faults/fast"), ("DELETE", "/faults/fast"), ("POST", "/faults/fast/release")):
        assert served.refusal(method, path) == (404, "there is no fault 'fast'; faults: 'slow'")


def test_faults_of_a_file_can_be_seen_and_removed(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "faults.toml"
    file.write_text('[[fault]]\nname = "no space"\napi = "Produce"\nerror = "KAFKA_STORAGE_ERROR"\n')
    served = start("--faults", str(file))
    assert [each["name"] for each in served.get("/faults")["faults"]] == ["no space"]
    assert served.ask("DELETE", "/faults/no%20space") == (200, {})
    assert deliver(served, "one").error() is None
    assert served.stop().count("requests will fail on purpose: 1 fault(s) from ") == 1
