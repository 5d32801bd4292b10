"""Rules about groups: a coordinator that has moved away, members that are fenced, and members that are silent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kafkalite.controls.refusals import groups_of, refused
from kafkalite_wire.apis import ApiKey
from kafkalite_wire.error_codes import ErrorCode

if TYPE_CHECKING:
    from collections.abc import Collection

    from kafkalite.controls.engine import Call, Owed, Proceed


class CoordinatorAway:
    """The coordinator of a group, or with None of all, is on its way elsewhere, and nobody knows where it is.

    Requests of the group are answered NOT_COORDINATOR, the question for it COORDINATOR_NOT_AVAILABLE, as in Kafka
    while a partition of ``__consumer_offsets`` has no leader. Clients ask again until it is back.
    """

    def __init__(self, group_id: str | None = None) -> None:
        self.group_id = group_id

    def concerns(self, call: Call) -> bool:
        """Tell whether the call needs the coordinator that is away."""
        groups = groups_of(call)
        return bool(groups) and (self.group_id is None or self.group_id in groups)

    def act(self, call: Call, proceed: Proceed, owed: Owed) -> None:
        """Refuse; ``proceed`` is never called."""
        del proceed
        asked_where = call.api.key is ApiKey.FIND_COORDINATOR
        owed.send(refused(call, ErrorCode.COORDINATOR_NOT_AVAILABLE if asked_where else ErrorCode.NOT_COORDINATOR))


class Fenced:
    """Static members that have lost their places to others (KIP-345).

    Whatever one of them asks with its member id is answered FENCED_INSTANCE_ID.
    """

    def __init__(self) -> None:
        self._members: set[tuple[str, str]] = set()

    def fence(self, group_id: str, member_id: str) -> None:
        """Take a member in."""
        self._members.add((group_id, member_id))

    def concerns(self, call: Call) -> bool:
        """Tell whether the call comes from one of the members, within its group."""
        return call.api.key in _WITH_MEMBER_ID and (call.request.group_id, call.request.member_id) in self._members

    def act(self, call: Call, proceed: Proceed, owed: Owed) -> None:
        """Refuse; ``proceed`` is never called."""
        del proceed
        owed.send(refused(call, ErrorCode.FENCED_INSTANCE_ID))


class Silence:
    """All members of groups but some say nothing: what they send is on its way until :meth:`end`.

    ``heard`` names those that are heard, by member, instance or client id.
    """

    def __init__(self, heard: Collection[str]) -> None:
        self._heard = heard
        self._on_their_way: list[Proceed] = []

    def concerns(self, call: Call) -> bool:
        """Tell whether the call would be a sign of life from a member that is silent."""
        if call.api.key not in _WITH_MEMBER_ID:
            return False
        request = call.request
        return {call.client_id, request.member_id, request.group_instance_id}.isdisjoint(self._heard)

    def act(self, call: Call, proceed: Proceed, owed: Owed) -> None:
        """Keep the call back."""
        del call, owed
        self._on_their_way.append(proceed)

    def end(self) -> None:
        """Let everything arrive, in the order in which it was sent."""
        arriving, self._on_their_way = self._on_their_way, []
        for proceed in arriving:
            proceed()


_WITH_MEMBER_ID = frozenset((ApiKey.JOIN_GROUP, ApiKey.SYNC_GROUP, ApiKey.HEARTBEAT, ApiKey.OFFSET_COMMIT))
