"""Consumer groups: who owns what, when it moves, and from where the next owner goes on."""

from collections.abc import Sequence

import pytest

from kafkalite_conformance.assignment import range_assignment, round_robin_assignment
from kafkalite_conformance.drivers.catalogue import CLIENTS
from kafkalite_conformance.drivers.events import TopicPartition
from kafkalite_conformance.drivers.process import DriverProcess
from kafkalite_conformance.scenario import CRASH_TIMEOUT_MS, Scenario


def numbered(prefix: str, count: int) -> list[bytes]:
    """Return `count` values that tell their place."""
    return [f"{prefix}-{number}".encode() for number in range(count)]


def shares(members: Sequence[DriverProcess]) -> set[frozenset[TopicPartition]]:
    """Return the partitions that the members own together."""
    return {member.owned for member in members}


def test_range_gives_each_member_a_run_of_each_topic(scenario: Scenario, client: str) -> None:
    """KafkaConsumer's RangeAssignor: topics one by one, the first members get the remainder."""
    topics = {scenario.topic(7): 7, scenario.topic(4): 4}
    group = scenario.group()
    members = [scenario.member(client, group, list(topics), assignor="range") for _ in range(3)]
    scenario.await_ownership(members, topics)
    if CLIENTS[client].range_is_kafkas:
        assert shares(members) == range_assignment(topics, len(members))


def test_round_robin_deals_all_partitions_in_turn(scenario: Scenario, client: str) -> None:
    """KafkaConsumer's RoundRobinAssignor: all partitions in order of topic and number, dealt out in a circle."""
    topics = {scenario.topic(5): 5, scenario.topic(3): 3}
    group = scenario.group()
    # kafkajs deals in the order of its subscription; Kafka's own order is by name.
    members = [scenario.member(client, group, sorted(topics), assignor="roundrobin") for _ in range(3)]
    scenario.await_ownership(members, topics)
    assert shares(members) == round_robin_assignment(topics, len(members))


@pytest.mark.needs("explicit-commit")
def test_a_restarted_consumer_goes_on_after_the_last_commit(scenario: Scenario, client: str) -> None:
    """A commit is where the next one starts: neither the records before it nor a gap after it."""
    topic, group, values = scenario.topic(), scenario.group(), numbered("v", 10)
    scenario.fill(topic, values)
    first = scenario.member(client, group, [topic])
    scenario.await_values(first, values)
    first.commit({TopicPartition(topic, 0): 6})
    first.call("leave")
    second = scenario.member(client, group, [topic])
    scenario.await_values(second, values[6:])


@pytest.mark.needs("explicit-commit")
def test_a_commit_without_offsets_covers_what_was_consumed(scenario: Scenario, client: str) -> None:
    """The committed offset is the one after the last record."""
    topic, group, values = scenario.topic(), scenario.group(), numbered("v", 5)
    scenario.fill(topic, values)
    member = scenario.member(client, group, [topic])
    scenario.await_values(member, values)
    member.commit()
    assert scenario.committed(group) == {TopicPartition(topic, 0): 5}


@pytest.mark.needs("explicit-commit")
def test_a_commit_is_progress_and_not_ownership(scenario: Scenario, client: str) -> None:
    """Commits by any member leave the owners as they are; a commit behind the position moves no consumer back."""
    topic, group = scenario.topic(2), scenario.group()
    members = [scenario.member(client, group, [topic]) for _ in range(2)]
    scenario.await_ownership(members, {topic: 2})
    for partition in range(2):
        scenario.fill(topic, numbered("v", 4), partition=partition)
    scenario.wait(lambda: all(len(member.records) >= 4 for member in members), "all records")
    before = [(member.owned, len(member.ownership)) for member in members]
    for member in members:
        (owned,) = member.owned
        member.commit({owned: 2})
    scenario.fill(topic, [b"later"], partition=0)
    scenario.fill(topic, [b"later"], partition=1)
    scenario.wait(lambda: all(member.values[-1] == b"later" for member in members), "the records after the commit")
    assert [len(member.records) for member in members] == [5, 5]
    assert [(member.owned, len(member.ownership)) for member in members] == before


def test_a_member_beyond_the_partitions_stands_by(scenario: Scenario, client: str) -> None:
    """With three partitions, three of four members own one each and the fourth owns nothing."""
    topic, group = scenario.topic(3), scenario.group()
    members = [scenario.member(client, group, [topic]) for _ in range(4)]
    scenario.await_ownership(members, {topic: 3})
    assert sorted(len(member.owned) for member in members) == [0, 1, 1, 1]


@pytest.mark.needs("explicit-commit")
def test_a_crash_hands_the_partition_to_the_standby(scenario: Scenario, client: str) -> None:
    """After the session time-out the standby goes on at the last commit, and re-reads exactly the uncommitted tail."""
    topic, group = scenario.topic(), scenario.group()
    values = numbered("v", 10)
    scenario.fill(topic, values)
    owner = scenario.member(client, group, [topic], session_timeout_ms=CRASH_TIMEOUT_MS)
    scenario.await_values(owner, values)
    owner.commit({TopicPartition(topic, 0): 6})
    standby = scenario.member(client, group, [topic], session_timeout_ms=CRASH_TIMEOUT_MS)
    members = [owner, standby]
    scenario.await_ownership(members, {topic: 1})
    if standby.owned:
        owner, standby = standby, owner
    seen = len(standby.records)
    owner.crash()
    scenario.await_ownership([standby], {topic: 1}, timeout=CRASH_TIMEOUT_MS / 1000 + 40)
    scenario.wait(lambda: len(standby.records) >= seen + 4, "the uncommitted tail")
    assert standby.values[seen:] == values[6:]


def test_a_clean_leave_hands_over_at_once(scenario: Scenario, client: str) -> None:
    """A member that says goodbye is not waited for: its session of two minutes does not matter."""
    topic, group = scenario.topic(2), scenario.group()
    members = [scenario.member(client, group, [topic], session_timeout_ms=120_000) for _ in range(2)]
    scenario.await_ownership(members, {topic: 2})
    leaver, heir = members
    leaver.call("leave")
    scenario.await_ownership([heir], {topic: 2})


def test_two_groups_read_everything_each(scenario: Scenario, client: str) -> None:
    """Groups know nothing of each other: each reads from the beginning, and commits of one are not the other's."""
    topic, values = scenario.topic(), numbered("v", 5)
    scenario.fill(topic, values)
    readers = [scenario.member(client, scenario.group(), [topic], auto_commit=True) for _ in range(2)]
    for reader in readers:
        scenario.await_values(reader, values)


@pytest.mark.needs("seek")
def test_a_rewind_replays(scenario: Scenario, client: str) -> None:
    """The position is the consumer's own."""
    topic, group, values = scenario.topic(), scenario.group(), numbered("v", 5)
    scenario.fill(topic, values)
    member = scenario.member(client, group, [topic])
    scenario.await_values(member, values)
    member.call("seek", topic=topic, partition=0, offset=2)
    scenario.await_values(member, [*values, *values[2:]])
