"""The request log over HTTP."""

from __future__ import annotations

from confluent_kafka import Producer

from tests.support.controls_process import PATIENCE, Served


def send(served: Served, order: str) -> None:
    producer = Producer({"bootstrap.servers": served.bootstrap, "client.id": "shop"})
    producer.produce("orders", order)
    assert producer.flush(PATIENCE) == 0


def test_what_was_asked_is_shown_with_its_records(served: Served) -> None:
    served.post("/topics", name="orders")
    served.post("/requests/start")
    assert served.refusal("POST", "/requests/start") == (409, "the request log is on already")
    send(served, "two apples")
    produce = served.post("/await/request", api="Produce", topic="orders", client_id="shop")
    assert (produce["outcome"], produce["errors"]) == ("answered", [])
    (batch,) = produce["request"]["topic_data"][0]["partition_data"][0]["records"]
    assert batch["records"][0]["value"] == "two apples"

    served.post("/requests/stop")
    shown = served.get("/requests?api=Produce&error=NONE")
    assert [each["number"] for each in shown["requests"]] == [produce["number"]]
    assert shown["mark"] >= produce["number"]
    assert served.get(f"/requests?since={shown['mark']}")["requests"] == []
    assert served.ask("DELETE", "/requests") == (200, {})
    assert served.get("/requests")["requests"] == []


def test_a_log_that_is_off_is_not_waited_for(served: Served) -> None:
    assert served.refusal("GET", "/requests")[0] == 404
    status, why = served.refusal("POST", "/await/request", api="Fetch")
    assert status == 409
    assert "would wait for ever" in why


def test_names_that_kafka_does_not_have_are_refused(served: Served) -> None:
    served.post("/requests/start")
    for query in ("api=Ftch", "error=OUT_OF_DISK", "outcome=lost"):
        status, why = served.refusal("GET", f"/requests?{query}")
        assert status == 400
        assert query.partition("=")[2] in why
