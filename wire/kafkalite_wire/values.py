"""Classes of values that take little time to declare.

Making a frozen dataclass takes about half a millisecond, most of it for compiling its methods, and a broker needs a
hundred classes to start. Those declared here have their methods generated when one of them is first called.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Final, TypeVar, cast, dataclass_transform, overload

T = TypeVar("T")

_METHODS: Final = ("__init__", "__repr__", "__eq__", "__hash__")
_POST_INIT: Final = "__post_init__"


@overload
def value_class(cls: type[T], /) -> type[T]: ...


@overload
def value_class(*, kw_only: bool = False) -> Callable[[type[T]], type[T]]: ...


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def value_class(cls: type[Any] | None = None, /, *, kw_only: bool = False) -> Any:
    """Declare a class as ``@dataclass(frozen=True, slots=True)`` does; frozen for type checkers only."""

    def declare(declared: type[T]) -> type[T]:
        made = dataclasses.dataclass(slots=True, kw_only=kw_only, init=False, repr=False, eq=False)(declared)
        generate_on_first_use(made, *(name for name in _METHODS if name not in vars(declared)))
        return made

    return declare if cls is None else declare(cls)


def generate_on_first_use(cls: type[Any], *methods: str) -> None:
    """Generate the methods of dataclasses that a class lacks when one of them is called first."""

    def first_call_of(name: str) -> Callable[..., Any]:
        def method(*arguments: Any, **named: Any) -> Any:
            _generate(cls, methods)
            return getattr(cls, name)(*arguments, **named)

        return method

    for name in methods:
        setattr(cls, name, first_call_of(name))


def _generate(cls: type[Any], methods: tuple[str, ...]) -> None:
    """Take methods from a class with the same fields."""
    fields = dataclasses.fields(cast("Any", cls))
    namespace: dict[str, Any] = {field.name: field for field in fields}
    namespace |= {"__annotations__": {field.name: field.type for field in fields}, "__module__": cls.__module__}
    if hasattr(cls, _POST_INIT):
        namespace[_POST_INIT] = getattr(cls, _POST_INIT)
    compares = "__eq__" in methods
    twin: type[Any] = type(cls.__name__, (), namespace)
    twin = dataclasses.dataclass(repr="__repr__" in methods, eq=compares, unsafe_hash=compares)(twin)
    for name in methods:
        setattr(cls, name, getattr(twin, name))
