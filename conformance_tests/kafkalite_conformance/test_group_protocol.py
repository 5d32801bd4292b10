"""The classic group protocol by hand: answers to what real clients send only when things go wrong."""

import time
from collections.abc import Callable, Generator

import pytest

from kafkalite_conformance.raw import API_HEARTBEAT, API_METADATA, RawConnection, array, int32, string
from kafkalite_conformance.raw_group import (
    FENCED_INSTANCE_ID,
    ILLEGAL_GENERATION,
    INCONSISTENT_GROUP_PROTOCOL,
    INVALID_GROUP_ID,
    INVALID_SESSION_TIMEOUT,
    MEMBER_ID_REQUIRED,
    NONE,
    OFFSET_METADATA_TOO_LARGE,
    REBALANCE_IN_PROGRESS,
    UNKNOWN_MEMBER_ID,
    UNKNOWN_TOPIC_OR_PARTITION,
    RawMember,
)
from kafkalite_conformance.scenario import Scenario

NewMember = Callable[[], RawMember]


@pytest.fixture
def new_member(scenario: Scenario) -> Generator[NewMember]:
    """Make members of one group, each with its connection, once the coordinator is there."""
    group = scenario.group()
    connections: list[RawConnection] = []

    def make() -> RawMember:
        connections.append(RawConnection(scenario.bootstrap))
        return RawMember(connections[-1], group)

    scenario.poll(make().coordinator_is_there, "a coordinator")
    yield make
    for connection in connections:
        with connection:
            pass


def test_a_group_of_two_elects_a_leader_and_passes_its_assignment_on(new_member: NewMember) -> None:
    """The first member leads, and only it receives the member list; its assignment is opaque bytes to the broker."""
    first, second = new_member(), new_member()
    alone = first.join()
    assert (alone.error, alone.generation, alone.leader, alone.protocol) == (NONE, 1, alone.member_id, "range")
    assert alone.members == {alone.member_id: b"mine"}
    second.start_join(protocols=[("range", b"yours")])
    while (told := first.heartbeat(1, alone.member_id)) == NONE:
        pass
    assert told == REBALANCE_IN_PROGRESS
    leader = first.join(alone.member_id)
    follower = second.joined()
    assert (leader.generation, follower.generation) == (2, 2)
    assert leader.leader == follower.leader == alone.member_id
    assert leader.members == {alone.member_id: b"mine", follower.member_id: b"yours"}
    assert follower.members == {}
    shares = {alone.member_id: b"left half", follower.member_id: b"right half"}
    assert first.sync(2, alone.member_id, shares) == (NONE, b"left half")
    assert second.sync(2, follower.member_id) == (NONE, b"right half")
    assert first.heartbeat(2, alone.member_id) == NONE
    assert second.heartbeat(2, follower.member_id) == NONE


def test_a_follower_waits_for_the_leaders_assignment(new_member: NewMember) -> None:
    """A SyncGroup that comes before the leader's is answered with it."""
    first, second = new_member(), new_member()
    alone = first.join()
    second.start_join()
    while first.heartbeat(1, alone.member_id) == NONE:
        pass
    first.join(alone.member_id)
    follower = second.joined()
    second.start_sync(2, follower.member_id)
    assert second.connection.hears_nothing(within=0.2)
    first.sync(2, alone.member_id, {alone.member_id: b"a", follower.member_id: b"b"})
    assert second.synced() == (NONE, b"b")


def test_a_newcomer_is_told_its_id_first(new_member: NewMember) -> None:
    """KIP-394: from JoinGroup v4 on MEMBER_ID_REQUIRED; with the id it is a member."""
    member = new_member()
    told = member.join(version=4)
    assert told.error == MEMBER_ID_REQUIRED
    assert told.member_id
    joined = member.join(told.member_id, version=4)
    assert (joined.error, joined.member_id, joined.generation) == (NONE, told.member_id, 1)


def test_an_older_newcomer_joins_at_once(new_member: NewMember) -> None:
    """Before JoinGroup v4 there is no MEMBER_ID_REQUIRED round trip."""
    assert new_member().join(version=2).error == NONE


def test_an_unknown_member_id_is_refused(scenario: Scenario, new_member: NewMember) -> None:
    """UNKNOWN_MEMBER_ID for join, sync, heartbeat, leave and commit."""
    topic, member = scenario.topic(), new_member()
    joined = member.join()
    member.sync(1, joined.member_id, {joined.member_id: b""})
    assert member.join("stranger").error == UNKNOWN_MEMBER_ID
    assert member.sync(1, "stranger")[0] == UNKNOWN_MEMBER_ID
    assert member.heartbeat(1, "stranger") == UNKNOWN_MEMBER_ID
    assert member.leave("stranger") == UNKNOWN_MEMBER_ID
    assert member.commit(topic, 1, generation=1, member_id="stranger") == UNKNOWN_MEMBER_ID


def test_another_generation_is_illegal(scenario: Scenario, new_member: NewMember) -> None:
    """ILLEGAL_GENERATION for sync, heartbeat and commit; the commit changes nothing."""
    topic, member = scenario.topic(), new_member()
    joined = member.join()
    member.sync(1, joined.member_id, {joined.member_id: b""})
    assert member.commit(topic, 5, generation=1, member_id=joined.member_id) == NONE
    assert member.sync(7, joined.member_id)[0] == ILLEGAL_GENERATION
    assert member.heartbeat(0, joined.member_id) == ILLEGAL_GENERATION
    assert member.commit(topic, 9, generation=2, member_id=joined.member_id) == ILLEGAL_GENERATION
    assert member.committed(topic) == (5, NONE)


def test_a_group_with_members_takes_no_commit_of_an_outsider(scenario: Scenario, new_member: NewMember) -> None:
    """Without a member id a commit is for groups without members: consumers that assign themselves."""
    topic, outsider, member = scenario.topic(), new_member(), new_member()
    assert outsider.commit(topic, 3) == NONE
    assert outsider.committed(topic) == (3, NONE)
    joined = member.join()
    member.sync(1, joined.member_id, {joined.member_id: b""})
    assert outsider.commit(topic, 4) == UNKNOWN_MEMBER_ID
    assert outsider.committed(topic) == (3, NONE)


def test_nothing_committed_is_minus_1(scenario: Scenario, new_member: NewMember) -> None:
    """No error: an unknown group has committed nothing."""
    assert new_member().committed(scenario.topic()) == (-1, NONE)


def test_long_commit_metadata_is_refused(scenario: Scenario, new_member: NewMember) -> None:
    """`offset.metadata.max.bytes` is 4096 by default."""
    topic, member = scenario.topic(), new_member()
    assert member.commit(topic, 1, metadata="x" * 4096) == NONE
    assert member.commit(topic, 2, metadata="x" * 4097) == OFFSET_METADATA_TOO_LARGE
    assert member.committed(topic) == (1, NONE)


def test_a_commit_for_a_topic_that_is_not_there_is_refused(scenario: Scenario, new_member: NewMember) -> None:
    """UNKNOWN_TOPIC_OR_PARTITION comes before anything about the group."""
    assert new_member().commit(scenario.name("absent"), 1) == UNKNOWN_TOPIC_OR_PARTITION


@pytest.mark.parametrize("timeout", [1, 10_000_000])
def test_a_session_timeout_out_of_bounds_is_refused(new_member: NewMember, timeout: int) -> None:
    """Between `group.min.session.timeout.ms` and `group.max.session.timeout.ms`."""
    assert new_member().join(session_timeout_ms=timeout).error == INVALID_SESSION_TIMEOUT


def test_a_member_without_a_common_protocol_is_refused(new_member: NewMember) -> None:
    """INCONSISTENT_GROUP_PROTOCOL: no common assignor, another protocol type, or none at all."""
    member, other = new_member(), new_member()
    joined = member.join(protocols=[("range", b""), ("roundrobin", b"")])
    member.sync(1, joined.member_id, {joined.member_id: b""})
    assert other.join(protocols=[("exotic", b"")]).error == INCONSISTENT_GROUP_PROTOCOL
    assert other.join(protocol_type="connect").error == INCONSISTENT_GROUP_PROTOCOL
    assert other.join(protocols=[]).error == INCONSISTENT_GROUP_PROTOCOL
    assert member.heartbeat(1, joined.member_id) == NONE


def test_the_chosen_protocol_is_one_that_all_have(new_member: NewMember) -> None:
    """Each member votes for the first of its protocols that all members have."""
    first, second = new_member(), new_member()
    alone = first.join(protocols=[("sticky", b"s"), ("range", b"r")])
    assert alone.protocol == "sticky"
    second.start_join(protocols=[("roundrobin", b"x"), ("range", b"y")])
    while first.heartbeat(1, alone.member_id) == NONE:
        pass
    both = first.join(alone.member_id, protocols=[("sticky", b"s"), ("range", b"r")])
    assert both.protocol == "range"
    assert set(both.members.values()) == {b"r", b"y"}


def test_a_group_needs_a_name(scenario: Scenario) -> None:
    """INVALID_GROUP_ID for the empty one."""
    with RawConnection(scenario.bootstrap) as connection:
        assert RawMember(connection, "").join().error == INVALID_GROUP_ID


def test_a_leader_that_joins_again_starts_a_rebalance(new_member: NewMember) -> None:
    """That is how it tells that topics have changed, also with unchanged protocols."""
    leader = new_member()
    joined = leader.join()
    leader.sync(1, joined.member_id, {joined.member_id: b"all"})
    assert leader.join(joined.member_id).generation == 2


def test_a_follower_that_joins_again_unchanged_learns_where_things_stand(new_member: NewMember) -> None:
    """No rebalance: it gets the current generation's answer at once."""
    first, second = new_member(), new_member()
    alone = first.join()
    second.start_join()
    while first.heartbeat(1, alone.member_id) == NONE:
        pass
    first.join(alone.member_id)
    follower = second.joined()
    first.sync(2, alone.member_id, {alone.member_id: b"a", follower.member_id: b"b"})
    second.sync(2, follower.member_id)
    again = second.join(follower.member_id)
    assert (again.error, again.generation) == (NONE, 2)
    assert first.heartbeat(2, alone.member_id) == NONE


def test_a_silent_member_is_dropped_after_its_session(scenario: Scenario, new_member: NewMember) -> None:
    """No heartbeat for the session time-out: a commit comes too late, and a newcomer leads."""
    topic, silent, heir = scenario.topic(), new_member(), new_member()
    joined = silent.join(session_timeout_ms=1000, rebalance_timeout_ms=1000)
    if joined.error == INVALID_SESSION_TIMEOUT:
        pytest.skip("this broker's shortest session is longer than a second")
    silent.sync(1, joined.member_id, {joined.member_id: b"all"})
    new = heir.join()
    assert (new.leader, list(new.members)) == (new.member_id, [new.member_id])
    assert silent.heartbeat(1, joined.member_id) == UNKNOWN_MEMBER_ID
    assert silent.commit(topic, 1, generation=1, member_id=joined.member_id) == UNKNOWN_MEMBER_ID


def test_a_heartbeat_is_answered_at_once(new_member: NewMember) -> None:
    """For any session time-out, alone or pipelined: sarama sends nothing else to a broker while it waits."""
    member = new_member()
    joined = member.join(session_timeout_ms=30_000)
    member.sync(1, joined.member_id, {joined.member_id: b"all"})
    beat = string(member.group) + int32(1) + string(joined.member_id)
    took: list[float] = []
    for _ in range(3):
        started = time.monotonic()
        member.connection.start(API_HEARTBEAT, 1, beat)
        member.connection.receive()
        took.append(time.monotonic() - started)
    assert min(took) < 1, "a busy machine may hold one up, and a broker that keeps it keeps each"
    sent = [member.connection.start(API_HEARTBEAT, 1, beat), member.connection.start(API_METADATA, 1, array([]))]
    assert [member.connection.receive()[0] for _ in sent] == sent


def test_leaving_is_at_once_and_once(new_member: NewMember) -> None:
    """The remaining member gets REBALANCE_IN_PROGRESS; the one that left is unknown."""
    leader, leaver = new_member(), new_member()
    alone = leader.join()
    leaver.start_join()
    while leader.heartbeat(1, alone.member_id) == NONE:
        pass
    leader.join(alone.member_id)
    follower = leaver.joined()
    leader.sync(2, alone.member_id, {alone.member_id: b"a", follower.member_id: b"b"})
    assert leaver.leave(follower.member_id) == NONE
    assert leader.heartbeat(2, alone.member_id) == REBALANCE_IN_PROGRESS
    assert leaver.leave(follower.member_id) == UNKNOWN_MEMBER_ID
    assert leader.join(alone.member_id).members.keys() == {alone.member_id}


def test_a_static_member_that_returns_fences_its_former_self(new_member: NewMember) -> None:
    """KIP-345: the same instance id gets a new member id without a rebalance; the old id is fenced."""
    before, after = new_member(), new_member()
    old = before.join(version=5, instance_id="seat")
    before.sync(old.generation, old.member_id, {old.member_id: b"share"})
    new = after.join(version=5, instance_id="seat")
    assert new.error == NONE
    assert new.generation == old.generation
    assert new.member_id != old.member_id
    # JoinGroup v5 by the old member id under the same instance id.
    assert before.join(old.member_id, version=5, instance_id="seat").error == FENCED_INSTANCE_ID
    assert after.sync(new.generation, new.member_id) == (NONE, b"share")
