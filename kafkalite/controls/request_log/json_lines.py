"""Exchanges as JSON, one object a line, for ``jq`` and other programs.

Messages have the names of their fields here, and only those that their version carries. UUIDs are as Kafka prints them.
Bytes are base64; keys, values and header values of records are text where they are UTF-8, and else ``{"base64": ...}``.
Passwords, and values of configurations whose names tell of a secret, are null.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TextIO

from kafkalite.controls.request_log.batches import batches_in
from kafkalite_wire.records import CorruptBatch
from kafkalite_wire.schema import SECRET_FIELDS, FieldType, fields_of, format_uuid

if TYPE_CHECKING:
    from kafkalite.controls.request_log.batches import RecordBatch
    from kafkalite.controls.request_log.exchange import Exchange
    from kafkalite_wire.records import Record

_SECRET: Final = re.compile(r"password|secret|jaas|credential|keystore\.key|token", re.IGNORECASE)
_CONFIG_NAMES: Final = ("name", "config_name")


def write_lines(exchanges: Iterable[Exchange], to: TextIO, *, records: bool = False) -> int:
    """Write a line for each exchange, with decoded records if asked for, and tell how many there were."""
    written = 0
    for exchange in exchanges:
        to.write(line_of(exchange, records=records))
        written += 1
    return written


def line_of(exchange: Exchange, *, records: bool = False) -> str:
    """Return the line of an exchange, with its line feed."""
    return json.dumps(as_json(exchange, records=records), ensure_ascii=False, separators=(",", ":")) + "\n"


def as_json(exchange: Exchange, *, records: bool = False) -> dict[str, object]:
    """Return the JSON object of an exchange."""
    version = exchange.api_version
    return {
        "number": exchange.number,
        "asked": _time(exchange.asked_ms),
        "asked_ms": exchange.asked_ms,
        "latency_ms": None if exchange.latency is None else round(exchange.latency * 1000, 3),
        "outcome": exchange.outcome.value,
        "reason": exchange.reason or None,
        "api": exchange.api,
        "api_key": int(exchange.api_key),
        "api_version": version,
        "correlation_id": exchange.correlation_id,
        "broker": exchange.broker,
        "client_id": exchange.client_id,
        "client_host": exchange.client_host,
        "client_port": exchange.client_port,
        "connection": exchange.connection,
        "request_bytes": exchange.request_bytes,
        "response_bytes": exchange.response_bytes,
        "groups": sorted(exchange.groups),
        "topics": sorted(exchange.topics),
        "errors": [
            {
                "error": error.error.name,
                "code": error.code,
                "path": error.path,
                "topic": error.topic,
                "partition": error.partition,
            }
            for error in exchange.errors
        ],
        "request": None if exchange.request is None else _struct(exchange.request, version, records),
        "response": None if exchange.response is None else _struct(exchange.response, version, records),
    }


def as_shown(message: object, version: int) -> dict[str, object]:
    """Return the JSON object of a message, without its records' contents and without secrets."""
    return _struct(message, version, records=False)


def _struct(struct: object, version: int, records: bool) -> dict[str, object]:
    hidden = _holds_a_secret(struct)
    return {
        field.name: None
        if field.name in SECRET_FIELDS or (hidden and field.name == "value")
        else _value(field.type, value, version, records)
        for field in fields_of(type(struct))
        if version in field.versions
        for value in (getattr(struct, field.name),)
    }


def _value(of: FieldType[Any], value: Any, version: int, records: bool) -> object:
    if value is None:
        return None
    if of.element is not None:
        return [_value(of.element, item, version, records) for item in value]
    if of.struct is not None:
        return _struct(value, version, records)
    match of.name:
        case "uuid":
            return format_uuid(value)
        case "bytes":
            return base64.b64encode(value).decode()
        case "records":
            return [_batch(batch, records) for batch in batches_in("", 0, memoryview(value))]
        case _:
            return int(value) if of.code and not isinstance(value, (bool, float)) else value


def _batch(batch: RecordBatch, records: bool) -> dict[str, object]:
    shown: dict[str, object] = {
        "base_offset": batch.base_offset,
        "count": batch.count,
        "size_bytes": batch.size_bytes,
        "compression": batch.compression,
        "max_timestamp": batch.max_timestamp,
        "producer_id": batch.producer_id,
        "producer_epoch": batch.producer_epoch,
        "base_sequence": batch.base_sequence,
        "is_transactional": batch.is_transactional,
        "is_control": batch.is_control,
        "is_whole": batch.is_whole,
    }
    if records and batch.is_whole:
        try:
            shown["records"] = [_record(record) for record in batch.records()]
        except CorruptBatch as error:
            shown["damage"] = str(error)
    return shown


def _record(record: Record) -> dict[str, object]:
    return {
        "offset": record.offset,
        "timestamp": record.timestamp,
        "key": _text(record.key),
        "value": _text(record.value),
        "headers": [[name, _text(value)] for name, value in record.headers],
    }


def _text(data: bytes | None) -> object:
    if data is None:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def _holds_a_secret(struct: object) -> bool:
    return hasattr(struct, "value") and any(
        isinstance(name, str) and _SECRET.search(name)
        for name in (getattr(struct, field, None) for field in _CONFIG_NAMES)
    )


def shows_a_secret(struct: object) -> bool:
    """Return whether a message holds a value of a configuration that is not shown."""
    if _holds_a_secret(struct) and getattr(struct, "value", None) is not None:
        return True
    return any(map(shows_a_secret, _structs_in(struct)))


def _structs_in(struct: object) -> Iterator[object]:
    for field in fields_of(type(struct)):
        value = getattr(struct, field.name)
        if field.type.struct is not None and value is not None:
            yield value
        elif field.type.element is not None and field.type.element.struct is not None:
            yield from value or ()


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
