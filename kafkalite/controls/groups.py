"""The groups of a broker and their coordinator."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kafkalite.controls.definition import Subject, delete, get, post
from kafkalite.controls.errors import Conflict, InvalidRequest, NotFound
from kafkalite.controls.group_rules import CoordinatorAway, Fenced
from kafkalite.controls.records import existing
from kafkalite.controls.views import Group, TopicPartition
from kafkalite_wire.error_codes import ErrorCode

if TYPE_CHECKING:
    from kafkalite.controls.definition import Transport
    from kafkalite.controls.local_broker import LocalBroker
    from kafkalite.coordinators.groups.classic.group import Group as CoordinatorGroup
    from kafkalite.coordinators.groups.consumer.assignors import Partitions
    from kafkalite.coordinators.groups.consumer.group import ConsumerGroup
    from kafkalite.coordinators.groups.pinning import Pins
    from kafkalite.coordinators.results import CoordinatorResult
    from kafkalite.coordinators.topics import ClusterTopics


class Groups(Subject):
    """The groups of a broker, and operations on them that Kafka has no requests for.

    A member is named by its member id, its instance id or its client id.
    """

    def __init__(self, transport: Transport | None, local: LocalBroker | None = None) -> None:
        super().__init__(transport, local)
        self._fenced: Fenced | None = None
        self._pins: Pins | None = None
        if local is not None:
            local.cluster.groups.assignment_hook = self._assign
            local.cluster.groups.target_hook = self._target
            local.broker.on_restored.append(self._restored)

    @get("/groups", result="groups")
    def ids(self) -> list[str]:
        """Return the ids of all groups."""
        return [group.group_id for group in self._local.cluster.groups.coordinator.groups()]

    @get("/groups/{group}")
    def describe(self, group: str) -> Group:
        """Return a group: its state, members, owners, committed offsets and lag; `Dead` if there is none."""
        return self._local.watch.group(group)

    @delete("/groups/{group}")
    def delete(self, group: str) -> None:
        """Delete a group without members, and its offsets. Raises ValueError where the broker refuses."""
        from kafkalite.coordinators.results import Client
        from kafkalite_wire.messages.delete_groups import DeleteGroupsRequest

        reply = _DeletionReply()
        client = Client(client_id="kafkalite.controls", client_host="/127.0.0.1", api_version=2)
        groups = self._local.cluster.groups
        groups.perform(groups.coordinator.delete_groups(DeleteGroupsRequest(groups_names=(group,)), client, reply))
        if reply.error_code:
            error = ErrorCode(reply.error_code).name
            raise Conflict(f"cannot delete ({error}): {self._local.watch.group(group)}")

    @post("/groups/{group}/expire")
    def expire(self, group: str, member: str) -> Group:
        """End a member's session now, as if its heartbeats had stopped; it may join again.

        Raises LookupError unless exactly one member has the name.
        """
        coordinator, now = self._local.cluster.groups.coordinator, self._local.clock.now()
        return self._steer(group, member, "expired", lambda found: coordinator.steering.expire(group, found, now=now))

    @post("/groups/{group}/fence")
    def fence(self, group: str, member: str) -> Group:
        """Fence a static member for good, as if another had joined with its instance id and left again.

        Its partitions are free, and all its requests are answered FENCED_INSTANCE_ID, which clients take as fatal.
        Raises LookupError unless exactly one member has the name, and ValueError for a dynamic one, which Kafka cannot
        fence.
        """
        groups, now = self._local.cluster.groups, self._local.clock.now()

        def fence(member_id: str) -> CoordinatorResult:
            if self._local.watch.group(group).member(member_id).group_instance_id is None:
                raise Conflict(
                    f"{member} has no group.instance.id, and only static members can be fenced (KIP-345): expire it, "
                    "and it is answered UNKNOWN_MEMBER_ID"
                )
            placeholder, effects = groups.coordinator.steering.displace(group, member_id, now=now)
            # First what it waits for is answered, while another has its place; later requests are the interceptor's.
            groups.steer(group, effects)
            if self._fenced is None:
                self._fenced = Fenced()
                self._local.interceptors.add(self._fenced)
            self._fenced.fence(group, member_id)
            return groups.coordinator.steering.expire(group, placeholder, now=now)

        return self._steer(group, member, "fenced", fence)

    @post("/groups/{group}/rebalance")
    def rebalance(self, group: str) -> Group:
        """Make all members of a group rejoin. Raises LookupError if it has none.

        In a group of the consumer protocol (KIP-848) a new epoch begins, and each member moves to it with its next
        heartbeat.
        """
        described = self._local.watch.group(group)
        if not described.members:
            raise NotFound(f"{described}: it has no members to rebalance")
        return self._rebalance_if_any(group, "a rebalance was forced")

    @post("/groups/{group}/pin")
    def pin(self, group: str, assignment: Mapping[str, Collection[tuple[str, int]]]) -> Group:
        """Assign partitions to members of your choice, whatever the group's leader assigns, from now on.

        ``assignment`` maps each member's name to its pairs of topic and partition. The leader, or in a group of the
        consumer protocol the broker, assigns other partitions, and those of members that are not in the group. The
        group rebalances at once; a member of a cooperative group or of the consumer protocol gets a partition when its
        owner has revoked it. A later call replaces an earlier one. Raises ValueError for a
        partition with two owners, and LookupError for one that its topic does not have.
        """
        owners = _owners(assignment)
        topics = self._local.cluster.storage.topics
        for topic, partition in owners:
            if topic in topics:  # others may be created later
                existing(topic, partition, topics[topic].partitions)
        if self._pins is None:
            from kafkalite.coordinators.groups.pinning import Pins

            self._pins = Pins()
        self._pins.pin(group, owners)
        return self._rebalance_if_any(group, "an assignment was pinned")

    @post("/groups/{group}/unpin")
    def unpin(self, group: str) -> Group:
        """Use the group leader's assignments again, at once; no effect if nothing is pinned."""
        if self._pins is not None and self._pins.unpin(group):
            return self._rebalance_if_any(group, "the pinned assignment was removed")
        return self._local.watch.group(group)

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids())

    def __getitem__(self, group: str) -> Group:
        """Return a group; its state is ``Dead`` if there is none."""
        return self.describe(group)

    @contextmanager
    def pinned(self, group: str, assignment: Mapping[str, Collection[tuple[str, int]]]) -> Generator[None]:
        """Pin an assignment inside the block."""
        self.pin(group, assignment)
        try:
            yield
        finally:
            self.unpin(group)

    # In the broker's loop

    def unpin_all(self) -> None:
        """Remove all pinned assignments."""
        for group in () if self._pins is None else tuple(self._pins.group_ids()):
            if self._pins is not None and self._pins.unpin(group):
                self._rebalance_if_any(group, "the pinned assignment was removed")

    def _restored(self) -> None:
        # Fenced members are a part of the groups that were replaced; all other interceptors stay.
        if self._fenced is not None:
            self._local.interceptors.remove(self._fenced)
            self._fenced = None

    def _assign(self, group: CoordinatorGroup, assignments: dict[str, bytes]) -> dict[str, bytes]:
        return assignments if self._pins is None else self._pins.assignment_hook(group, assignments)

    def _target(
        self, group: ConsumerGroup, targets: dict[str, Partitions], topics: ClusterTopics
    ) -> dict[str, Partitions]:
        return targets if self._pins is None else self._pins.target_hook(group, targets, topics)

    def _steer(self, group: str, name: str, what: str, act: Callable[[str], CoordinatorResult]) -> Group:
        local = self._local
        effects = act(local.watch.group(group).member(name).member_id)
        local.watch.history.add(group, f"{name} was {what}", local.clock.now())
        local.cluster.groups.steer(group, effects)
        return local.watch.group(group)

    def _rebalance_if_any(self, group: str, why: str) -> Group:
        local = self._local
        if local.watch.group(group).members:
            local.watch.history.add(group, why, local.clock.now())
            groups = local.cluster.groups
            groups.steer(group, groups.coordinator.steering.force_rebalance(group, now=local.clock.now()))
        return local.watch.group(group)


class CoordinatorControl(Subject):
    """The coordinator of groups, which can be made to look as if it had moved to another broker."""

    def __init__(self, transport: Transport | None, local: LocalBroker | None = None) -> None:
        super().__init__(transport, local)
        self._away: dict[str | None, CoordinatorAway] = {}

    @post("/coordinator/away")
    def move_away(self, group: str | None = None) -> None:
        """Answer NOT_COORDINATOR to requests of a group, by default of all, and COORDINATOR_NOT_AVAILABLE to lookups.

        Sessions do not end during that time. No effect if this coordinator is away already.
        """
        if group not in self._away:
            self._away[group] = CoordinatorAway(group)
            self._local.interceptors.add(self._away[group], first=True)
            self._local.cluster.groups.move_away(group)

    @post("/coordinator/back")
    def move_back(self, group: str | None = None) -> None:
        """Be the coordinator again, with the groups as its log has them, and new sessions."""
        away = self._away.pop(group, None)
        if away is not None:
            self._local.interceptors.remove(away)
            self._local.cluster.groups.move_back(group)
            self._local.watch.check()

    @contextmanager
    def unavailable(self, group: str | None = None) -> Generator[None]:
        """Make the coordinator of a group, by default of all groups, unavailable inside the block."""
        self.move_away(group)
        try:
            yield
        finally:
            self.move_back(group)

    def all_back(self) -> None:
        """Be the coordinator of all groups again. For use in the broker's loop."""
        for group in tuple(self._away):
            away = self._away.pop(group)
            self._local.interceptors.remove(away)
            self._local.cluster.groups.move_back(group)
        self._local.watch.check()


class _DeletionReply:
    """The reply to our own DeleteGroups."""

    error_code = 0

    def send(self, response: object) -> None:
        from kafkalite_wire.messages.delete_groups import DeleteGroupsResponse

        assert isinstance(response, DeleteGroupsResponse)
        self.error_code = response.results[0].error_code

    def fail(self, reason: str) -> None:
        raise Conflict(reason)


def _owners(assignment: Mapping[str, Collection[tuple[str, int]]]) -> dict[tuple[str, int], str]:
    owners: dict[tuple[str, int], str] = {}
    for member, partitions in assignment.items():
        for each in partitions:
            partition = TopicPartition.of(each)
            other = owners.setdefault(partition, member)
            if other != member:
                raise InvalidRequest(f"{partition} cannot be pinned to both {other!r} and {member!r}: it has one owner")
    return owners
