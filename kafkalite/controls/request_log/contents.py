"""What a message is about: its topics and partitions, the errors in it, and its record batches.

Told from the declarations, by the names that Kafka gives to fields, so that it holds for every API and version.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, NamedTuple, cast

from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.schema import fields_of

_TOPIC_RESOURCE: Final = 2
_TOPIC_LIST: Final = "topic_names"
_TOPICS: Final = frozenset(("topic", "name", "topic_name"))
_PARTITIONS: Final = frozenset(("partition", "partition_index", "index"))
_PARTITION_LISTS: Final = frozenset(("partitions", "partition_indexes"))
_ERRORS: Final = frozenset(("error_code", "acknowledge_error_code", "partition_error_code", "topic_config_error_code"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseError:
    """An error in a response; ``path`` names the field, as in ``topics[0].partitions[2].error_code``."""

    error: ErrorCode
    code: int
    path: str
    topic: str | None = None
    partition: int | None = None

    def __str__(self) -> str:
        """Name the error, and what it is about."""
        if self.topic is None:
            return self.error.name
        return f"{self.error.name} ({self.topic}{'' if self.partition is None else f'-{self.partition}'})"


class Place(NamedTuple):
    """A struct inside a message, and the topic and the partition that it is about, where it is about one."""

    struct: object
    path: str
    topic: str | None
    partition: int | None


class _Shape(NamedTuple):
    """The names of those fields of a struct that tell what it is about."""

    topic: str | None
    has_topic_id: bool
    is_resource: bool
    partition: str | None
    partition_list: str | None
    errors: tuple[str, ...]
    records: str | None
    structs: tuple[str, ...]
    arrays: tuple[str, ...]


def _made_shape(declared: type[Any]) -> _Shape:
    fields = fields_of(declared)
    plain = {field.name for field in fields if field.type.element is None and field.type.struct is None}
    is_topic = "Topic" in declared.__name__ and "Config" not in declared.__name__
    arrays = [field for field in fields if field.type.element is not None]
    return _Shape(
        topic=next(iter(_TOPICS & plain), None) if is_topic else None,
        has_topic_id="topic_id" in plain,
        is_resource="resource_name" in plain,
        partition=next(iter(_PARTITIONS & plain), None),
        partition_list=next((f.name for f in arrays if f.name in _PARTITION_LISTS and f.type.element.code), None),  # type: ignore[union-attr]
        errors=tuple(field.name for field in fields if field.name in _ERRORS),
        records=next((field.name for field in fields if field.type.name == "records"), None),
        structs=tuple(field.name for field in fields if field.type.struct is not None),
        arrays=tuple(f.name for f in arrays if f.type.element is not None and f.type.element.struct is not None),
    )


_shape = cast("Callable[[type[Any]], _Shape]", cache(_made_shape))


def places(
    struct: object,
    topic_names: Mapping[bytes, str],
    path: str = "",
    topic: str | None = None,
    partition: int | None = None,
) -> Iterator[Place]:
    """Yield a message and every struct in it; ``topic_names`` has the names of topics by their ids."""
    shape = _shape(type(struct))
    topic = _topic(struct, shape, topic_names) or topic
    if topic is not None and shape.partition is not None:
        partition = getattr(struct, shape.partition)
    yield Place(struct, path, topic, partition)
    for name in shape.structs:
        if (inner := getattr(struct, name)) is not None:
            yield from places(inner, topic_names, f"{path}{name}.", topic, partition)
    for name in shape.arrays:
        for index, item in enumerate(getattr(struct, name) or ()):
            yield from places(item, topic_names, f"{path}{name}[{index}].", topic, partition)


def topics_in(message: object, topic_names: Mapping[bytes, str]) -> Iterator[str]:
    """Name the topics that a message is about; some perhaps more than once."""
    for place in places(message, topic_names):
        if place.topic is not None:
            yield place.topic
        yield from getattr(place.struct, _TOPIC_LIST, None) or ()


def partitions_in(message: object, topic_names: Mapping[bytes, str]) -> Iterator[tuple[str, int]]:
    """Yield topic and number of the partitions that a message names; some perhaps more than once."""
    for place in places(message, topic_names):
        if place.topic is None:
            continue
        if place.partition is not None:
            yield place.topic, place.partition
        if (name := _shape(type(place.struct)).partition_list) is not None:
            for partition in getattr(place.struct, name) or ():
                yield place.topic, partition


def errors_in(response: object, topic_names: Mapping[bytes, str]) -> Iterator[ResponseError]:
    """Yield the errors in a response."""
    for place in places(response, topic_names):
        for name in _shape(type(place.struct)).errors:
            if code := getattr(place.struct, name):
                yield ResponseError(
                    error=_error(code),
                    code=code,
                    path=place.path + name,
                    topic=place.topic,
                    partition=place.partition,
                )


def records_in(message: object, topic_names: Mapping[bytes, str]) -> Iterator[tuple[str, int, Any]]:
    """Yield topic, partition and the records as sent, for each partition in a message."""
    for place in places(message, topic_names):
        name = _shape(type(place.struct)).records
        if name is not None and (data := getattr(place.struct, name)):
            yield place.topic or "", place.partition or 0, data


def _error(code: int) -> ErrorCode:
    try:
        return ErrorCode(code)
    except ValueError:  # of a newer Kafka
        return ErrorCode.UNKNOWN_SERVER_ERROR


def _topic(struct: Any, shape: _Shape, topic_names: Mapping[bytes, str]) -> str | None:
    if shape.is_resource:
        return struct.resource_name if struct.resource_type == _TOPIC_RESOURCE else None
    named = getattr(struct, shape.topic) if shape.topic is not None else None
    if not named and shape.has_topic_id:
        return topic_names.get(struct.topic_id)
    return named or None
