"""The fields of messages that hold names of topics, groups and transactional ids; messages with others in their place.

Which fields these are follows from what Kafka calls them; a test compares the result with the entity types in Kafka's
own message schemas. Names whose kind stands in another field, and those inside of bytes, are in ``_SPECIAL``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from kafkalite_wire.errors import WireError
from kafkalite_wire.messages.consumer_protocol import (
    decode_assignment,
    decode_subscription,
    encode_consumer_protocol,
)
from kafkalite_wire.schema import ZERO_UUID, fields_of

if TYPE_CHECKING:
    from kafkalite_wire.schema import Field


class NameKind(Enum):
    """What a name is of."""

    TOPIC = "topic"
    GROUP = "group"
    TRANSACTIONAL_ID = "transactional id"


class Renaming(Protocol):
    """Says which names stand in place of others, on the way to one side."""

    def name(self, kind: NameKind, name: str) -> str | None:
        """Return the name in place of another; None if the other side is not to see it."""
        ...

    def pattern(self, kind: NameKind | None, name: str, pattern_type: int) -> tuple[str, int] | None:
        """Return the name and pattern type in place of those of an ACL; None if the other side is not to see them.

        ``kind`` is None for resources whose names are not renamed, such as the cluster.
        """
        ...

    def expression(self, kind: NameKind, expression: str) -> str | None:
        """Return the regular expression in place of one that selects names."""
        ...

    def text(self, text: str) -> str:
        """Return a sentence with names in it, of an error, in place of another."""
        ...


_TOPIC_FIELDS: Final = frozenset((
    "topic",
    "topic_name",
    "topic_names",
    "subscribed_topic_names",
    "source_topics",
    "sink_topic",
    "repartition_sink_topics",
))  # fmt: skip
_GROUP_FIELDS: Final = frozenset(("group_id", "group_ids", "groups", "groups_names"))
_TRANSACTIONAL_ID_FIELDS: Final = frozenset((
    "transactional_id", "transactional_ids", "v3_and_below_transactional_id",
))  # fmt: skip
_HAVE_OTHER_NAMES: Final = frozenset((
    "AlterableConfig",
    "CreatableTopicConfig",
    "CreatableTopicConfigs",
    "DescribeConfigsSynonym",
    "DescribeConfigsResourceResult",
    "JoinGroupRequestProtocol",
    "SupportedFeatureKey",
    "FinalizedFeatureKey",
    "UserName",
    "ScramCredentialDeletion",
    "ScramCredentialUpsertion",
    "Listener",
    "TopologyDescriptionNode",
))  # fmt: skip
"""Structs whose field ``name`` is not a topic's."""

_OF_RESOURCE: Final[Mapping[int, NameKind]] = {
    1: NameKind.TOPIC,  # a filter for any kind
    2: NameKind.TOPIC,
    3: NameKind.GROUP,
    5: NameKind.TRANSACTIONAL_ID,
    32: NameKind.GROUP,
}
"""By resource type, of ACLs and of configurations, which do not collide."""
_OF_COORDINATOR: Final[Mapping[int, NameKind]] = {0: NameKind.GROUP, 1: NameKind.TRANSACTIONAL_ID}
_CONSUMER: Final = "consumer"


def kind_of(struct: type[Any], field: Field) -> NameKind | None:
    """Return what the text in a field is the name of, if the field says so by itself."""
    of = field.type.element if field.type.element is not None else field.type
    if of.name != "string":
        return None
    if field.name in _TOPIC_FIELDS or (field.name == "name" and struct.__name__ not in _HAVE_OTHER_NAMES):
        return NameKind.TOPIC
    if field.name in _GROUP_FIELDS:
        return NameKind.GROUP
    return NameKind.TRANSACTIONAL_ID if field.name in _TRANSACTIONAL_ID_FIELDS else None


_Step = Callable[[Any, "_Work"], Any]
"""Returns the value of a field in place of that of a struct; _DROPPED if the struct is not to be seen."""
_DROPPED: Final = object()
_STEPS: Final[dict[type[Any], tuple[tuple[str, _Step], ...]]] = {}
"""By class of message or struct: the fields that may change."""
_WAYS: Final[dict[type[Any], tuple[tuple[str, bool, bool], ...]]] = {}
"""By class: the fields that hold topic ids or lead to them, whether they are arrays, and whether they are ids."""


class _Work:
    """A message that is renamed; ``request`` is what a response answers, and has what the response does not repeat."""

    __slots__ = ("protocol_type", "renaming", "request")

    def __init__(self, renaming: Renaming, request: Any, protocol_type: str | None) -> None:
        self.renaming = renaming
        self.request = request
        self.protocol_type = protocol_type


def renamed(message: Any, renaming: Renaming, *, request: Any = None, protocol_type: str | None = None) -> Any:
    """Return a message with other names; the same object where nothing changes.

    An element of an array whose name the other side is not to see is left out. ``request`` is what a response answers.
    ``protocol_type`` is that of the group, for messages that do not state it.
    """
    made = _struct(message, _Work(renaming, request, getattr(message, "protocol_type", None) or protocol_type))
    return message if made is _DROPPED else made


def _struct(struct: Any, work: _Work) -> Any:
    changes: dict[str, Any] = {}
    if getattr(struct, "protocol_type", None):
        work.protocol_type = struct.protocol_type
    declared = type(cast("object", struct))
    for name, step in _steps_of(declared):
        before = getattr(struct, name)
        after = step(struct, work)
        if after is _DROPPED:
            return _DROPPED
        if after is not before:
            changes[name] = after
    return replace(struct, **changes) if changes else struct


def _steps_of(declared: type[Any]) -> tuple[tuple[str, _Step], ...]:
    found = _STEPS.get(declared)
    if found is None:
        found = _STEPS[declared] = _compiled(declared)
    return found


def _compiled(declared: type[Any]) -> tuple[tuple[str, _Step], ...]:
    steps: list[tuple[str, _Step]] = []
    for field in fields_of(declared):
        of = field.type.element if field.type.element is not None else field.type
        step: _Step | None
        if of.struct is not None:
            step = _nested(field.name, is_array=field.type.is_array) if _steps_of(of.struct) else None
        else:
            kind = kind_of(declared, field)
            if kind is None:
                step = _SPECIAL.get((declared.__name__, field.name)) or _SPECIAL.get(("", field.name))
            else:
                step = _names(field.name, kind) if field.type.is_array else _name(field.name, kind)
        if step is not None:
            steps.append((field.name, step))
    return tuple(steps)


def _nested(field: str, *, is_array: bool) -> _Step:
    def one(struct: Any, work: _Work) -> Any:
        value = getattr(struct, field)
        if value is None:
            return None
        made = _struct(value, work)
        return None if made is _DROPPED else made

    def all_of(struct: Any, work: _Work) -> Any:
        values = getattr(struct, field)
        if not values:
            return values
        made = tuple(each for value in values if (each := _struct(value, work)) is not _DROPPED)
        unchanged = len(made) == len(values) and all(map(_is, made, values))
        return values if unchanged else made

    return all_of if is_array else one


def _is(one: object, other: object) -> bool:
    return one is other


def _name(field: str, kind: NameKind) -> _Step:
    def step(struct: Any, work: _Work) -> Any:
        before = getattr(struct, field)
        if not before:  # a topic with an id instead, or a producer without a transaction
            return before
        after = work.renaming.name(kind, before)
        return _DROPPED if after is None else after

    return step


def _names(field: str, kind: NameKind) -> _Step:
    def step(struct: Any, work: _Work) -> Any:
        before: tuple[str, ...] | None = getattr(struct, field)
        if not before:
            return before
        names = (work.renaming.name(kind, each) for each in before)
        return tuple(name for name in names if name is not None)

    return step


# Names whose kind stands elsewhere


def _coordinated(struct: Any, work: _Work, name: str) -> str | None:
    kind = _OF_COORDINATOR.get((work.request or struct).key_type)
    return name if kind is None or not name else work.renaming.name(kind, name)


def _coordinator_key(struct: Any, work: _Work) -> Any:
    name = _coordinated(struct, work, struct.key)
    return _DROPPED if name is None else name


def _coordinator_keys(struct: Any, work: _Work) -> Any:
    keys: tuple[str, ...] = struct.coordinator_keys
    names = (_coordinated(struct, work, each) for each in keys)
    return tuple(name for name in names if name is not None)


def _resource(struct: Any, work: _Work) -> Any:
    kind = _OF_RESOURCE.get(struct.resource_type)
    if kind is None:
        return struct.resource_name
    name = work.renaming.name(kind, struct.resource_name)
    return _DROPPED if name is None else name


def _pattern(name_field: str, kind_field: str, type_field: str, *, is_name: bool) -> _Step:
    def step(struct: Any, work: _Work) -> Any:
        name, kind = getattr(struct, name_field), _OF_RESOURCE.get(getattr(struct, kind_field))
        pattern_type = getattr(struct, type_field)
        if name is None:
            return None if is_name else pattern_type
        made = work.renaming.pattern(kind, name, pattern_type)
        return _DROPPED if made is None else made[0 if is_name else 1]

    return step


def _patterns(struct: str, name: str, kind: str, type_: str) -> dict[tuple[str, str], _Step]:
    return {
        (struct, name): _pattern(name, kind, type_, is_name=True),
        (struct, type_): _pattern(name, kind, type_, is_name=False),
    }


def _expression(field: str, kind: NameKind) -> _Step:
    def step(struct: Any, work: _Work) -> Any:
        before = getattr(struct, field)
        return before and work.renaming.expression(kind, before)

    return step


def _text(field: str) -> _Step:
    def step(struct: Any, work: _Work) -> Any:
        before = getattr(struct, field)
        return before and work.renaming.text(before)

    return step


def _protocol(field: str, decode: Callable[[Any], Any], arrays: tuple[str, str]) -> _Step:
    """Rename topics in what members of a group of consumers send each other, as long as it can be read."""

    def step(struct: Any, work: _Work) -> Any:
        data = getattr(struct, field)
        if not data or work.protocol_type != _CONSUMER:
            return data
        version = int.from_bytes(bytes(data[:2]))
        try:
            message = decode(data)
            if encode_consumer_protocol(message, version) != data:
                return data
        except (WireError, KeyError, ValueError):
            return data
        name = work.renaming.name
        topics, partitions = arrays
        changes: dict[str, Any] = {
            partitions: tuple(
                replace(each, topic=name(NameKind.TOPIC, each.topic) or each.topic)
                for each in getattr(message, partitions)
            )
        }
        if topics:
            changes[topics] = tuple(name(NameKind.TOPIC, each) or each for each in getattr(message, topics))
        return encode_consumer_protocol(replace(message, **changes), version)

    return step


_SUBSCRIPTION: Final = (decode_subscription, ("topics", "owned_partitions"))
_ASSIGNMENT: Final = (decode_assignment, ("", "assigned_partitions"))

_SPECIAL: Final[dict[tuple[str, str], _Step]] = {
    ("FindCoordinatorRequest", "key"): _coordinator_key,
    ("FindCoordinatorRequest", "coordinator_keys"): _coordinator_keys,
    ("Coordinator", "key"): _coordinator_key,
    ("", "resource_name"): _resource,
    **_patterns("DescribeAclsResource", "resource_name", "resource_type", "pattern_type"),
    **_patterns("AclCreation", "resource_name", "resource_type", "resource_pattern_type"),
    **_patterns("DeleteAclsMatchingAcl", "resource_name", "resource_type", "pattern_type"),
    **_patterns("DescribeAclsRequest", "resource_name_filter", "resource_type_filter", "pattern_type_filter"),
    **_patterns("DeleteAclsFilter", "resource_name_filter", "resource_type_filter", "pattern_type_filter"),
    ("", "transactional_id_pattern"): _expression("transactional_id_pattern", NameKind.TRANSACTIONAL_ID),
    ("", "subscribed_topic_regex"): _expression("subscribed_topic_regex", NameKind.TOPIC),
    ("", "error_message"): _text("error_message"),
    ("", "batch_index_error_message"): _text("batch_index_error_message"),
    ("JoinGroupRequestProtocol", "metadata"): _protocol("metadata", *_SUBSCRIPTION),
    ("JoinGroupResponseMember", "metadata"): _protocol("metadata", *_SUBSCRIPTION),
    ("SyncGroupRequestAssignment", "assignment"): _protocol("assignment", *_ASSIGNMENT),
    ("SyncGroupResponse", "assignment"): _protocol("assignment", *_ASSIGNMENT),
    ("DescribedGroupMember", "member_metadata"): _protocol("member_metadata", *_SUBSCRIPTION),
    ("DescribedGroupMember", "member_assignment"): _protocol("member_assignment", *_ASSIGNMENT),
}
"""By struct and field; any struct where none is named."""


def has_names(declared: type[Any], kind: NameKind) -> bool:
    """Return whether a message may hold a name of a kind in a field of its own."""
    return any(
        kind_of(declared, field) is kind or (of.struct is not None and has_names(of.struct, kind))
        for field in fields_of(declared)
        for of in (field.type.element or field.type,)
    )


def names_in(message: Any, kind: NameKind) -> set[str]:
    """Return the names of a kind in a message."""
    found = _Collecting(kind)
    renamed(message, found)
    return found.names


class _Collecting:
    """Renames nothing, and keeps what it has seen."""

    def __init__(self, kind: NameKind) -> None:
        self._kind = kind
        self.names: set[str] = set()

    def name(self, kind: NameKind, name: str) -> str:
        if kind is self._kind:
            self.names.add(name)
        return name

    def pattern(self, kind: NameKind | None, name: str, pattern_type: int) -> tuple[str, int]:
        del kind
        return name, pattern_type

    def expression(self, kind: NameKind, expression: str) -> str:
        del kind
        return expression

    def text(self, text: str) -> str:
        return text


def topic_ids(message: Any) -> Iterator[bytes]:
    """Yield the ids of topics in a message."""
    declared = type(cast("object", message))
    for name, is_array, is_id in _ways_to_topic_ids(declared):
        value = getattr(message, name)
        if is_id:
            if value != ZERO_UUID:
                yield value
        elif value is not None:
            for each in value if is_array else (value,):
                yield from topic_ids(each)


def _ways_to_topic_ids(declared: type[Any]) -> tuple[tuple[str, bool, bool], ...]:
    found = _WAYS.get(declared)
    if found is None:
        found = _WAYS[declared] = _compiled_ways(declared)
    return found


def _compiled_ways(declared: type[Any]) -> tuple[tuple[str, bool, bool], ...]:
    ways: list[tuple[str, bool, bool]] = []
    for field in fields_of(declared):
        of = field.type.element if field.type.element is not None else field.type
        if field.name == "topic_id":
            ways.append((field.name, False, True))
        elif of.struct is not None and _ways_to_topic_ids(of.struct):
            ways.append((field.name, field.type.is_array, False))
    return tuple(ways)
