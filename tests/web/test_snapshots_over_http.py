"""A broker in another process goes back to a snapshot that was taken over HTTP."""

from __future__ import annotations

from confluent_kafka import Consumer, Producer

from tests.support.controls_process import PATIENCE, Served


def test_a_broker_goes_back_between_tests(served: Served) -> None:
    served.post("/topics", name="clicks")
    served.post("/produce", topic="clicks", values=["seed"])
    assert served.post("/snapshots", name="seeded") == {"name": "seeded"}
    for number in range(2):
        producer = Producer({"bootstrap.servers": served.bootstrap})
        producer.produce("clicks", f"test {number}")
        assert producer.flush(PATIENCE) == 0
        values = [record["value"] for record in served.get("/topics/clicks/records")["records"]]
        assert values == ["seed", f"test {number}"]
        assert served.post("/snapshots/seeded/restore") == {"name": "seeded"}
    consumer = Consumer({"bootstrap.servers": served.bootstrap, "group.id": "g", "auto.offset.reset": "earliest"})
    consumer.subscribe(["clicks"])
    message = consumer.poll(PATIENCE)
    assert message is not None
    assert message.value() == b"seed"
    assert consumer.poll(0.2) is None
    consumer.close()


def test_snapshots_are_listed_and_discarded(served: Served) -> None:
    first = served.post("/snapshots")["name"]
    served.post("/snapshots", name="second")
    assert served.get("/snapshots") == {"snapshots": [first, "second"]}
    assert served.refusal("POST", "/snapshots", name="second") == (409, "there is a snapshot 'second' already")
    assert served.ask("DELETE", "/snapshots/second") == (200, {})
    status, why = served.refusal("POST", "/snapshots/second/restore")
    assert (status, why) == (404, f"there is no snapshot 'second'; snapshots: '{first}'")
