"""Consumer groups: who owns what, when it moves, and from where the next owner goes on."""

from collections.abc import Sequence

import pytest

from kafkalite_conformance.assignment import range_assignment, round_robin_assignment
from kafkalite_conformance.drivers.catalogue import CLIENTS
from kafkalite_conformance.drivers.events import TopicPartition
from kafkalite_conformance.drivers.process import DriverProcess
from kafkalite_conformance.stage import CRASH_TIMEOUT_MS, Stage


def numbered(prefix: str, count: int) -> list[bytes]:
    """Return `count` values that tell their place."""
    return [f"{prefix}-{number}".encode() for number in range(count)]


def shares(members: Sequence[DriverProcess]) -> set[frozenset[TopicPartition]]:
    """Return what the members own, whoever owns it."""
    return {member.owned for member in members}


def test_range_gives_each_member_a_run_of_each_topic(stage: Stage, client: str) -> None:
    """KafkaConsumer's RangeAssignor: topics one by one, the first members get the remainder."""
    topics = {stage.topic(7): 7, stage.topic(4): 4}
    group = stage.group()
    members = [stage.member(client, group, list(topics), assignor="range") for _ in range(3)]
    stage.await_ownership(members, topics)
    if CLIENTS[client].range_is_kafkas:
        assert shares(members) == range_assignment(topics, len(members))


def test_round_robin_deals_all_partitions_in_turn(stage: Stage, client: str) -> None:
    """KafkaConsumer's RoundRobinAssignor: all partitions in order of topic and number, dealt out in a circle."""
    topics = {stage.topic(5): 5, stage.topic(3): 3}
    group = stage.group()
    # kafkajs deals in the order of its subscription; Kafka's own order is by name.
    members = [stage.member(client, group, sorted(topics), assignor="roundrobin") for _ in range(3)]
    stage.await_ownership(members, topics)
    assert shares(members) == round_robin_assignment(topics, len(members))


@pytest.mark.needs("explicit-commit")
def test_a_restarted_consumer_goes_on_after_the_last_commit(stage: Stage, client: str) -> None:
    """A commit is where the next one starts: neither the records before it nor a gap after it."""
    topic, group, values = stage.topic(), stage.group(), numbered("v", 10)
    stage.fill(topic, values)
    first = stage.member(client, group, [topic])
    stage.await_values(first, values)
    first.commit({TopicPartition(topic, 0): 6})
    first.call("leave")
    second = stage.member(client, group, [topic])
    stage.await_values(second, values[6:])


@pytest.mark.needs("explicit-commit")
def test_a_commit_without_offsets_covers_what_was_consumed(stage: Stage, client: str) -> None:
    """The committed offset is the one after the last record."""
    topic, group, values = stage.topic(), stage.group(), numbered("v", 5)
    stage.fill(topic, values)
    member = stage.member(client, group, [topic])
    stage.await_values(member, values)
    member.commit()
    assert stage.committed(group) == {TopicPartition(topic, 0): 5}


@pytest.mark.needs("explicit-commit")
def test_a_commit_is_progress_and_not_ownership(stage: Stage, client: str) -> None:
    """Whoever commits, owners stay; and a commit behind the position moves nobody back."""
    topic, group = stage.topic(2), stage.group()
    members = [stage.member(client, group, [topic]) for _ in range(2)]
    stage.await_ownership(members, {topic: 2})
    for partition in range(2):
        stage.fill(topic, numbered("v", 4), partition=partition)
    stage.wait(lambda: all(len(member.records) >= 4 for member in members), "all records")
    before = [(member.owned, len(member.ownership)) for member in members]
    for member in members:
        (owned,) = member.owned
        member.commit({owned: 2})
    stage.fill(topic, [b"later"], partition=0)
    stage.fill(topic, [b"later"], partition=1)
    stage.wait(lambda: all(member.values[-1] == b"later" for member in members), "the records after the commit")
    assert [len(member.records) for member in members] == [5, 5]
    assert [(member.owned, len(member.ownership)) for member in members] == before


def test_a_member_beyond_the_partitions_stands_by(stage: Stage, client: str) -> None:
    """With three partitions, three of four members own one each and the fourth owns nothing."""
    topic, group = stage.topic(3), stage.group()
    members = [stage.member(client, group, [topic]) for _ in range(4)]
    stage.await_ownership(members, {topic: 3})
    assert sorted(len(member.owned) for member in members) == [0, 1, 1, 1]


@pytest.mark.needs("explicit-commit")
def test_a_crash_hands_the_partition_to_the_standby(stage: Stage, client: str) -> None:
    """After the session time-out the standby goes on at the last commit, and re-reads exactly the uncommitted tail."""
    topic, group = stage.topic(), stage.group()
    values = numbered("v", 10)
    stage.fill(topic, values)
    owner = stage.member(client, group, [topic], session_timeout_ms=CRASH_TIMEOUT_MS)
    stage.await_values(owner, values)
    owner.commit({TopicPartition(topic, 0): 6})
    standby = stage.member(client, group, [topic], session_timeout_ms=CRASH_TIMEOUT_MS)
    members = [owner, standby]
    stage.await_ownership(members, {topic: 1})
    if standby.owned:
        owner, standby = standby, owner
    seen = len(standby.records)
    owner.crash()
    stage.await_ownership([standby], {topic: 1}, timeout=CRASH_TIMEOUT_MS / 1000 + 40)
    stage.wait(lambda: len(standby.records) >= seen + 4, "the uncommitted tail")
    assert standby.values[seen:] == values[6:]


def test_a_clean_leave_hands_over_at_once(stage: Stage, client: str) -> None:
    """A member that says goodbye is not waited for: its session of two minutes does not matter."""
    topic, group = stage.topic(2), stage.group()
    members = [stage.member(client, group, [topic], session_timeout_ms=120_000) for _ in range(2)]
    stage.await_ownership(members, {topic: 2})
    leaver, heir = members
    leaver.call("leave")
    stage.await_ownership([heir], {topic: 2})


def test_two_groups_read_everything_each(stage: Stage, client: str) -> None:
    """Groups know nothing of each other: each reads from the beginning, and commits of one are not the other's."""
    topic, values = stage.topic(), numbered("v", 5)
    stage.fill(topic, values)
    readers = [stage.member(client, stage.group(), [topic], auto_commit=True) for _ in range(2)]
    for reader in readers:
        stage.await_values(reader, values)


@pytest.mark.needs("seek")
def test_a_rewind_replays(stage: Stage, client: str) -> None:
    """The position is the consumer's own."""
    topic, group, values = stage.topic(), stage.group(), numbered("v", 5)
    stage.fill(topic, values)
    member = stage.member(client, group, [topic])
    stage.await_values(member, values)
    member.call("seek", topic=topic, partition=0, offset=2)
    stage.await_values(member, [*values, *values[2:]])
