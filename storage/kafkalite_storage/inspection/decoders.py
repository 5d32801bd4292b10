"""Read the records of internal topics as plain values: offsets, groups, transactions, share groups, metadata."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

from kafkalite_storage.metadata.topics import METADATA_TOPIC
from kafkalite_wire.messages.coordinator_records import decode_key, decode_value
from kafkalite_wire.messages.metadata_records import decode_metadata_record
from kafkalite_wire.messages.share_state_records import decode_share_key, decode_share_value
from kafkalite_wire.messages.transaction_records import (
    TransactionState,
    decode_transaction_key,
    decode_transaction_value,
)
from kafkalite_wire.records import Record
from kafkalite_wire.schema import FieldType, fields_of, format_uuid

#: A value in a row of a dump.
Plain: TypeAlias = "bool | int | float | str | bytes | list[Plain] | dict[str, Plain] | None"

OFFSETS_TOPIC: Final = "__consumer_offsets"
TRANSACTIONS_TOPIC: Final = "__transaction_state"
SHARE_STATE_TOPIC: Final = "__share_group_state"


@dataclass(frozen=True, slots=True)
class Decoded:
    """A key and value as plain values, or None where the record has none or its type is not known."""

    key: "dict[str, Plain] | None"
    value: "dict[str, Plain] | None"


class Decoder(Protocol):
    """Reads a record of one topic; raises WireError for one that cannot be understood."""

    def __call__(self, record: Record, /) -> Decoded:
        """Decode key and value."""
        ...


def decoder_of(topic: str) -> Decoder | None:
    """Return the decoder for the records of an internal topic, None for any other topic."""
    return _DECODERS.get(topic)


def _offsets(record: Record) -> Decoded:
    key = None if record.key is None else decode_key(record.key)
    if key is None:
        return Decoded(None, None)
    value = None if record.value is None else decode_value(key, record.value)
    return Decoded(_plain_message(key), None if value is None else _plain_message(value))


def _transactions(record: Record) -> Decoded:
    key = None if record.key is None else decode_transaction_key(record.key)
    if key is None:
        return Decoded(None, None)
    value = None if record.value is None else decode_transaction_value(record.value)
    if value is None:
        return Decoded(_plain_message(key), None)
    plain = _plain_message(value)
    if value.transaction_status in _STATES:
        plain["transactionStatus"] = TransactionState(value.transaction_status).name
    return Decoded(_plain_message(key), plain)


def _share_state(record: Record) -> Decoded:
    key = None if record.key is None else decode_share_key(record.key)
    if key is None:
        return Decoded(None, None)
    value = None if record.value is None else decode_share_value(key, record.value)
    return Decoded(_plain_message(key), None if value is None else _plain_message(value))


def _metadata(record: Record) -> Decoded:
    change = None if record.value is None else decode_metadata_record(record.value)
    if change is None:
        return Decoded(None, None)
    return Decoded(None, {"type": type(change).__name__, **_plain_message(change)})


_STATES: Final = frozenset(TransactionState)
_DECODERS: Final[dict[str, Callable[[Record], Decoded]]] = {
    OFFSETS_TOPIC: _offsets,
    TRANSACTIONS_TOPIC: _transactions,
    SHARE_STATE_TOPIC: _share_state,
    METADATA_TOPIC: _metadata,
}


def _plain_message(message: object) -> dict[str, Plain]:
    declared: type[object] = type(message)
    return {_camel(field.name): _plain(field.type, getattr(message, field.name)) for field in fields_of(declared)}


def _plain(of: FieldType[Any], value: Any) -> Plain:
    if value is None:
        return None
    if of.element is not None:
        return [_plain(of.element, each) for each in value]
    if of.struct is not None:
        return _plain_message(value)
    if of.name == "uuid":
        return format_uuid(value)
    plain: Plain = bytes(value) if of.name in ("bytes", "records") else value
    return plain


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
