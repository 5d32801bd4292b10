"""Rebalances: what moves, what stays, and who may still commit."""

import pytest

from kafkalite_conformance.drivers.events import Failed, Record, TopicPartition
from kafkalite_conformance.drivers.process import DriverProcess, offset_rows
from kafkalite_conformance.scenario import CRASH_TIMEOUT_MS, Scenario


def owner_of(members: list[DriverProcess], partition: TopicPartition) -> DriverProcess:
    """Return the member that owns a partition."""
    (owner,) = [member for member in members if partition in member.owned]
    return owner


@pytest.mark.needs("explicit-commit")
def test_the_fourth_member_takes_over_from_a_crashed_owner(scenario: Scenario, client: str) -> None:
    """Three partitions, four members: the standby takes over, and no committed record is read again."""
    topic, group = scenario.topic(3), scenario.group()
    members = [scenario.member(client, group, [topic], session_timeout_ms=CRASH_TIMEOUT_MS) for _ in range(4)]
    scenario.await_ownership(members, {topic: 3})
    for partition in range(3):
        scenario.fill(topic, [b"%d-%d" % (partition, number) for number in range(6)], partition=partition)
    scenario.wait(lambda: sum(len(member.records) for member in members) >= 18, "18 records")
    for member in members:
        if member.owned:
            member.commit(dict.fromkeys(member.owned, 4))
    victim = members.pop(next(index for index, member in enumerate(members) if member.owned))
    (lost,) = victim.owned
    seen = {member: len(member.records) for member in members}
    victim.crash()
    scenario.await_ownership(members, {topic: 3}, timeout=CRASH_TIMEOUT_MS / 1000 + 40)
    heir = owner_of(members, lost)
    scenario.wait(
        lambda: len([record for record in heir.records[seen[heir] :] if record.topic_partition == lost]) >= 2,
        "the uncommitted tail",
    )
    tail = [record.offset for record in heir.records[seen[heir] :] if record.topic_partition == lost]
    assert tail == [4, 5]


def test_members_beyond_the_partitions_keep_coming_and_each_partition_keeps_one_owner(
    scenario: Scenario, client: str
) -> None:
    """However many join, every partition is read by exactly one member, and each record once."""
    topic, group = scenario.topic(2), scenario.group()
    members = [scenario.member(client, group, [topic], auto_commit=True)]
    for _ in range(2):
        scenario.await_ownership(members, {topic: 2})
        members.append(scenario.member(client, group, [topic], auto_commit=True))
    scenario.await_ownership(members, {topic: 2})
    for partition in range(2):
        scenario.fill(topic, [b"%d" % number for number in range(5)], partition=partition)
    scenario.wait(lambda: sum(len(member.records) for member in members) >= 10, "10 records")
    places = sorted((record.partition, record.offset) for member in members for record in member.records)
    assert places == [(partition, offset) for partition in range(2) for offset in range(5)]


@pytest.mark.needs("instance-id")
def test_a_static_member_returns_to_its_partition_without_a_rebalance(scenario: Scenario, client: str) -> None:
    """KIP-345: within its session the same `group.instance.id` gets the same partitions, and others notice nothing."""
    topic, group = scenario.topic(2), scenario.group()
    members = [
        scenario.member(client, group, [topic], instance_id=f"seat-{number}", session_timeout_ms=60_000)
        for number in range(2)
    ]
    scenario.await_ownership(members, {topic: 2})
    stayer, goer = members
    had, notices = goer.owned, len(stayer.ownership)
    goer.crash()
    returned = scenario.member(client, group, [topic], instance_id="seat-1", session_timeout_ms=60_000)
    returned.wait_until(lambda: returned.owned == had, "its own partition")
    (kept,) = stayer.owned
    scenario.fill(topic, [b"after"], partition=kept.partition)
    stayer.wait_until(lambda: b"after" in stayer.values, "the next record")
    assert len(stayer.ownership) == notices


@pytest.mark.needs("cooperative-sticky")
def test_a_cooperative_rebalance_takes_only_what_moves(scenario: Scenario, client: str) -> None:
    """KIP-429: the first member keeps what stays with it, without a moment in which it owns nothing."""
    topic, group = scenario.topic(4), scenario.group()
    first = scenario.member(client, group, [topic], assignor="cooperative-sticky")
    scenario.await_ownership([first], {topic: 4})
    told = len(first.ownership)
    second = scenario.member(client, group, [topic], assignor="cooperative-sticky")
    scenario.wait(lambda: len(first.owned) == 2 and len(second.owned) == 2, "two partitions each")
    assert not first.owned & second.owned
    assert all(len(change.owned) >= 2 for change in first.ownership[told:])
    second.call("leave")
    scenario.await_ownership([first], {topic: 4})


@pytest.mark.needs("cooperative-sticky")
def test_a_new_member_without_a_partition_moves_no_partition(scenario: Scenario, client: str) -> None:
    """A partition stays with its owner while the owner lives, however many join."""
    topic, group = scenario.topic(), scenario.group()
    owner = scenario.member(client, group, [topic], assignor="cooperative-sticky")
    scenario.await_ownership([owner], {topic: 1})
    told = len(owner.ownership)
    newcomers = [scenario.member(client, group, [topic], assignor="cooperative-sticky") for _ in range(2)]

    def all_are_in() -> bool:
        described = scenario.setup_client.call("describe_group", name=group)
        return described.text("state") == "STABLE" and len(described.rows("members")) == 3

    scenario.poll(all_are_in, "a stable group of three")
    scenario.fill(topic, [b"still"])
    owner.wait_until(lambda: b"still" in owner.values, "a record for the owner")
    assert all(change.owned for change in owner.ownership[told:])
    assert not any(newcomer.owned for newcomer in newcomers)


@pytest.mark.needs("explicit-commit", "commit-errors")
def test_a_zombie_cannot_commit(scenario: Scenario, client: str) -> None:
    """A member that was paused past its session gets an error, and the new owner's progress stays."""
    topic, group = scenario.topic(), scenario.group()
    scenario.fill(topic, [b"%d" % number for number in range(5)])
    zombie = scenario.member(client, group, [topic], session_timeout_ms=CRASH_TIMEOUT_MS)
    zombie.wait_until(lambda: len(zombie.records) == 5, "five records")
    zombie.freeze()
    heir = scenario.member(client, group, [topic], session_timeout_ms=60_000)
    scenario.wait(
        lambda: len(heir.records) == 5, "the partition of the frozen member", timeout=CRASH_TIMEOUT_MS / 1000 + 40
    )
    heir.commit({TopicPartition(topic, 0): 5})
    # The zombie joins again when it wakes; without its heir no generation comes about in which it could commit.
    heir.freeze()
    late = zombie.send("commit", offsets=offset_rows({TopicPartition(topic, 0): 2}))
    zombie.thaw()
    assert isinstance(zombie.outcome(late), Failed)
    assert scenario.committed(group) == {TopicPartition(topic, 0): 5}


def test_added_partitions_reach_running_consumers(scenario: Scenario, client: str) -> None:
    """A member that refreshes its metadata asks for a rebalance, and the new partition is read from its beginning."""
    topic, group = scenario.topic(1), scenario.group()
    member = scenario.member(client, group, [topic], auto_commit=True)
    scenario.await_ownership([member], {topic: 1})
    scenario.setup_client.call("create_partitions", name=topic, total=3)
    scenario.await_partitions(topic, 3)
    scenario.fill(topic, [b"new"], partition=2)
    scenario.await_ownership([member], {topic: 3})
    member.wait_until(lambda: b"new" in member.values, "the record in the new partition")


@pytest.mark.needs("pause")
def test_a_paused_consumer_keeps_its_partition(scenario: Scenario, client: str) -> None:
    """Pausing stops fetching, not membership: it outlasts the session, and goes on where it was."""
    topic, group = scenario.topic(), scenario.group()
    scenario.fill(topic, [b"before"])
    member = scenario.member(client, group, [topic], session_timeout_ms=CRASH_TIMEOUT_MS)
    scenario.await_values(member, [b"before"])
    member.call("pause", partitions=[TopicPartition(topic, 0).as_json()])
    scenario.fill(topic, [b"while paused"])
    seconds = 1.5 * CRASH_TIMEOUT_MS / 1000
    scenario.hold(
        lambda: len(scenario.setup_client.call("describe_group", name=group).rows("members")) == 1,
        "membership",
        seconds=seconds,
    )
    member.wait_until(lambda: member.owned, "the partition")
    member.call("resume", partitions=[TopicPartition(topic, 0).as_json()])
    scenario.wait(lambda: b"while paused" in member.values, "the next record")


def test_a_group_starts_at_the_latest_when_told_so(scenario: Scenario, client: str) -> None:
    """`auto.offset.reset` of latest: a new group sees what comes after it has its partition and position."""
    topic, group = scenario.topic(), scenario.group()
    scenario.fill(topic, [b"old"])
    member = scenario.member(client, group, [topic], reset="latest")
    scenario.await_ownership([member], {topic: 1})
    scenario.poll(lambda: (scenario.fill(topic, [b"new"]), member.records)[1], "a new record")
    assert b"old" not in member.values


@pytest.mark.needs("consumer-protocol")
@pytest.mark.apis(68, 69)
def test_the_consumer_protocol_shares_partitions_and_hands_over(scenario: Scenario, client: str) -> None:
    """KIP-848: the broker assigns; a crash, a clean leave and a commit mean what they always meant."""
    topic, group = scenario.topic(4), scenario.group()
    members = [scenario.member(client, group, [topic], protocol="consumer") for _ in range(2)]
    scenario.wait(lambda: [len(member.owned) for member in members] == [2, 2], "two partitions each")
    scenario.await_ownership(members, {topic: 4})
    scenario.fill(topic, [b"0", b"1", b"2"], partition=0)
    owner = owner_of(members, TopicPartition(topic, 0))
    owner.wait_until(lambda: len(owner.records) == 3, "three records")
    owner.commit({TopicPartition(topic, 0): 2})
    (heir,) = [member for member in members if member is not owner]
    owner.crash()
    scenario.await_ownership([heir], {topic: 4}, timeout=40)
    heir.wait_until(lambda: heir.values == [b"2"], "the uncommitted record")
    third = scenario.member(client, group, [topic], protocol="consumer")
    scenario.await_ownership([heir, third], {topic: 4})
    heir.call("leave")
    scenario.await_ownership([third], {topic: 4})


@pytest.mark.needs("absent-topics")
def test_a_subscription_finds_a_topic_that_is_created_later(scenario: Scenario, client: str) -> None:
    """Subscribed first, created afterwards: the next refresh of metadata brings the partitions."""
    present, later, group = scenario.topic(), scenario.name("topic"), scenario.group()
    member = scenario.member(client, group, [present, later], auto_commit=True)
    member.wait_until(lambda: TopicPartition(present, 0) in member.owned, "the present topic")
    (sent,) = scenario.setup_client.produce(later, [Record(value=b"late")])
    member.wait_until(lambda: b"late" in member.values, "the later topic's record")
    assert sent.index == 0
