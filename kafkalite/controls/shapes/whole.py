"""Requests that are refused as a whole, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kafkalite.controls.shapes.part import Chosen, Part, carries, element_of

if TYPE_CHECKING:
    from kafkalite_wire.apis import Api

_NULLABLE_PROTOCOL_NAME_SINCE: Final = 7


@dataclass(frozen=True, slots=True)
class Whole:
    """One part, the request itself; ``part`` says what it is about."""

    api: Api
    part: Callable[[Any], Part] = lambda _: Part()
    names: frozenset[str] = frozenset()

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
        return self.api.response_type(error_code=error)


class JoinGroup(Whole):
    """JoinGroup, which tells the member its id even when it is refused."""

    def refused(self, request: Any, version: int, error: int, response: Any | None = None) -> Any:
        """Give the error and the member id."""
        del response
        name = None if version >= _NULLABLE_PROTOCOL_NAME_SINCE else ""
        return self.api.response_type(error_code=error, member_id=request.member_id, protocol_name=name)


class OneCoordinator(Whole):
    """FindCoordinator as long as it asked for one: a refusal names no broker."""

    def refused(self, request: Any, version: int, error: int, response: Any | None = None) -> Any:
        """Give the error."""
        del request, version, response
        return self.api.response_type(error_code=error, error_message=None, node_id=-1, host="", port=-1)


class ApiVersions(Whole):
    """ApiVersions, whose refusal names no versions."""

    def refused(self, request: Any, version: int, error: int, response: Any | None = None) -> Any:
        """Give the error."""
        del request, version, response
        return self.api.response_type(error_code=error, api_keys=())


class LogDirs(Whole):
    """DescribeLogDirs, which had no error for the whole at first: then a directory without a name has it."""

    def refused(self, request: Any, version: int, error: int, response: Any | None = None) -> Any:
        """Give the error."""
        del request, response
        if carries(self.api.response_type, "error_code", version):
            return self.api.response_type(error_code=error, results=())
        nowhere = element_of(self.api.response_type, "results")(error_code=error, log_dir="", topics=())
        return self.api.response_type(results=(nowhere,))
