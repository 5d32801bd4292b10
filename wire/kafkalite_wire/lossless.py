"""Keep unknown tagged fields, and text that is not valid UTF-8, which decoders normally drop.

A proxy must forward them. ``decode(..., lossless=True)`` and then ``encode(..., lossless=True)`` return the
same bytes for every message that is encoded canonically, as Kafka's serializers encode it. Bytes that are not valid
UTF-8 become lone surrogates in text (PEP 383). A struct with unknown tagged fields is an instance of a subclass of its
declared class with one more field, ``unknown_tagged_fields``, which ``dataclasses.replace`` keeps.

Not kept: an over-long varint, a null length other than -1, a known tagged field sent with its default value, and bytes
behind the message. Forward the frame itself where nothing in it was changed.
"""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any, Final, TypeVar, cast

from kafkalite_wire.schema import fields_of

T = TypeVar("T")

TaggedFields = tuple[tuple[int, bytes], ...]
"""Tagged fields as pairs of tag and bytes, in ascending order of tags."""

UNKNOWN: Final = "unknown_tagged_fields"


def unknown_tagged_fields(message: object) -> TaggedFields:
    """Return the unknown tagged fields of a message or struct that was decoded losslessly."""
    return cast("TaggedFields", getattr(message, UNKNOWN, ()))


def with_unknown_tagged_fields(message: T, fields: TaggedFields) -> T:
    """Return a copy of a message or struct that has these unknown tagged fields."""
    values = {field.name: getattr(message, field.name) for field in fields_of(type(message))}
    return lossless_class(type(message))(**values, **{UNKNOWN: fields})


@cache
def _lossless_class(declared: type[Any]) -> type[Any]:
    if hasattr(declared, UNKNOWN):
        return declared
    made = dataclasses.make_dataclass(
        declared.__name__,
        [(UNKNOWN, TaggedFields, dataclasses.field(default=()))],
        bases=(declared,),
        namespace={"__doc__": declared.__doc__, "__module__": declared.__module__},
        kw_only=True,
        slots=True,
        eq=False,
        repr=False,
    )
    for name, value in _SHARED.items():
        setattr(made, name, value)
    return made


def lossless_class(declared: type[T]) -> type[T]:
    """Return the subclass of a declared class that holds unknown tagged fields too."""
    return cast("type[T]", _lossless_class(cast("Any", declared)))


def _equal(self: object, other: object) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    return unknown_tagged_fields(self) == unknown_tagged_fields(other) and all(
        getattr(self, f.name) == getattr(other, f.name) for f in fields_of(type(self))
    )


_SHARED: Final = {"__eq__": _equal, "__hash__": None}
