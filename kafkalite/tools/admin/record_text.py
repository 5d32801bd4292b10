"""Records as lines: how they are read from text and JSON, and written as either.

What :func:`to_json` writes, :func:`from_json` reads back to the same bytes: a text that is UTF-8 stands as it is, other
bytes stand in base64 under `value_base64`, and null is null.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Any, Final, cast

from kafkalite.record_json import bytes_of, member
from kafkalite.tools.admin.positions import written_time

Headers = tuple[tuple[str, bytes | None], ...]

_MEMBERS: Final = (
    *("value", "value_base64", "key", "key_base64", "headers", "partition", "timestamp"),
    *("topic", "offset"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRecord:
    """A record to be written; None leaves the partition and the time to the producer."""

    value: bytes | None
    key: bytes | None = None
    headers: Headers = ()
    partition: int | None = None
    timestamp: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRecord:
    """A record that was read; `timestamp` in milliseconds since the epoch."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


def from_line(line: bytes, *, key_separator: bytes | None = None) -> NewRecord:
    """Read a line as a value, or as a key and a value; raises ValueError where the separator is missing."""
    if key_separator is None:
        return NewRecord(value=line)
    key, separator, value = line.partition(key_separator)
    if not separator:
        raise ValueError(f"no {key_separator.decode()!r} between key and value")
    return NewRecord(key=key, value=value)


def from_json(line: bytes | str) -> NewRecord:
    """Read a JSON object with `value`, `key`, `headers`, `partition` and `timestamp`, of which each may be missing.

    A value or key that is not a text becomes its JSON. `topic` and `offset` are passed over, so that what was consumed
    can be produced again. Raises ValueError with a reason, also for a member that records do not have.
    """
    try:
        told: object = json.loads(line)
    except ValueError as problem:
        raise ValueError(f"not JSON: {problem}") from None
    if not isinstance(told, dict):
        raise ValueError("not a JSON object")
    row = cast("dict[str, Any]", told)
    if unknown := [name for name in row if name not in _MEMBERS]:
        raise ValueError(f"{unknown[0]!r} is unknown here; known: {', '.join(_MEMBERS)}")
    headers: object = row.get("headers") or {}
    if not isinstance(headers, dict):
        raise ValueError("headers is not a JSON object")
    for name in ("partition", "timestamp"):
        if not isinstance(row.get(name), int | None) or isinstance(row.get(name), bool):
            raise ValueError(f"{name} is not a number")
    return NewRecord(
        value=_bytes_of(row, "value"),
        key=_bytes_of(row, "key"),
        headers=tuple((name, bytes_of(value)) for name, value in cast("dict[str, Any]", headers).items()),
        partition=row.get("partition"),
        timestamp=row.get("timestamp"),
    )


def to_json(record: StoredRecord) -> str:
    """Write a record as one line of JSON."""
    row: dict[str, Any] = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        **member("key", record.key),
        **member("value", record.value),
    }
    if record.headers:
        row["headers"] = {name: _shown(value, None) for name, value in record.headers}
    return json.dumps(row, ensure_ascii=False)


FIELDS: Final[Mapping[str, Callable[[StoredRecord], str]]] = {
    "topic": lambda record: record.topic,
    "partition": lambda record: str(record.partition),
    "offset": lambda record: str(record.offset),
    "timestamp": lambda record: str(record.timestamp),
    "time": lambda record: written_time(record.timestamp),
    "key": lambda record: _shown(record.key, ""),
    "value": lambda record: _shown(record.value, ""),
    "headers": lambda record: ",".join(f"{name}={_shown(value, '')}" for name, value in record.headers),
}
"""What a format may name."""


def formatter(template: str) -> Callable[[StoredRecord], str]:
    """Return a function that formats records by a template such as `{offset} {key}={value}`.

    A backslash and `n` or `t` is a line's end or a tab. Raises ValueError for a name that records do not have.
    """
    parts: list[tuple[str, Callable[[StoredRecord], str] | None]] = []
    for text, name, spec, conversion in Formatter().parse(template.replace("\\n", "\n").replace("\\t", "\t")):
        if name is not None and (name not in FIELDS or spec or conversion):
            raise ValueError(f"a format cannot name {{{name}}}; there are {', '.join(FIELDS)}")
        parts.append((text, None if name is None else FIELDS[name]))
    return lambda record: "".join(text + (field(record) if field else "") for text, field in parts)


def _bytes_of(row: Mapping[str, Any], name: str) -> bytes | None:
    if f"{name}_base64" in row:
        try:
            return b64decode(row[f"{name}_base64"], validate=True)
        except (ValueError, TypeError):
            raise ValueError(f"{name}_base64 is not base64") from None
    return bytes_of(row.get(name))


def _shown(data: bytes | None, null: Any) -> Any:
    return null if data is None else data.decode(errors="backslashreplace")
