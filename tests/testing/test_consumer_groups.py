"""Groups of the consumer protocol (KIP-848) through the handle: waits, queries and controls, with a real client."""

from __future__ import annotations

from typing import Any

import confluent_kafka
import pytest

from kafkalite.testing import Handle, TopicPartition
from tests.support.group_members import ConfluentMember, Join, Member

pytestmark = pytest.mark.also_over_http

ALL = {TopicPartition("clicks", index) for index in range(3)}


@pytest.fixture
def client() -> type[Member]:
    return NewMember


class NewMember(ConfluentMember):
    """A member of the consumer protocol."""

    def open(self, bootstrap: str, group: str, topic: str, client_id: str, settings: dict[str, Any]) -> None:
        super().open(bootstrap, group, topic, client_id, {**settings, "protocol": "consumer"})


def test_a_group_is_stable_when_all_have_their_partitions(broker: Handle, join: Join) -> None:
    join("anna")
    join("ben")
    group = broker.await_stable("readers", members=2)
    assert (group.state, group.protocol) == ("Stable", "uniform")
    assert set(group.owners) == ALL
    assert {len(member.assignment) for member in group.members} == {1, 2}
    assert all(member.topics == {"clicks"} for member in group.members)
    assert "readers" in broker.groups


def test_what_a_group_has_read_and_committed_is_awaited(broker: Handle, join: Join) -> None:
    join("anna")
    broker.await_stable("readers", members=1)
    broker.produce("clicks", "one", "two", partition=1)
    group = broker.await_committed("readers", "clicks", partition=1, offset=2)
    assert group.committed[TopicPartition("clicks", 1)].lag == 0


def test_an_expired_member_joins_again(broker: Handle, join: Join) -> None:
    join("anna")
    join("ben")
    before = broker.await_stable("readers", members=2)
    after = broker.groups.expire("readers", "anna")
    assert [member.client_id for member in after.members] == ["ben"]
    again = broker.await_stable("readers", members=2)
    assert again.generation > before.generation
    assert set(again.owners) == ALL


def test_a_silent_member_loses_its_partitions_when_time_is_advanced(broker: Handle, join: Join) -> None:
    join("silent")
    join("alive")
    before = broker.await_stable("readers", members=2)
    broker.clock.advance(46, keep_alive=["alive"])
    after = broker.await_stable("readers", members=2)
    assert after.generation > before.generation


def test_members_that_are_kept_alive_are_the_same_after_an_hour(broker: Handle, join: Join) -> None:
    join("anna")
    join("ben")
    before = broker.await_stable("readers", members=2)
    broker.clock.advance(3600, keep_alive=["anna", "ben"])
    assert broker.groups["readers"].members == before.members


def test_an_assignment_is_pinned_and_the_broker_decides_again_afterwards(broker: Handle, join: Join) -> None:
    join("anna")
    join("ben")
    broker.await_stable("readers", members=2)
    with broker.groups.pinned("readers", {"anna": sorted(ALL)}):
        group = broker.await_stable("readers", members=2)
        assert {owner.client_id for owner in group.owners.values()} == {"anna"}
    before = broker.await_stable("readers", members=2)
    broker.groups.rebalance("readers")
    after = broker.await_stable("readers", members=2)
    assert set(after.owners) == ALL
    assert after.generation > before.generation
    assert all(member.assignment for member in after.members)


def test_a_fenced_member_ends_with_the_error(broker: Handle, join: Join) -> None:
    fenced = join("anna", instance="till-1")
    join("ben")
    broker.await_stable("readers", members=2)
    broker.groups.fence("readers", "till-1")
    assert fenced.has_ended.wait(20)
    assert isinstance(fenced.failure, confluent_kafka.KafkaException)
    assert fenced.failure.args[0].code() in (
        confluent_kafka.KafkaError.FENCED_INSTANCE_ID,
        confluent_kafka.KafkaError._FATAL,
    )
    group = broker.await_stable("readers", members=1)
    assert {owner.client_id for owner in group.owners.values()} == {"ben"}


def test_a_coordinator_that_was_away_finds_the_same_members(broker: Handle, join: Join) -> None:
    join("anna")
    before = broker.await_stable("readers", members=1)
    with broker.coordinator.unavailable("readers"):
        broker.clock.advance(60)
    after = broker.await_stable("readers", members=1)
    assert after.members == before.members


def test_a_classic_member_whose_heartbeat_is_held_stays_when_the_group_changes(broker: Handle, join: Join) -> None:
    old = ConfluentMember(broker.bootstrap, "readers", "clicks", "old")
    before = broker.await_stable("readers", members=1).member("old")
    join("new")
    group = broker.await_stable("readers", members=2)
    assert group.member("old").member_id == before.member_id
    assert group.protocol == "uniform"
    old.ask_to_stop()
    old.join()
