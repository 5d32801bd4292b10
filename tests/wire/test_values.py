"""Values behave as frozen dataclasses do, though their methods are generated late."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from kafkalite_wire.values import value_class


def declare() -> Any:
    @value_class(kw_only=True)
    class Point:
        """Made again for each test, so that each is the first to call a method."""

        x: int
        y: int = 2
        names: list[str] = dataclasses.field(default_factory=list[str])
        shown: bool = dataclasses.field(default=True, repr=False, compare=False)

        def __hash__(self) -> int:
            return 5

    return Point


@value_class
class Pair:
    """Two values, by position."""

    first: int
    second: str = "b"


@value_class(kw_only=True)
class Checked:
    """Refuses negative numbers."""

    number: int

    def __post_init__(self) -> None:
        """Check."""
        if self.number < 0:
            raise ValueError(self.number)


def test_values_are_equal_by_their_fields() -> None:
    assert Pair(1) == Pair(1, "b")
    assert Pair(1) != Pair(1, "c")
    assert Pair(1) != (1, "b")
    assert len({Pair(1), Pair(1, "b"), Pair(2)}) == 2


def test_any_method_may_be_the_first() -> None:
    point = declare()
    made: Any = point.__new__(point)
    made.x, made.y, made.names, made.shown = 1, 2, [], False
    assert repr(made).endswith("Point(x=1, y=2, names=[])")
    assert made == type(made)(x=1)
    assert hash(made) == 5  # its own


def test_wrong_arguments_are_refused_as_ever() -> None:
    point = declare()
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'x'"):
        point()
    with pytest.raises(TypeError, match="positional"):
        point(1)


def test_each_has_defaults_of_its_own() -> None:
    point = declare()
    point(x=1).names.append("a")
    assert point(x=1).names == []


def test_the_module_dataclasses_knows_values() -> None:
    assert dataclasses.replace(Pair(1), second="z") == Pair(1, "z")
    assert dataclasses.asdict(Pair(1)) == {"first": 1, "second": "b"}
    match Pair(3):
        case Pair(first, second):
            assert (first, second) == (3, "b")


def test_a_value_has_slots() -> None:
    with pytest.raises(AttributeError):
        Pair(1).third = 3  # type: ignore[attr-defined]


def test_values_are_checked_when_they_are_made() -> None:
    with pytest.raises(ValueError, match="-1"):
        Checked(number=-1)
