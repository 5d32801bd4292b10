"""The parts of a message: what a request is about, and what its response can fail for, one by one."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from kafkalite_wire.schema import fields_of

if TYPE_CHECKING:
    from kafkalite_wire.apis import Api


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one entry of a request or response is about; None where it does not say."""

    group: str | None = None
    topic: str | bytes | None = None
    """A topic's name, or its id."""
    partition: int | None = None
    other: str | tuple[int, str] | None = None
    """Identifies entries that are about none of these, such as the configuration of a broker."""


Selector = Callable[[Part], bool]
"""Returns whether a part is selected."""

Entry = tuple[Part, Any]
"""A part, and the piece of a message that is about it."""


class AllBut:
    """All errors but some, as a container of error codes."""

    def __init__(self, *errors: int) -> None:
        self._others = frozenset(errors)

    def __contains__(self, error: object) -> bool:
        return error not in self._others


def every_part(part: Part) -> bool:
    """Select every part."""
    del part
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageParts:
    """Lists the parts of one API's messages, takes parts out of a request, and puts errors into its response.

    The messages are those that the API declares. Subclasses know the layout: they implement the methods that begin with
    an underscore, and a few APIs need more.
    """

    api: Api
    names: frozenset[str] = frozenset()
    """Which of ``group``, ``topic`` and ``partition`` tell the parts apart."""
    whole_errors: Container[int] = ()
    """The errors that stand once for the whole request, where the response has a field for that."""
    blank: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Fields that an error needs besides its code and what it is about."""
    whole_blank: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Fields that a response needs besides its answers."""
    blank_by_error: Mapping[int, Mapping[str, Any]] = field(default_factory=dict[int, Mapping[str, Any]])
    """Those of them that differ with some errors."""

    def parts(self, request: Any, version: int) -> list[Part]:
        """List the parts that a request names, in its order."""
        return [part for part, _ in self._entries(request, version)]

    def may_answer_others(self, request: Any, version: int) -> bool:
        """Return whether the response may be about parts that the request does not name."""
        del request, version
        return False

    def without(self, request: Any, version: int, selector: Selector) -> Any | None:
        """Return the request without the selected parts, or None if the handler need not run."""
        entries = self._entries(request, version)
        left = [entry for entry in entries if not selector(entry[0])]
        if len(left) == len(entries):
            return request
        return self._with_entries(request, left) if left else None

    def with_errors(self, request: Any, version: int, response: Any | None, selector: Selector, error: int) -> Any:
        """Return the response with an error for each selected part, in the order of the request.

        ``response`` is the handler's, None if it did not run. What the request did not name comes last.
        """
        given = [] if response is None else self._answers(request, version, response)
        left = {id(answer): (ways, answer) for ways, answer in given}
        by_part: dict[Part, list[Any]] = {}
        for ways, answer in given:
            for part in ways:
                by_part.setdefault(part, []).append(answer)
        answers: list[Entry] = []
        for part, _ in self._entries(request, version):
            handled = next((each for each in by_part.get(part, ()) if id(each) in left), None)
            if handled is not None:
                del left[id(handled)]
            if selector(part):
                answers.append((part, self._error(part, version, error)))
            elif handled is not None:
                answers.append((part, handled))
        for ways, answer in left.values():
            selected = next(filter(selector, ways), None)
            answers.append((ways[0], answer if selected is None else self._error(selected, version, error)))
        return self._with_answers(response, answers)

    def behind_error(self, request: Any, version: int, error: int) -> Any | None:
        """Return the request that the handler has to see although all of it is answered with an error, mostly None."""
        del request, version, error
        return None

    def error_response(self, request: Any, version: int, error: int, response: Any | None = None) -> Any:
        """Return the response that answers all of a request with an error; ``response`` is the handler's if it ran."""
        if self._is_whole_error(version, error):
            return replace(self._with_answers(None, []), error_code=error)
        return self.with_errors(request, version, response, every_part, error)

    # What subclasses implement

    def _entries(self, request: Any, version: int) -> list[Entry]:
        raise NotImplementedError

    def _with_entries(self, request: Any, entries: list[Entry]) -> Any:
        raise NotImplementedError

    def _answers(self, request: Any, version: int, response: Any) -> list[tuple[tuple[Part, ...], Any]]:
        """Return each answer in a response, with all the ways in which the request may have named its part."""
        raise NotImplementedError

    def _with_answers(self, response: Any | None, answers: list[Entry]) -> Any:
        """Put a response together of answers; everything else of it is as in ``response``."""
        raise NotImplementedError

    def _error(self, part: Part, version: int, error: int) -> Any:
        """Make the answer that tells a part's error."""
        raise NotImplementedError

    # What subclasses use

    def _is_whole_error(self, version: int, error: int) -> bool:
        return error in self.whole_errors and has_field(self.api.response_type, "error_code", version)

    def _blank(self, error: int) -> Mapping[str, Any]:
        return {**self.blank, **self.blank_by_error.get(error, {})}


def has_field(declared: type[Any], name: str, version: int) -> bool:
    """Return whether a message has a field in a version."""
    return any(each.name == name and version in each.versions for each in fields_of(declared))


def element_of(declared: type[Any], name: str) -> type[Any]:
    """Return the class of the elements of an array field."""
    found = next(each for each in fields_of(declared) if each.name == name).type.element
    assert found is not None
    assert found.struct is not None
    return found.struct
