"""Rebalances: what moves, what stays, and who may still commit."""

import pytest

from kafkalite_conformance.drivers.events import Failed, Record, TopicPartition
from kafkalite_conformance.drivers.process import DriverProcess, offset_rows
from kafkalite_conformance.stage import CRASH_TIMEOUT_MS, Stage


def owner_of(members: list[DriverProcess], partition: TopicPartition) -> DriverProcess:
    """Return the member that owns a partition."""
    (owner,) = [member for member in members if partition in member.owned]
    return owner


@pytest.mark.needs("explicit-commit")
def test_the_fourth_member_takes_over_from_a_crashed_owner(stage: Stage, client: str) -> None:
    """Three partitions, four members: the standby is the heir, and nobody reads what another has committed."""
    topic, group = stage.topic(3), stage.group()
    members = [stage.member(client, group, [topic], session_timeout_ms=CRASH_TIMEOUT_MS) for _ in range(4)]
    stage.await_ownership(members, {topic: 3})
    for partition in range(3):
        stage.fill(topic, [b"%d-%d" % (partition, number) for number in range(6)], partition=partition)
    stage.wait(lambda: sum(len(member.records) for member in members) >= 18, "18 records")
    for member in members:
        if member.owned:
            member.commit(dict.fromkeys(member.owned, 4))
    victim = members.pop(next(index for index, member in enumerate(members) if member.owned))
    (lost,) = victim.owned
    seen = {member: len(member.records) for member in members}
    victim.crash()
    stage.await_ownership(members, {topic: 3}, timeout=CRASH_TIMEOUT_MS / 1000 + 40)
    heir = owner_of(members, lost)
    stage.wait(
        lambda: len([record for record in heir.records[seen[heir] :] if record.topic_partition == lost]) >= 2,
        "the uncommitted tail",
    )
    tail = [record.offset for record in heir.records[seen[heir] :] if record.topic_partition == lost]
    assert tail == [4, 5]


def test_members_beyond_the_partitions_keep_coming_and_each_partition_keeps_one_owner(
    stage: Stage, client: str
) -> None:
    """However many join, every partition is read by exactly one member, and each record once."""
    topic, group = stage.topic(2), stage.group()
    members = [stage.member(client, group, [topic], auto_commit=True)]
    for _ in range(2):
        stage.await_ownership(members, {topic: 2})
        members.append(stage.member(client, group, [topic], auto_commit=True))
    stage.await_ownership(members, {topic: 2})
    for partition in range(2):
        stage.fill(topic, [b"%d" % number for number in range(5)], partition=partition)
    stage.wait(lambda: sum(len(member.records) for member in members) >= 10, "10 records")
    places = sorted((record.partition, record.offset) for member in members for record in member.records)
    assert places == [(partition, offset) for partition in range(2) for offset in range(5)]


@pytest.mark.needs("instance-id")
def test_a_static_member_returns_to_its_partition_without_a_rebalance(stage: Stage, client: str) -> None:
    """KIP-345: within its session the same `group.instance.id` gets the same partitions, and others notice nothing."""
    topic, group = stage.topic(2), stage.group()
    members = [
        stage.member(client, group, [topic], instance_id=f"seat-{number}", session_timeout_ms=60_000)
        for number in range(2)
    ]
    stage.await_ownership(members, {topic: 2})
    stayer, goer = members
    had, notices = goer.owned, len(stayer.ownership)
    goer.crash()
    returned = stage.member(client, group, [topic], instance_id="seat-1", session_timeout_ms=60_000)
    returned.wait_until(lambda: returned.owned == had, "its own partition")
    (kept,) = stayer.owned
    stage.fill(topic, [b"after"], partition=kept.partition)
    stayer.wait_until(lambda: b"after" in stayer.values, "the next record")
    assert len(stayer.ownership) == notices


@pytest.mark.needs("cooperative-sticky")
def test_a_cooperative_rebalance_takes_only_what_moves(stage: Stage, client: str) -> None:
    """KIP-429: the first member keeps what stays with it, without a moment in which it owns nothing."""
    topic, group = stage.topic(4), stage.group()
    first = stage.member(client, group, [topic], assignor="cooperative-sticky")
    stage.await_ownership([first], {topic: 4})
    told = len(first.ownership)
    second = stage.member(client, group, [topic], assignor="cooperative-sticky")
    stage.wait(lambda: len(first.owned) == 2 and len(second.owned) == 2, "two partitions each")
    assert not first.owned & second.owned
    assert all(len(change.owned) >= 2 for change in first.ownership[told:])
    second.call("leave")
    stage.await_ownership([first], {topic: 4})


@pytest.mark.needs("cooperative-sticky")
def test_a_newcomer_without_a_share_moves_nobody(stage: Stage, client: str) -> None:
    """A partition stays with its owner while the owner lives, however many join."""
    topic, group = stage.topic(), stage.group()
    owner = stage.member(client, group, [topic], assignor="cooperative-sticky")
    stage.await_ownership([owner], {topic: 1})
    told = len(owner.ownership)
    newcomers = [stage.member(client, group, [topic], assignor="cooperative-sticky") for _ in range(2)]

    def all_are_in() -> bool:
        described = stage.hand.call("describe_group", name=group)
        return described.text("state") == "STABLE" and len(described.rows("members")) == 3

    stage.poll(all_are_in, "a stable group of three")
    stage.fill(topic, [b"still"])
    owner.wait_until(lambda: b"still" in owner.values, "a record for the owner")
    assert all(change.owned for change in owner.ownership[told:])
    assert not any(newcomer.owned for newcomer in newcomers)


@pytest.mark.needs("explicit-commit", "commit-errors")
def test_a_zombie_cannot_commit(stage: Stage, client: str) -> None:
    """A member that slept through its session is told so, and the new owner's progress stays."""
    topic, group = stage.topic(), stage.group()
    stage.fill(topic, [b"%d" % number for number in range(5)])
    zombie = stage.member(client, group, [topic], session_timeout_ms=CRASH_TIMEOUT_MS)
    zombie.wait_until(lambda: len(zombie.records) == 5, "five records")
    zombie.freeze()
    heir = stage.member(client, group, [topic], session_timeout_ms=60_000)
    stage.wait(
        lambda: len(heir.records) == 5, "the partition of the frozen member", timeout=CRASH_TIMEOUT_MS / 1000 + 40
    )
    heir.commit({TopicPartition(topic, 0): 5})
    # The zombie joins again when it wakes; without its heir no generation comes about in which it could commit.
    heir.freeze()
    late = zombie.send("commit", offsets=offset_rows({TopicPartition(topic, 0): 2}))
    zombie.thaw()
    assert isinstance(zombie.outcome(late), Failed)
    assert stage.committed(group) == {TopicPartition(topic, 0): 5}


def test_added_partitions_reach_running_consumers(stage: Stage, client: str) -> None:
    """A member that refreshes its metadata asks for a rebalance, and the new partition is read from its beginning."""
    topic, group = stage.topic(1), stage.group()
    member = stage.member(client, group, [topic], auto_commit=True)
    stage.await_ownership([member], {topic: 1})
    stage.hand.call("create_partitions", name=topic, total=3)
    stage.await_partitions(topic, 3)
    stage.fill(topic, [b"new"], partition=2)
    stage.await_ownership([member], {topic: 3})
    member.wait_until(lambda: b"new" in member.values, "the record in the new partition")


@pytest.mark.needs("pause")
def test_a_paused_consumer_keeps_its_partition(stage: Stage, client: str) -> None:
    """Pausing stops fetching, not membership: it outlasts the session, and goes on where it was."""
    topic, group = stage.topic(), stage.group()
    stage.fill(topic, [b"before"])
    member = stage.member(client, group, [topic], session_timeout_ms=CRASH_TIMEOUT_MS)
    stage.await_values(member, [b"before"])
    member.call("pause", partitions=[TopicPartition(topic, 0).as_json()])
    stage.fill(topic, [b"meanwhile"])
    seconds = 1.5 * CRASH_TIMEOUT_MS / 1000
    stage.hold(
        lambda: len(stage.hand.call("describe_group", name=group).rows("members")) == 1, "membership", seconds=seconds
    )
    member.wait_until(lambda: member.owned, "the partition")
    member.call("resume", partitions=[TopicPartition(topic, 0).as_json()])
    stage.wait(lambda: b"meanwhile" in member.values, "the next record")


def test_a_group_starts_at_the_latest_when_told_so(stage: Stage, client: str) -> None:
    """`auto.offset.reset` of latest: a new group sees what comes after it has its partition and position."""
    topic, group = stage.topic(), stage.group()
    stage.fill(topic, [b"old"])
    member = stage.member(client, group, [topic], reset="latest")
    stage.await_ownership([member], {topic: 1})
    stage.poll(lambda: (stage.fill(topic, [b"new"]), member.records)[1], "a new record")
    assert b"old" not in member.values


@pytest.mark.needs("consumer-protocol")
@pytest.mark.apis(68, 69)
def test_the_consumer_protocol_shares_partitions_and_hands_over(stage: Stage, client: str) -> None:
    """KIP-848: the broker assigns; a crash, a clean leave and a commit mean what they always meant."""
    topic, group = stage.topic(4), stage.group()
    members = [stage.member(client, group, [topic], protocol="consumer") for _ in range(2)]
    stage.wait(lambda: [len(member.owned) for member in members] == [2, 2], "two partitions each")
    stage.await_ownership(members, {topic: 4})
    stage.fill(topic, [b"0", b"1", b"2"], partition=0)
    owner = owner_of(members, TopicPartition(topic, 0))
    owner.wait_until(lambda: len(owner.records) == 3, "three records")
    owner.commit({TopicPartition(topic, 0): 2})
    (heir,) = [member for member in members if member is not owner]
    owner.crash()
    stage.await_ownership([heir], {topic: 4}, timeout=40)
    heir.wait_until(lambda: heir.values == [b"2"], "the uncommitted record")
    third = stage.member(client, group, [topic], protocol="consumer")
    stage.await_ownership([heir, third], {topic: 4})
    heir.call("leave")
    stage.await_ownership([third], {topic: 4})


@pytest.mark.needs("absent-topics")
def test_a_subscription_finds_a_topic_that_is_created_later(stage: Stage, client: str) -> None:
    """Subscribed first, created afterwards: the next refresh of metadata brings the partitions."""
    present, later, group = stage.topic(), stage.name("topic"), stage.group()
    member = stage.member(client, group, [present, later], auto_commit=True)
    member.wait_until(lambda: TopicPartition(present, 0) in member.owned, "the present topic")
    (sent,) = stage.hand.produce(later, [Record(value=b"late")])
    member.wait_until(lambda: b"late" in member.values, "the later topic's record")
    assert sent.index == 0
