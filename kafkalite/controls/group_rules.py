"""Interceptors for groups: a coordinator that has moved away, members that are fenced, and members that stay silent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kafkalite.controls.refusals import groups_of, is_about_groups, refused
from kafkalite.requests.interceptors import Interceptor, Stage
from kafkalite_wire.apis import ApiKey
from kafkalite_wire.error_codes import ErrorCode

if TYPE_CHECKING:
    from collections.abc import Collection

    from kafkalite.requests.context import RequestContext
    from kafkalite.requests.interceptors import Forward
    from kafkalite.requests.response_handle import ResponseHandle
    from kafkalite_wire.apis import Api

_WITH_MEMBER_ID: Final = frozenset((
    ApiKey.JOIN_GROUP, ApiKey.SYNC_GROUP, ApiKey.HEARTBEAT, ApiKey.OFFSET_COMMIT,
    ApiKey.CONSUMER_GROUP_HEARTBEAT, ApiKey.SHARE_GROUP_HEARTBEAT, ApiKey.STREAMS_GROUP_HEARTBEAT,
))  # fmt: skip


class CoordinatorAway(Interceptor):
    """The coordinator of a group, or with None of all, has moved, and the new one is not known yet.

    Requests of the group are answered NOT_COORDINATOR, and FindCoordinator COORDINATOR_NOT_AVAILABLE, as in Kafka while
    a partition of ``__consumer_offsets`` has no leader. Clients ask again until it is back.
    """

    stage = Stage.GROUP_RULES

    def __init__(self, group_id: str | None = None) -> None:
        self.group_id = group_id

    def wants(self, api: Api, version: int) -> bool:
        """Return whether requests of an API name groups."""
        del version
        return is_about_groups(api.key)

    def intercept(self, request: Any, context: RequestContext, response: ResponseHandle[Any], forward: Forward) -> None:
        """Refuse the requests that need the coordinator."""
        groups = groups_of(request, context)
        if not groups or self.group_id not in (None, *groups):
            forward()
            return
        finds = context.api.key is ApiKey.FIND_COORDINATOR
        error = ErrorCode.COORDINATOR_NOT_AVAILABLE if finds else ErrorCode.NOT_COORDINATOR
        response.send(refused(request, context, error))


class Fenced(Interceptor):
    """Static members that have lost their places to others (KIP-345).

    Each request with the member id of one of them is answered FENCED_INSTANCE_ID.
    """

    stage = Stage.GROUP_RULES

    def __init__(self) -> None:
        self._members: set[tuple[str, str]] = set()

    def fence(self, group_id: str, member_id: str) -> None:
        """Fence a member."""
        self._members.add((group_id, member_id))

    def wants(self, api: Api, version: int) -> bool:
        """Return whether requests of an API name a member."""
        del version
        return api.key in _WITH_MEMBER_ID

    def intercept(self, request: Any, context: RequestContext, response: ResponseHandle[Any], forward: Forward) -> None:
        """Refuse the requests of fenced members."""
        if (request.group_id, request.member_id) in self._members:
            response.send(refused(request, context, ErrorCode.FENCED_INSTANCE_ID))
        else:
            forward()


class Silence(Interceptor):
    """All members of groups but some stay silent: what they send is delayed until :meth:`end`.

    ``heard`` names those that are heard, by member, instance or client id.
    """

    stage = Stage.GROUP_RULES

    def __init__(self, heard: Collection[str]) -> None:
        self._heard = heard
        self._held: list[Forward] = []

    def wants(self, api: Api, version: int) -> bool:
        """Return whether requests of an API are signs of life of a member."""
        del version
        return api.key in _WITH_MEMBER_ID

    def intercept(self, request: Any, context: RequestContext, response: ResponseHandle[Any], forward: Forward) -> None:
        """Hold the requests of silent members."""
        del response
        if {context.client_id, request.member_id, _instance_id(request)}.isdisjoint(self._heard):
            self._held.append(forward)
        else:
            forward()

    def end(self) -> None:
        """Forward everything that is held, in the order in which it was sent."""
        held, self._held = self._held, []
        for forward in held:
            forward()


def _instance_id(request: Any) -> str | None:
    """Return the instance id of a static member, whose field has another name in the newer protocols."""
    instance_id: str | None = getattr(request, "group_instance_id", None) or getattr(request, "instance_id", None)
    return instance_id
