"""The assignors against what Apache Kafka's Java client and kafka-python compute."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kafkalite.coordinators.assignors import ASSIGNORS, Assignment, Subscription, TopicPartition, assign
from tests.groups.golden import cases

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # kafka-python 3.0 reads its schemas in an old way.
    from kafka.coordinator.assignors.range import RangePartitionAssignor
    from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
    from kafka.protocol.consumer.metadata import ConsumerProtocolSubscription

Topics = dict[str, dict[str, list[int]]]


def by_topic(assignment: Assignment) -> Topics:
    found: Topics = {}
    for member, partitions in assignment.items():
        topics = found.setdefault(member, {})
        for topic, partition in partitions:
            topics.setdefault(topic, []).append(partition)
    return found


def test_range_assigns_as_the_java_client_does() -> None:
    for case in cases.assignments():
        assert by_topic(assign("range", case.members, case.partitions)) == case.range


def test_round_robin_assigns_as_the_java_client_does() -> None:
    for case in cases.assignments():
        assert by_topic(assign("roundrobin", case.members, case.partitions)) == case.round_robin


@dataclass
class FakeCluster:
    partitions: Mapping[str, int]

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return set(range(self.partitions[topic])) if topic in self.partitions else None


@dataclass
class KafkaPythonMember:
    member_id: str
    group_instance_id: str | None
    metadata: ConsumerProtocolSubscription


def kafka_python(
    assignor: type[RangePartitionAssignor] | type[RoundRobinPartitionAssignor],
    members: Mapping[str, Subscription],
    partitions: Mapping[str, int],
) -> Topics:
    assigned = assignor.assign(
        FakeCluster(partitions),
        [
            KafkaPythonMember(member_id, subscription.group_instance_id, assignor.metadata(subscription.topics))
            for member_id, subscription in members.items()
        ],
    )
    return {
        member_id: {topic: list(indexes) for topic, indexes in assignment.assigned_partitions if indexes}
        for member_id, assignment in assigned.items()
    }


names = st.text("abcdef", min_size=1, max_size=3)
counts = st.dictionaries(names, st.integers(0, 7), min_size=1, max_size=4)


@st.composite
def groups(draw: st.DrawFn, *, same_topics: bool) -> tuple[dict[str, Subscription], dict[str, int]]:
    """Either all members are static or none is: of a mixture kafka-python 3.0 forgets some."""
    partitions = draw(counts)
    subscribed = st.lists(st.sampled_from([*partitions, "missing"]), unique=True).map(tuple)
    common = draw(subscribed)
    static = draw(st.booleans())
    members = {
        member_id: Subscription(
            topics=common if same_topics else draw(subscribed),
            group_instance_id=f"{draw(names)}-{member_id}" if static else None,
        )
        for member_id in draw(st.lists(names, unique=True, min_size=1, max_size=5))
    }
    return members, partitions


@given(groups(same_topics=False))
def test_range_assigns_as_kafka_python_does(group: tuple[dict[str, Subscription], dict[str, int]]) -> None:
    members, partitions = group
    assert by_topic_of_all(assign("range", *group)) == kafka_python(RangePartitionAssignor, members, partitions)


@given(groups(same_topics=True))
def test_round_robin_assigns_as_kafka_python_does_where_all_subscribe_to_the_same(
    group: tuple[dict[str, Subscription], dict[str, int]],
) -> None:
    # With differing subscriptions kafka-python 3.0 fails with a KeyError.
    members, partitions = group
    expected = kafka_python(RoundRobinPartitionAssignor, members, partitions)
    assert by_topic_of_all(assign("roundrobin", *group)) == expected


def by_topic_of_all(assignment: Assignment) -> Topics:
    return {member: {} for member in assignment} | by_topic(assignment)


@pytest.mark.parametrize("strategy", ASSIGNORS)
@given(group=groups(same_topics=False))
def test_every_partition_somebody_wants_has_exactly_one_owner_who_wants_it(
    strategy: str, group: tuple[dict[str, Subscription], dict[str, int]]
) -> None:
    members, partitions = group
    assignment = assign(strategy, members, partitions)
    owned = [owned for partitions in assignment.values() for owned in partitions]
    wanted = {topic for subscription in members.values() for topic in subscription.topics}
    assert sorted(owned) == sorted(
        TopicPartition(topic, index) for topic in wanted & set(partitions) for index in range(partitions[topic])
    )
    for member, topic_partitions in assignment.items():
        assert {topic for topic, _ in topic_partitions} <= set(members[member].topics)


@pytest.mark.parametrize("strategy", ASSIGNORS)
def test_a_member_beyond_the_number_of_partitions_is_a_standby(strategy: str) -> None:
    three = {name: Subscription(topics=("jobs",)) for name in ("a", "b", "c")}
    assert assign(strategy, three, {"jobs": 2})["c"] == []


def test_an_unknown_strategy_is_refused() -> None:
    with pytest.raises(KeyError):
        assign("sticky", {}, {})
