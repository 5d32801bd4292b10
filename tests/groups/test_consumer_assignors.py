"""The assignors of the broker compared with those of Apache Kafka 4.4.0, and what they promise."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from kafkalite.coordinators.groups.consumer.assignors import ASSIGNORS, MemberSpec, Partitions

HISTORIES = Path(__file__).parent / "golden" / "consumer_assignments.jsonl.gz"


def _partitions(written: dict[str, list[int]]) -> Partitions:
    return {bytes.fromhex(topic): frozenset(partitions) for topic, partitions in written.items()}


def test_uniform_and_range_are_those_of_kafka() -> None:
    compared: Counter[str] = Counter()
    with gzip.open(HISTORIES, "rt") as lines:
        for line in lines:
            name, topics, members, expected = json.loads(line)
            specs = {
                member_id: MemberSpec(
                    topics=frozenset(map(bytes.fromhex, subscribed)),
                    instance_id=instance_id,
                    assigned=_partitions(assigned),
                )
                for member_id, instance_id, subscribed, assigned in members
            }
            answer = ASSIGNORS[name](specs, {bytes.fromhex(topic): count for topic, count in topics})
            assert answer == {member_id: _partitions(assigned) for member_id, assigned in expected.items()}, line
            compared[name] += 1
    assert compared == {"uniform": 800, "range": 400}


@st.composite
def groups(draw: st.DrawFn) -> tuple[dict[str, MemberSpec], dict[bytes, int]]:
    topics = {bytes([number]) * 16: draw(st.integers(1, 9)) for number in range(draw(st.integers(1, 3)))}
    subscriptions = st.frozensets(st.sampled_from(sorted(topics)), min_size=1)
    members = {
        f"m{number}": MemberSpec(topics=draw(subscriptions), instance_id=draw(st.sampled_from([None, f"i{number}"])))
        for number in range(draw(st.integers(1, 5)))
    }
    return members, topics


def _count(partitions: Partitions) -> int:
    return sum(map(len, partitions.values()))


@given(groups(), st.sampled_from(sorted(ASSIGNORS)))
def test_each_partition_has_one_owner_that_subscribes_to_it(
    group: tuple[dict[str, MemberSpec], dict[bytes, int]], name: str
) -> None:
    members, topics = group
    answer = ASSIGNORS[name](members, topics)
    assert set(answer) == set(members)
    owned = Counter(
        (topic, partition) for partitions in answer.values() for topic, held in partitions.items() for partition in held
    )
    read = {topic for member in members.values() for topic in member.topics}
    assert owned == Counter((topic, partition) for topic in read for partition in range(topics[topic]))
    for member_id, partitions in answer.items():
        assert set(partitions) <= members[member_id].topics


@given(groups(), st.integers(1, 3))
def test_uniform_is_balanced_and_moves_no_more_than_it_must(
    group: tuple[dict[str, MemberSpec], dict[bytes, int]], joining: int
) -> None:
    members, topics = group
    everything = frozenset(topics)
    alike = {member_id: MemberSpec(topics=everything) for member_id in members}
    before = ASSIGNORS["uniform"](alike, topics)
    assert max(map(_count, before.values())) - min(map(_count, before.values())) <= 1
    settled = {member_id: MemberSpec(topics=everything, assigned=before[member_id]) for member_id in alike}
    assert ASSIGNORS["uniform"](settled, topics) == before
    more = settled | {f"new{number}": MemberSpec(topics=everything) for number in range(joining)}
    after = ASSIGNORS["uniform"](more, topics)
    kept = sum(len(before[m].get(t, frozenset()) & after[m].get(t, frozenset())) for m in before for t in topics)
    # Only what the new members get has moved.
    assert kept == sum(topics.values()) - sum(_count(after[f"new{number}"]) for number in range(joining))


def test_round_robin_deals_in_turn() -> None:
    a, b = b"a" * 16, b"b" * 16
    members = {"z": MemberSpec(topics=frozenset((a, b))), "y": MemberSpec(topics=frozenset((a,)))}
    assert ASSIGNORS["roundrobin"](members, {a: 3, b: 2}) == {
        "y": {a: frozenset((0, 2))},
        "z": {a: frozenset((1,)), b: frozenset((0, 1))},
    }
