"""The groups of a broker and their coordinator, as a test has them."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kafkalite.testing.model.errors import NotPossible

if TYPE_CHECKING:
    from kafkalite.testing.handles.backend import Backend
    from kafkalite.testing.model.views import Group


class Groups:
    """The groups of a broker, and what can be done to them from outside.

    A member is named by its member id, its instance id or its client id.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def __iter__(self) -> Iterator[str]:
        return iter(self._backend.groups())

    def __getitem__(self, group: str) -> Group:
        """Show a group as it is now, ``Dead`` if there is none."""
        return self._backend.group(group)

    def delete(self, group: str) -> None:
        """Delete a group without members, and its offsets. Raises ValueError where the broker refuses."""
        self._backend.delete_group(group)

    def expire(self, group: str, member: str) -> None:
        """End a member's session now, as if it had been silent for too long; it may join again when it finds out.

        Raises LookupError unless exactly one member is called so.
        """
        self._backend.steering.expire(group, member)

    def fence(self, group: str, member: str) -> None:
        """Take a static member's place away for good, as if another had come with its instance id and had left again.

        Its partitions are free, and all it asks is answered FENCED_INSTANCE_ID, which clients take as fatal. Raises
        LookupError unless exactly one member is called so, and ValueError for a dynamic one, which Kafka cannot fence.
        """
        self._backend.steering.fence(group, member)

    def rebalance(self, group: str) -> None:
        """Have all members of a group join again. Raises LookupError if it has none."""
        self._backend.steering.rebalance(group)

    def pin(self, group: str, assignment: Mapping[str, Collection[tuple[str, int]]]) -> None:
        """Give partitions to members of your choice, whatever the group's leader assigns, from now on.

        ``assignment`` gives to each member, as it is called, its pairs of topic and partition. Other partitions go
        where the leader puts them, and so do those of members that are not there. Whoever is in the group joins again
        at once; a member of a cooperative group gets what another owns when that one has let it go. Pinned anew, only
        the last word counts. Raises ValueError for a partition with two owners, and LookupError for one that its topic
        does not have.
        """
        self._backend.steering.pin(group, _owners(assignment))

    def unpin(self, group: str) -> None:
        """Let the group's leader assign again, at once; nothing happens if nothing is pinned."""
        self._backend.steering.unpin(group)

    @contextmanager
    def pinned(self, group: str, assignment: Mapping[str, Collection[tuple[str, int]]]) -> Generator[None]:
        """Have an assignment pinned inside the block."""
        self.pin(group, assignment)
        try:
            yield
        finally:
            self.unpin(group)


class CoordinatorControl:
    """The coordinator of groups, as if it lived on another broker from time to time; by default that of all groups."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def move_away(self, group: str | None = None) -> None:
        """Answer requests of groups NOT_COORDINATOR, and do not tell where the coordinator is.

        Meanwhile nobody's session ends. Nothing happens if just this coordinator is away already.
        """
        self._backend.steering.move_coordinator_away(group)

    def move_back(self, group: str | None = None) -> None:
        """Be the coordinator again, with the groups as they were kept and sessions that begin anew."""
        self._backend.steering.move_coordinator_back(group)

    @contextmanager
    def away(self, group: str | None = None) -> Generator[None]:
        """Have the coordinator away inside the block."""
        self.move_away(group)
        try:
            yield
        finally:
            self.move_back(group)


def _owners(assignment: Mapping[str, Collection[tuple[str, int]]]) -> dict[tuple[str, int], str]:
    owners: dict[tuple[str, int], str] = {}
    for member, partitions in assignment.items():
        for each in partitions:
            if isinstance(each, str) or len(each) != 2 or each[1] < 0:
                raise NotPossible(
                    f"{member!r} gets pairs of a topic and a partition, [('clicks', 0)], and not {each!r}"
                )
            topic, index = each
            other = owners.setdefault((topic, index), member)
            if other != member:
                raise NotPossible(
                    f"{topic}-{index} cannot be pinned to both {other!r} and {member!r}: it has one owner"
                )
    return owners
