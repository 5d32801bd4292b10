"""The handle over HTTP, with real clients that join, fall and take over."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from http.client import HTTPException
from typing import Any

import pytest
from confluent_kafka import Consumer

from kafkalite.controls.http.server import MAX_CONNECTIONS
from tests.support.controls_process import PATIENCE, Served

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
                # Who looks for the coordinator waits behind a fetch on the same connection.
                "fetch.wait.max.ms": 50,
                "reconnect.backoff.max.ms": 100,
            }
        )
        consumer.subscribe(["clicks"])
        threads.append(threading.Thread(target=poll, args=[consumer]))
        threads[-1].start()

    yield join
    stopping.set()
    for thread in threads:
        thread.join()


def members(group: Any) -> dict[str, str]:
    """Return the member id of each client."""
    return {member["client_id"]: member["member_id"] for member in group["members"]}


def test_a_standby_takes_over_when_the_owner_is_fenced(served: Served, join: Join) -> None:
    served.post("/topics", name="clicks")
    join("anna")
    served.post("/await/stable", group="billing", members=1)
    join("ben")
    group = served.post("/await/stable", group="billing", members=2)
    (owner,) = group["owners"].values()
    served.post("/produce", topic="clicks", values=["before"])
    served.post("/await/committed", group="billing", topic="clicks")
    served.post("/clock/freeze")
    served.post("/groups/billing/fence", member=owner)
    group = served.post("/await/stable", group="billing", members=1)
    served.post("/clock/resume")
    assert group["owners"] == {"clicks-0": "ben" if owner == "anna" else "anna"}
    assert group["committed"]["clicks-0"] == {"offset": 1, "end_offset": 1, "lag": 0, "metadata": ""}


def test_the_clock_ends_the_session_of_a_silent_member(served: Served, join: Join) -> None:
    served.post("/topics", name="clicks", partitions=2)
    join("anna")
    join("ben")
    silent = members(served.post("/await/stable", group="billing", members=2))["anna"]
    before = served.get("/clock")["now_ms"]
    assert served.post("/clock/advance", seconds=46, keep_alive=["ben"])["now_ms"] - before >= 46_000
    assert silent not in members(served.get("/groups/billing")).values()


def test_an_assignment_can_be_pinned(served: Served, join: Join) -> None:
    served.post("/topics", name="clicks", partitions=2)
    join("anna")
    join("ben")
    served.post("/await/stable", group="billing", members=2)
    served.post("/groups/billing/pin", assignment={"ben": ["clicks-0", "clicks-1"]})
    assert set(served.post("/await/stable", group="billing", members=2)["owners"].values()) == {"ben"}
    served.post("/groups/billing/unpin")
    assert set(served.post("/await/stable", group="billing", members=2)["owners"].values()) == {"anna", "ben"}


def test_a_rebalance_and_an_expired_session_are_seen_by_members(served: Served, join: Join) -> None:
    served.post("/topics", name="clicks")
    join("anna")
    first = served.post("/await/positioned", group="billing", topic="clicks")
    served.post("/groups/billing/rebalance")
    second = served.post("/await/stable", group="billing", members=1)
    assert second["generation"] > first["generation"]
    assert members(second) == members(first)
    # She may be back before the answer is made, as somebody else.
    assert members(served.post("/groups/billing/expire", member="anna")) != members(second)
    third = served.post("/await/stable", group="billing", members=1)
    assert members(third) != members(second)


def test_clients_find_their_coordinator_and_the_broker_again(served: Served, join: Join) -> None:
    served.post("/topics", name="clicks")
    join("anna")
    before = served.post("/await/positioned", group="billing", topic="clicks")
    assert served.post("/coordinator/away") == {}
    assert served.post("/coordinator/back", group=None) == {}
    assert served.post("/availability", available=False) == {"available": False}
    assert served.post("/availability", available=True) == {"available": True}
    served.post("/produce", topic="clicks", values=["one"])
    assert members(served.post("/await/committed", group="billing", topic="clicks")) == members(before)


def test_topics_and_records_are_shown(served: Served) -> None:
    created = served.post("/topics", name="a-b.c", partitions=2)
    assert created == {"name": "a-b.c", "partitions": 2, "start_offsets": [0, 0], "end_offsets": [0, 0]}
    served.post("/clock/freeze")
    now = served.get("/clock")["now_ms"]
    text = {"topic": "a-b.c", "partition": 1, "offset": 0, "timestamp": now, "key": "k", "value": "é"}
    headers = [{"name": "from", "value": "shop"}]
    produced = served.post("/produce", topic="a-b.c", values=["é"], key="k", partition=1, headers={"from": "shop"})
    assert produced == {"records": [{**text, "headers": headers}]}
    served.post("/produce", topic="a-b.c", values_base64=["/w=="], partition=0, timestamp=now + 1)
    served.post("/clock/resume")
    binary = {"topic": "a-b.c", "partition": 0, "offset": 0, "timestamp": now + 1, "key": None, "value_base64": "/w=="}
    everything = {"records": [{**text, "headers": headers}, {**binary, "headers": []}]}
    assert served.get("/topics/a-b.c/records") == everything
    assert served.post("/consume", topic="a-b.c", count=2) == everything
    assert served.get("/topics/a-b.c/records?partition=1&offset=1") == {"records": []}
    assert served.get("/topics")["topics"] == [served.get("/topics/a-b.c")]
    assert served.ask("DELETE", "/topics/a-b.c") == (200, {})
    assert served.get("/topics") == {"topics": []}


def test_refusals_say_what_is_wrong(served: Served) -> None:
    served.post("/topics", name="clicks")
    for method, path, body, status, message in (
        ("GET", "/nowhere", {}, 404, "there is nothing at /nowhere; GET / lists the routes"),
        ("POST", "/topics/clicks", {}, 405, "/topics/clicks takes DELETE, GET, not POST"),
        ("GET", "/topics/klicks", {}, 404, "there is no topic 'klicks'; topics: clicks"),
        ("GET", "/topics/clicks/records?partition=7", {}, 404, "topic 'clicks' has 1 partition(s), and no 7"),
        ("GET", "/topics/clicks/records?offset=a", {}, 400, "'offset' must be an integer, not \"a\""),
        ("GET", "/topics/clicks/records?offset=1&offset=2", {}, 400, "'offset' is given twice"),
        ("POST", "/topics", {"name": "clicks"}, 409, "topic 'clicks' cannot be created: Topic 'clicks' already exists"),
        ("POST", "/produce", {"topic": "clicks"}, 400, "'values' is empty: there is nothing to produce"),
        ("POST", "/produce", {"topic": "t", "values_base64": ["?"]}, 400, "'values_base64' is not base64"),
        ("POST", "/groups/billing/fence", {"member": "anna"}, 404, "no member is called 'anna' in group 'billing'"),
        ("POST", "/groups/billing/pin", {"assignment": {"a": ["clicks"]}}, 400, "'clicks' is not a partition"),
        ("POST", "/clock/advance", {"seconds": -1}, 400, "the clock cannot be advanced by -1 s: 'seconds' must"),
        ("POST", "/consume", {"topic": "clicks", "count": -1}, 400, "there cannot be -1 records: 'count' must not be"),
        ("POST", "/await/stable", {"group": "billing", "timeout": 601}, 400, "'timeout' must be from 0 to 600 seconds"),
        (
            "POST",
            "/await/stable",
            {"group": "billing", "timeout": 0},
            504,
            "after 0 s: waited for group 'billing'",
        ),
        ("DELETE", "/groups/billing", {}, 409, "cannot delete (GROUP_ID_NOT_FOUND)"),
    ):
        answered, why = served.refusal(method, path, **body)
        assert (path, answered, why[: len(message)]) == (path, status, message)


def test_a_wait_shows_what_happened_to_the_group(served: Served, join: Join) -> None:
    served.post("/topics", name="clicks")
    join("anna")
    served.post("/await/stable", group="billing", members=1)
    status, message = served.refusal("POST", "/await/stable", group="billing", members=2, timeout=0.1)
    assert status == 504
    assert "waited for group 'billing' to be stable with 2 member(s)" in message
    assert "group 'billing' is Stable, generation 1, 1 member(s)" in message
    assert "history (the broker's time):" in message


def test_other_sites_and_forms_are_turned_away(served: Served) -> None:
    assert served.ask("GET", "/clock", headers={"Host": "evil.example"})[0] == 403
    assert served.ask("POST", "/clock/freeze", b"", headers={"Content-Type": "text/plain"})[0] == 415
    assert served.ask("OPTIONS", "/clock/freeze", headers={"Origin": "http://evil.example"})[0] == 405


def test_who_waits_does_not_keep_the_broker_from_stopping(served: Served) -> None:
    outcome: list[object] = []

    def wait() -> None:
        try:
            outcome.append(served.ask("POST", "/await/stable", b'{"group": "billing", "timeout": 600}'))
        except (OSError, HTTPException) as error:
            outcome.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert served.get("/groups") == {"groups": []}
    served.stop()
    waiting.join(PATIENCE)
    assert len(outcome) == 1


def await_room(served: Served) -> None:
    """Ask until somebody is let in: that clients have gone may not have been seen yet."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with suppress(OSError, HTTPException):
            assert served.get("/groups") == {"groups": []}
            return
    raise AssertionError("nobody is let in")


def test_a_wait_whose_client_has_gone_is_given_up(served: Served) -> None:
    address = (served.controls.removeprefix("http://").split(":")[0], int(served.controls.rpartition(":")[2]))
    body = '{"group": "billing", "timeout": 600}'
    asked = (
        "POST /await/stable HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    )
    with ExitStack() as stack:
        for _ in range(MAX_CONNECTIONS):
            stack.enter_context(socket.create_connection(address, timeout=PATIENCE)).sendall(asked.encode())
    await_room(served)


def test_connections_are_bounded(served: Served) -> None:
    address = (served.controls.removeprefix("http://").split(":")[0], int(served.controls.rpartition(":")[2]))
    with ExitStack() as stack:
        for _ in range(MAX_CONNECTIONS + 1):
            last = stack.enter_context(socket.create_connection(address, timeout=PATIENCE))
        assert last.recv(1) == b"", "the last is turned away"
    await_room(served)
