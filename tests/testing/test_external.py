"""The handle over the protocol: the same promises, asked of a broker that it cannot look into."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kafkalite.testing import Handle, NotOnThisBroker, WaitTimeout, connect
from tests.support.group_members import Join


@pytest.fixture
def outside(broker: Handle) -> Iterator[Handle]:
    with connect(broker.bootstrap) as handle:
        yield handle


def test_topics_and_records_are_the_same_from_outside(broker: Handle, outside: Handle) -> None:
    outside.topics.create("orders", 2, {"retention.ms": "100000"})
    produced = outside.produce("orders", "a", "b", key="k", headers=[("h", b"1")])
    assert broker.records("orders") == outside.records("orders") == outside.consume("orders", 2) == list(produced)
    assert broker.topics["orders"] == outside.topics["orders"]
    assert [outside.produce("orders", "x")[0].partition for _ in range(3)] == [0, 1, 0]
    outside.topics.delete("orders")
    assert "orders" not in broker.topics


def test_what_was_created_from_outside_goes_in_the_end(broker: Handle) -> None:
    with connect(broker.bootstrap) as handle:
        handle.topics.create("short")
        assert "short" in broker.topics
    assert list(broker.topics) == ["clicks"]


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_groups_are_awaited_from_outside(broker: Handle, outside: Handle, join: Join, protocol: str) -> None:
    outside.produce("clicks", "x", partition=1)
    member = join("reader", protocol=protocol)
    group = outside.await_stable("readers", members=1)
    assert {owner.client_id for owner in group.owners.values()} == {"reader"}
    assert group.members == broker.groups["readers"].members
    assert outside.await_committed("readers", "clicks").committed == broker.groups["readers"].committed
    assert list(outside.groups) == ["readers"]
    with pytest.raises(ValueError, match="NON_EMPTY_GROUP"):
        outside.groups.delete("readers")
    member.ask_to_stop()
    member.join()
    outside.groups.delete("readers")
    assert outside.groups["readers"].state == "Dead"


def test_waits_in_vain_say_what_there_is(outside: Handle) -> None:
    with pytest.raises(WaitTimeout, match=r"(?s)to be stable with 2 member\(s\).*now: group 'g' is Dead"):
        outside.await_stable("g", members=2, timeout=0.1)
    with pytest.raises(WaitTimeout, match=r"waited for 1 record\(s\) of topic 'clicks', and there are 0"):
        outside.consume("clicks", timeout=0.1)


def test_a_broker_that_is_not_there_is_named() -> None:
    with pytest.raises(ConnectionError, match=r"no broker answers at 127\.0\.0\.1:1: "), connect("127.0.0.1:1"):
        pass


def test_refusals_are_told(outside: Handle) -> None:
    with pytest.raises(ValueError, match="already exists"):
        outside.topics.create("clicks")
    with pytest.raises(LookupError, match="UNKNOWN_TOPIC_OR_PARTITION; topics: clicks"):
        outside.topics.delete("nowhere")


@pytest.mark.parametrize(
    "control",
    [
        lambda handle: handle.clock.advance(1),
        lambda handle: handle.groups.expire("g", "m"),
        lambda handle: handle.coordinator.move_away(),
        lambda handle: handle.unavailable().__enter__(),
        lambda handle: handle.faults.drop("Fetch"),
        lambda handle: handle.await_positioned("g"),
    ],
)
def test_what_the_protocol_cannot_do_says_so(outside: Handle, control: object) -> None:
    assert callable(control)
    with pytest.raises(NotOnThisBroker, match="works only with a broker in the test's process"):
        control(outside)
