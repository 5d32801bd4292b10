"""A handle on a broker elsewhere: what is particular to it. The rest is in the tests marked `also_over_http`."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import confluent_kafka
import pytest

from kafkalite.controls.faults.fault import Fault, fault_from
from kafkalite.controls.serialization import decode, encode
from kafkalite.testing import BrokerFailed, Handle, NotOnThisBroker, TopicPartition, WaitTimeout, connect, run
from tests.support.group_members import Join
from tests.support.remote_broker import broker_elsewhere

DAY = 86_400


@pytest.fixture
def broker() -> Iterator[Handle]:
    with broker_elsewhere() as (bootstrap, controls), connect(bootstrap, controls=controls) as handle:
        handle.topics.create("clicks", 3)
        yield handle


def test_in_the_end_nothing_is_steered_any_more_and_what_was_created_is_gone() -> None:
    with broker_elsewhere() as (bootstrap, controls):
        with connect(bootstrap, controls=controls) as handle:
            handle.topics.create("short")
            handle.set_available(False)
            handle.clock.advance(DAY)
            handle.clock.freeze()
            handle.requests.start()
            handle.faults.hold("Metadata", name="left behind")
            late = handle.clock.now_ms()
        with connect(bootstrap, controls=controls) as handle:
            assert list(handle.topics) == list(handle.faults) == []
            assert not handle.requests.is_on
            assert handle.clock.now_ms() < late - DAY * 500
            producer = confluent_kafka.Producer({"bootstrap.servers": bootstrap})
            producer.produce("orders", b"one")
            assert producer.flush(30) == 0


def test_what_befalls_clients_does_not_befall_the_handle(broker: Handle) -> None:
    broker.faults.drop(None)
    broker.faults.disconnect(None)
    with broker.requests.recording() as log, broker.unavailable():
        broker.produce("clicks", "one", partition=0)
        assert broker.consume("clicks")[0].text == "one"
        assert broker.groups["nobody"].state == "Dead"
    assert list(log) == []


def test_records_come_and_go_as_they_are(broker: Handle) -> None:
    headers = [("a", b"\xff"), ("a", None), ("b", b"text")]
    produced = broker.produce("clicks", b"\xfe", None, "text", key=b"\xff", headers=headers, partition=1, timestamp=5)
    assert [record.value for record in produced] == [b"\xfe", None, b"text"]
    assert broker.records("clicks", partition=1) == list(produced)
    assert {(record.key, record.headers, record.timestamp) for record in produced} == {(b"\xff", tuple(headers), 5)}


def test_commits_are_awaited_by_partition(broker: Handle, join: Join) -> None:
    for partition, count in enumerate((3, 1, 2)):
        broker.produce("clicks", *map(str, range(count)), partition=partition)
    join("reader")
    group = broker.await_committed("readers", "clicks", offset={0: 3, 2: 1})
    assert group.committed[TopicPartition("clicks", 0)].offset == 3
    with pytest.raises(WaitTimeout, match="to have committed clicks-1 at 7"):
        broker.await_committed("readers", "clicks", offset={0: 3, 1: 7}, timeout=0.1)
    with pytest.raises(LookupError, match="has 3 partition"):
        broker.await_committed("readers", "clicks", offset={3: 1})
    with pytest.raises(ValueError, match="leave partition out"):
        broker.await_committed("readers", "clicks", offset={0: 1}, partition=0)


# Snapshots


def test_snapshots_are_the_brokers_own(broker: Handle) -> None:
    broker.produce("clicks", "kept", partition=0)
    with broker.snapshots.scratch():
        broker.produce("clicks", "forgotten", partition=0)
        broker.topics.create("forgotten")
    assert [record.text for record in broker.records("clicks")] == ["kept"]
    assert list(broker.topics) == ["clicks"]
    snapshot = broker.snapshots.take("before")
    broker.produce("clicks", "later", partition=0)
    broker.snapshots.restore("before")
    assert [record.text for record in broker.records("clicks")] == ["kept"]
    snapshot.discard()
    snapshot.discard()
    with pytest.raises(ValueError, match="discarded"):
        broker.snapshots.restore(snapshot)


def test_a_snapshot_of_another_broker_is_refused(broker: Handle) -> None:
    with run() as other:
        with pytest.raises(ValueError, match="of another broker"):
            broker.snapshots.restore(other.snapshots.take())
        with pytest.raises(ValueError, match="of another broker"):
            other.snapshots.restore(broker.snapshots.take())


def test_what_needs_the_tests_process_is_refused(broker: Handle, tmp_path: Any) -> None:
    snapshot = broker.snapshots.take()
    with pytest.raises(NotOnThisBroker, match="saving"):
        snapshot.save(tmp_path / "saved")
    with pytest.raises(NotOnThisBroker, match="forks"), snapshot.fork():
        pass
    with pytest.raises(NotOnThisBroker, match="on_fired"):
        broker.faults.on_fired(print)


# Faults and requests


@pytest.mark.parametrize(
    "words",
    [
        {"name": "all", "api": "Produce", "error": "NOT_LEADER_OR_FOLLOWER", "version": "3-8", "topic": "c*"},
        {"api": ["Fetch", "Produce"], "delay": 0.5, "nth": 3, "on": "reply"},
        {"hold": True, "client_id": "shop", "since": 1.0, "until": 2.0},
        {"disconnect": True, "probability": 0.5, "seed": 7},
        {"api": "JoinGroup", "drop": True, "group": "g", "member": "m"},
        {"drop": True, "on": "request"},
        {"corrupt": True, "partition": 0, "skip": 1, "times": 2},
        {"api": "Fetch", "throttle": 1.5, "version": 12},
    ],
)
def test_the_words_of_a_fault_make_the_same_fault(words: dict[str, object]) -> None:
    fault = fault_from(words)
    assert decode(Fault, json.loads(json.dumps(encode(fault))), "fault") == fault


def test_a_fault_that_was_removed_still_tells_what_it_did(broker: Handle) -> None:
    with broker.faults.error("Metadata", "LEADER_NOT_AVAILABLE", topic="clicks", times=2, name="twice") as fault:
        confluent_kafka.Producer({"bootstrap.servers": broker.bootstrap}).list_topics("clicks", timeout=30)
        fault.await_fired()
        assert broker.faults["twice"].held == 0
    assert [fired.rule for fired in fault.fired][:1] == ["twice"]
    assert fault.held == 0
    fault.remove()
    assert fault.fired == broker.faults.fired


def test_a_log_that_somebody_else_replaced_is_gone() -> None:
    with (
        broker_elsewhere() as (bootstrap, controls),
        connect(bootstrap, controls=controls) as broker,
        connect(bootstrap, controls=controls) as other,
    ):
        with broker.requests.recording() as log:
            confluent_kafka.Producer({"bootstrap.servers": bootstrap}).list_topics(timeout=30)
        assert len(log) > 0
        other.requests.start()
        with pytest.raises(LookupError, match="somebody else has begun another"):
            len(log)
        assert broker.requests.begun == 2


def test_records_that_the_log_cut_short_are_the_same_from_here(broker: Handle) -> None:
    producer = confluent_kafka.Producer({"bootstrap.servers": broker.bootstrap, "message.max.bytes": 2_000_000})
    with broker.requests.recording() as log:
        producer.produce("clicks", b"x" * 900_000, partition=0)
        producer.produce("clicks", b"y" * 900_000, partition=0)
        assert producer.flush(30) == 0
    sizes = [exchange.request_bytes for exchange in log.find("Produce", topic="clicks")]
    assert sum(sizes) > 1_800_000
    batches = [batch for exchange in log.find("Produce") for batch in exchange.batches]
    assert {(batch.topic, batch.partition) for batch in batches} == {("clicks", 0)}


# What is not there


@pytest.mark.parametrize("url", ["127.0.0.1:9093", "http://127.0.0.1", "http://:9093", "", "http://h:1/x"])
def test_what_is_no_url_of_controls_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"controls are at a URL such as http://127\.0\.0\.1:9093"):
        connect("127.0.0.1:1", controls=url).__enter__()


def test_nobody_there_is_an_os_error() -> None:
    with pytest.raises(OSError, match="refused"), connect("127.0.0.1:1", controls="http://127.0.0.1:1"):
        pass


def test_another_server_is_told_apart() -> None:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>")

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_address[1]}"
            with pytest.raises(BrokerFailed, match="do not answer as kafkalite's do"), connect("h:1", controls=url):
                pass
        finally:
            server.shutdown()
            thread.join()


def test_a_broker_that_stops_ends_waits() -> None:
    with broker_elsewhere() as (bootstrap, controls):
        connection = connect(bootstrap, controls=controls)
        wait = connection.__enter__().consume.start("clicks")
    with pytest.raises((BrokerFailed, OSError)):
        wait.future.result(30)
    with pytest.raises(OSError, match="refused"):
        connection.__exit__(None, None, None)


def test_a_wait_that_was_given_up_ends_at_the_broker_too(broker: Handle) -> None:
    wait = broker.consume.start("clicks")
    wait.cancel()
    with pytest.raises((BrokerFailed, OSError)):
        wait.future.result(30)
    broker.produce("clicks", "one")
    assert broker.consume("clicks")[0].text == "one"
