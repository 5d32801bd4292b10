"""The parts of requests, and what a shape does with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

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
    """What tells entries apart that are about none of these, such as the configuration of a broker."""


Chosen = Callable[[Part], bool]
"""Tells whether a part is to be refused."""


class AllBut:
    """All errors but some, as a container of error codes."""

    def __init__(self, *errors: int) -> None:
        self._others = frozenset(errors)

    def __contains__(self, error: object) -> bool:
        """Tell whether an error is not one of the others."""
        return error not in self._others


def everything(part: Part) -> bool:
    """Choose every part."""
    del part
    return True


class Shape(Protocol):
    """What one API's requests consist of, and how they are refused. Messages are those that the API declares."""

    @property
    def api(self) -> Api:
        """The API."""
        ...

    @property
    def names(self) -> frozenset[str]:
        """By which of ``group``, ``topic`` and ``partition`` parts are told apart."""
        ...

    def parts(self, request: Any, version: int) -> list[Part]:
        """List the parts that a request names, in its order."""
        ...

    def is_open(self, request: Any, version: int) -> bool:
        """Tell whether the response may be about parts that the request does not name."""
        ...

    def left(self, request: Any, version: int, chosen: Chosen) -> Any | None:
        """Give the request that the handler shall see when the chosen parts are refused, None if it need not run."""
        ...

    def answered(self, request: Any, version: int, response: Any | None, chosen: Chosen, error: int) -> Any:
        """Put a response together: refusals of the chosen parts, and of the others what the handler's response says.

        ``response`` is None where the handler did not run.
        """
        ...

    def left_of_refused(self, request: Any, version: int, error: int) -> Any | None:
        """Give the request that the handler shall see although all is refused: most need not run, and that is None."""
        ...

    def refused(self, request: Any, version: int, error: int, response: Any | None = None) -> Any:
        """Make the response that refuses all of a request, as Kafka would; ``response`` is the handler's if it ran."""
        ...


def carries(declared: type[Any], name: str, version: int) -> bool:
    """Tell whether a message has a field in a version."""
    return any(each.name == name and version in each.versions for each in fields_of(declared))


def element_of(declared: type[Any], name: str) -> type[Any]:
    """Give the class of the elements of an array field."""
    found = next(each for each in fields_of(declared) if each.name == name).type.element
    assert found is not None
    assert found.struct is not None
    return found.struct
