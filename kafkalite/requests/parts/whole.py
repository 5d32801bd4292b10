"""Requests that are refused as a whole, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from kafkalite.requests.parts.part import Chosen, Part, carries, element_of
from kafkalite_wire.error_codes import ErrorCode

if TYPE_CHECKING:
    from kafkalite_wire.apis import Api

_MEMBER_ID_REQUIRED_SINCE: Final = 4
_NULLABLE_PROTOCOL_NAME_SINCE: Final = 7
_OF_LEAVING: Final = frozenset((ErrorCode.UNKNOWN_MEMBER_ID, ErrorCode.FENCED_INSTANCE_ID))
_OF_MEMBER: Final = _OF_LEAVING | {
    ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
    ErrorCode.INVALID_GROUP_ID,
    ErrorCode.INVALID_SESSION_TIMEOUT,
    ErrorCode.MEMBER_ID_REQUIRED,
}
"""With other errors nobody has looked at the member."""


@dataclass(frozen=True, slots=True)
class Whole:
    """One part, the request itself; ``part`` says what it is about, ``blank`` are fields that a refusal needs."""

    api: Api
    part: Callable[[Any], Part] = lambda _: Part()
    names: frozenset[str] = frozenset()
    blank: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def parts(self, request: Any, version: int) -> list[Part]:
        """Give the only part."""
        del version
        return [self.part(request)]

    def is_open(self, request: Any, version: int) -> bool:
        """Deny it: what is named is all there is."""
        del request, version
        return False

    def left(self, request: Any, version: int, chosen: Chosen) -> Any | None:
        """Leave all or nothing."""
        del version
        return None if chosen(self.part(request)) else request

    def answered(self, request: Any, version: int, response: Any | None, chosen: Chosen, error: int) -> Any:
        """Refuse all or nothing."""
        if response is None or chosen(self.part(request)):
            return self.refused(request, version, error, response)
        return response

    def left_of_refused(self, request: Any, version: int, error: int) -> Any | None:
        """Leave nothing."""
        del request, version, error
        return None

    def refused(self, request: Any, version: int, error: int, response: Any | None = None) -> Any:
        """Give the error."""
        del request, version, response
        return self.api.response_type(error_code=error, **self.blank)


class JoinGroup(Whole):
    """JoinGroup, which tells the member its id where the coordinator has looked at it.

    A member that is asked to come back with an id is given one (KIP-394): the handler knows it from then on.
    """

    def left_of_refused(self, request: Any, version: int, error: int) -> Any | None:
        """Let the handler make an id."""
        needs_id = not request.member_id and request.group_instance_id is None and version >= _MEMBER_ID_REQUIRED_SINCE
        return request if error == ErrorCode.MEMBER_ID_REQUIRED and needs_id else None

    def refused(self, request: Any, version: int, error: int, response: Any | None = None) -> Any:
        """Give the error and the member id."""
        if response is not None and response.error_code == error:
            return response
        name = None if version >= _NULLABLE_PROTOCOL_NAME_SINCE else ""
        refusal = replace(self.api.response_type(error_code=error, member_id=""), protocol_name=name)
        return replace(refusal, member_id=request.member_id) if error in _OF_MEMBER else refusal


class LeaveGroup(Whole):
    """LeaveGroup, which tells of each member since it names several (KIP-345)."""

    def refused(self, request: Any, version: int, error: int, response: Any | None = None) -> Any:
        """Give the error, or one for each member."""
        if error not in _OF_LEAVING or not request.members:
            return Whole.refused(self, request, version, error, response)
        made = element_of(self.api.response_type, "members")
        members = (
            made(member_id=member.member_id, group_instance_id=member.group_instance_id, error_code=error)
            for member in request.members
        )
        return self.api.response_type(members=tuple(members))


class LogDirs(Whole):
    """DescribeLogDirs, which had no error for the whole at first: then a directory without a name has it."""

    def refused(self, request: Any, version: int, error: int, response: Any | None = None) -> Any:
        """Give the error."""
        del request, response
        if carries(self.api.response_type, "error_code", version):
            return self.api.response_type(error_code=error, results=())
        nowhere = element_of(self.api.response_type, "results")(error_code=error, log_dir="", topics=())
        return self.api.response_type(results=(nowhere,))
