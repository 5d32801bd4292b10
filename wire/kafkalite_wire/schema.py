"""Declare a Kafka message once, for all its versions.

A message is a slotted dataclass. Its fields state types and versions in the terms of Kafka's message definitions::

    @message(api_key=ApiKey.HEARTBEAT)
    class HeartbeatRequest:
        group_id: str = field(STRING)
        group_instance_id: str | None = field(STRING, "3+", nullable="3+", default=None)

:mod:`kafkalite_wire.codec` generates the fast codec of each version from the declaration, and
:mod:`kafkalite_wire.layout` a slow one that explains malformed bytes.

Messages are frozen for type checkers only. At run time they are ordinary dataclasses, because making a frozen one
takes three times as long.
"""

from __future__ import annotations

import dataclasses
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, Self, TypeVar, cast, dataclass_transform, overload

from kafkalite_wire.apis import DECLARED_APIS, ApiKey
from kafkalite_wire.values import generate_on_first_use, value_class

T = TypeVar("T")

Buffer = bytes | bytearray | memoryview


class Payload(Protocol):
    """Bytes that are sent inside a message and not read: a buffer, or a range of a file."""

    def __len__(self) -> int:
        """Return the size in bytes."""
        ...


NO_PAYLOAD: Final = b""
ZERO_UUID: Final = bytes(16)

_ENDLESS: Final = 1 << 15
_MOST_KEPT_VERSIONS: Final = 4


@value_class
class Versions:
    """An inclusive range of message versions; ``low > high`` means none."""

    low: int
    high: int

    @classmethod
    def parse(cls, text: str) -> Versions:
        """Read Kafka's notation: ``0+``, ``3-7``, ``5`` or ``none``."""
        if text == "none":
            return NO_VERSIONS
        if text.endswith("+"):
            return cls(int(text[:-1]), _ENDLESS)
        low, _, high = text.partition("-")
        return cls(int(low), int(high or low))

    def __contains__(self, version: int) -> bool:
        return self.low <= version <= self.high

    def __str__(self) -> str:
        if self.low > self.high:
            return "none"
        if self.high == _ENDLESS:
            return f"{self.low}+"
        return str(self.low) if self.low == self.high else f"{self.low}-{self.high}"


NO_VERSIONS: Final = Versions(1, 0)


@value_class
class FieldType(Generic[T]):
    """A type of the protocol guide; ``code`` is the format character of a fixed-size number."""

    name: str
    code: str = ""
    size: int = 0
    element: FieldType[Any] | None = None
    struct: type[Any] | None = None
    may_be_kept: bool = False
    """Whether an array may be a KeptArray."""

    @property
    def is_array(self) -> bool:
        """Whether this is an array of ``element``."""
        return self.element is not None


BOOL: Final[FieldType[bool]] = FieldType("bool", "?", 1)
INT8: Final[FieldType[int]] = FieldType("int8", "b", 1)
INT16: Final[FieldType[int]] = FieldType("int16", "h", 2)
UINT16: Final[FieldType[int]] = FieldType("uint16", "H", 2)
INT32: Final[FieldType[int]] = FieldType("int32", "i", 4)
UINT32: Final[FieldType[int]] = FieldType("uint32", "I", 4)
INT64: Final[FieldType[int]] = FieldType("int64", "q", 8)
FLOAT64: Final[FieldType[float]] = FieldType("float64", "d", 8)
UUID: Final[FieldType[bytes]] = FieldType("uuid", "16s", 16)
STRING: Final[FieldType[str]] = FieldType("string")
BYTES: Final[FieldType[bytes]] = FieldType("bytes")
RECORDS: Final[FieldType[Any]] = FieldType("records")
"""Record batches: decoded as a ``memoryview`` of the frame, encoded from any Payload, never copied."""


def array_of(element: FieldType[T] | type[T], *, may_be_kept: bool = False) -> FieldType[tuple[T, ...]]:
    """Return the type of an array of a protocol type or of a declared struct."""
    of: FieldType[T] = element if isinstance(element, FieldType) else struct_of(element)
    return FieldType(f"[]{of.name}", element=of, may_be_kept=may_be_kept)


class KeptArray(tuple[T, ...]):
    """An array that is sent many times, and keeps its encoded form for the versions that were used last.

    Make one for one field of one message, which is declared with ``array_of(..., may_be_kept=True)``.
    """

    encoded: dict[int, bytes]
    """By version."""

    def __new__(cls, elements: Iterable[T] = ()) -> Self:
        """Make one that has not been encoded yet."""
        made = super().__new__(cls, elements)
        made.encoded = {}
        return made

    def keep(self, version: int, data: bytes) -> None:
        """Keep the encoded form of a version, in place of those of other versions if there are many."""
        if len(self.encoded) == _MOST_KEPT_VERSIONS:
            del self.encoded[next(iter(self.encoded))]
        self.encoded[version] = data


def struct_of(declared: type[T]) -> FieldType[T]:
    """Return the type of a field that holds one struct."""
    return FieldType(declared.__name__, struct=declared)


def format_uuid(uuid: bytes) -> str:
    """Return a UUID as Kafka writes it in text: URL-safe base64 without padding."""
    return urlsafe_b64encode(uuid).decode().rstrip("=")


def parse_uuid(text: str) -> bytes:
    """Parse a UUID as Kafka writes it in text. Raises ValueError."""
    uuid = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if len(uuid) != UUID.size:
        raise ValueError(f"{text!r} is not the base64 of {UUID.size} bytes")
    return uuid


class _Missing:
    pass


MISSING: Final = _Missing()


@value_class
class Field:
    """One field of a message, as declared."""

    name: str
    type: FieldType[Any]
    versions: Versions
    nullable: Versions
    default: Any
    tag: int | None
    tagged: Versions

    @property
    def implied(self) -> Any:
        """The value of the field in versions that do not have it."""
        if self.default is not MISSING:
            return self.default
        return implied_default(self.type)


def implied_default(of: FieldType[Any]) -> Any:
    """Return the default that Kafka's schema language implies for a type."""
    if of.is_array:
        return ()
    if of.struct is not None:
        return of.struct(**{f.name: f.implied for f in fields_of(of.struct)})
    match of.name:
        case "string":
            return ""
        case "bytes" | "records":
            return NO_PAYLOAD
        case "bool":
            return False
        case "uuid":
            return ZERO_UUID
        case "float64":
            return 0.0
        case _:
            return 0


@overload
def field(
    type: FieldType[T],
    versions: str = "0+",
    *,
    default: T = ...,
    tag: int | None = None,
    tagged: str | None = None,
) -> T: ...


@overload
def field(
    type: FieldType[T],
    versions: str = "0+",
    *,
    nullable: str,
    default: T | None = ...,
    tag: int | None = None,
    tagged: str | None = None,
) -> T | None: ...


def field(
    type: FieldType[Any],  # noqa: A002 - the schema language's own word
    versions: str = "0+",
    *,
    nullable: str = "none",
    default: Any = MISSING,
    tag: int | None = None,
    tagged: str | None = None,
) -> Any:
    """Declare a field.

    The field exists in ``versions`` and may be null in ``nullable`` ones. ``tag`` makes it a tagged field (KIP-482) in
    ``tagged`` versions, by default in all of its versions. A field without ``default`` must be passed when a message is
    made; if a decoded version does not have the field, its value is the default that Kafka implies for its type.
    """
    in_versions = Versions.parse(versions)
    tagged_versions = NO_VERSIONS if tag is None else Versions.parse(tagged) if tagged else in_versions
    metadata = {
        "kafka": Field(
            "",
            type,
            in_versions,
            Versions.parse(nullable),
            default,
            tag,
            tagged_versions,
        )
    }
    if default is MISSING:
        return dataclasses.field(metadata=metadata)
    if default.__hash__ is None:
        # A struct. dataclasses refuse defaults without a hash as mutable, but messages are not changed.
        return dataclasses.field(default_factory=lambda: default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


@value_class
class Declaration:
    """The API key and versions of a top-level message."""

    api_key: int
    versions: Versions
    flexible: Versions


SECRET_FIELDS: Final = frozenset(("auth_bytes", "hmac", "salted_password"))
"""The names of fields that hold passwords and keys, which are neither logged nor printed."""

_FIELDS: Final = "__kafka_fields__"
_DECLARATION: Final = "__kafka_declaration__"


def _declare(cls: type[T], declaration: Declaration | None) -> type[T]:
    # Compiling the methods would take most of the time that importing a message takes: all classes share comparison and
    # representation, and the rest is generated on first use.
    made = dataclass(slots=True, kw_only=True, init=False, eq=False, repr=False)(cls)
    generate_on_first_use(made, "__init__")
    declared = tuple(
        dataclasses.replace(f.metadata["kafka"], name=f.name) for f in dataclasses.fields(cast("Any", made))
    )
    setattr(made, _FIELDS, declared)
    if declaration is not None:
        setattr(made, _DECLARATION, declaration)
    for name, value in _SHARED.items():
        setattr(made, name, value)
    return made


def _equal(self: object, other: object) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    return all(getattr(self, f.name) == getattr(other, f.name) for f in fields_of(type(self)))


def _represent(self: object) -> str:
    values = ", ".join(
        f"{f.name}={'...' if f.name in SECRET_FIELDS else repr(getattr(self, f.name))}" for f in fields_of(type(self))
    )
    return f"{type(self).__name__}({values})"


_SHARED: Final = {"__eq__": _equal, "__hash__": None, "__repr__": _represent}


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def struct(cls: type[T]) -> type[T]:
    """Declare a struct that is part of messages."""
    return _declare(cls, None)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def message(
    *, api_key: ApiKey | int | None = None, versions: str = "0+", flexible: str = "none"
) -> Callable[[type[T]], type[T]]:
    """Declare a request or a response of an API, or data that has versions of its own.

    The versions of an API, flexible ones too, are stated in :data:`kafkalite_wire.apis.DECLARED_APIS`; ``versions``
    narrows them for messages that are not declared in all of them. Other messages state their own.
    """
    declared = Versions.parse(versions)
    # Keys of record types are numbers of their own.
    api = DECLARED_APIS[api_key] if isinstance(api_key, ApiKey) else None
    if api is None:
        declaration = Declaration(-1 if api_key is None else api_key, declared, Versions.parse(flexible))
    else:
        of_api = Versions(max(api.min_version, declared.low), min(api.max_version, declared.high))
        declaration = Declaration(api.key, of_api, Versions(api.first_flexible, _ENDLESS))
    return lambda cls: _declare(cls, declaration)


def fields_of(declared: type[Any]) -> tuple[Field, ...]:
    """Return the fields of a declared message or struct, in wire order."""
    return cast("tuple[Field, ...]", getattr(declared, _FIELDS))


def declaration_of(declared: type[Any]) -> Declaration:
    """Return the API key and versions of a top-level message."""
    return cast("Declaration", getattr(declared, _DECLARATION))
