"""The records of ``__share_group_state``: how far a share group is in a partition (KIP-932).

As in ``__consumer_offsets``, a key is an INT16, the type of the record, then the message of the key; a value is an
INT16, its version, then that version of the message of the value. No value is a tombstone. A snapshot is the whole
state; an update is what has changed since.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from kafkalite_wire.codec import decode, encode
from kafkalite_wire.errors import WireError
from kafkalite_wire.schema import (
    INT8,
    INT16,
    INT32,
    INT64,
    STRING,
    UUID,
    Buffer,
    array_of,
    declaration_of,
    field,
    message,
    struct,
)


@struct
class StateBatch:
    """A range of offsets: 0 available, 2 acknowledged, 4 archived; and how often it was delivered."""

    first_offset: int = field(INT64)
    last_offset: int = field(INT64)
    delivery_state: int = field(INT8)
    delivery_count: int = field(INT16)


@message(api_key=0, versions="0")
class ShareSnapshotKey:
    """Record type 0: a group and a partition."""

    group_id: str = field(STRING, "0")
    topic_id: bytes = field(UUID, "0")
    partition: int = field(INT32, "0")


@message(api_key=0, versions="0", flexible="0+")
class ShareSnapshotValue:
    """The whole state; times are milliseconds since 1970."""

    snapshot_epoch: int = field(INT32)
    state_epoch: int = field(INT32)
    leader_epoch: int = field(INT32)
    start_offset: int = field(INT64)
    delivery_complete_count: int = field(INT32, tag=0, default=-1)
    create_timestamp: int = field(INT64)
    write_timestamp: int = field(INT64)
    state_batches: tuple[StateBatch, ...] = field(array_of(StateBatch))


@message(api_key=1, versions="0")
class ShareUpdateKey:
    """Record type 1: a group and a partition."""

    group_id: str = field(STRING, "0")
    topic_id: bytes = field(UUID, "0")
    partition: int = field(INT32, "0")


@message(api_key=1, versions="0", flexible="0+")
class ShareUpdateValue:
    """What has changed since the snapshot of this epoch; start offset -1 where that has not."""

    snapshot_epoch: int = field(INT32)
    leader_epoch: int = field(INT32)
    start_offset: int = field(INT64)
    delivery_complete_count: int = field(INT32, tag=0, default=-1)
    state_batches: tuple[StateBatch, ...] = field(array_of(StateBatch))


ShareStateKey = ShareSnapshotKey | ShareUpdateKey
ShareStateValue = ShareSnapshotValue | ShareUpdateValue

VALUE_VERSION: Final = 0
"""The version of both values."""

_PREFIX: Final = Struct(">h")
_VALUES: Final[dict[type[ShareStateKey], type[ShareStateValue]]] = {
    ShareSnapshotKey: ShareSnapshotValue,
    ShareUpdateKey: ShareUpdateValue,
}
_KEYS: Final[dict[int, type[ShareStateKey]]] = {declaration_of(key).api_key: key for key in _VALUES}


def encode_share_key(key: ShareStateKey) -> bytes:
    """Encode a record key behind its type."""
    return _PREFIX.pack(declaration_of(type(key)).api_key) + encode(key, 0)


def encode_share_value(value: ShareStateValue) -> bytes:
    """Encode a record value behind its version."""
    return _PREFIX.pack(VALUE_VERSION) + encode(value, VALUE_VERSION)


def decode_share_key(data: Buffer) -> ShareStateKey | None:
    """Decode a record key; return None for a record type that is not declared here. Raises WireError."""
    declared = _KEYS.get(_prefix(data, "record type"))
    return None if declared is None else decode(declared, 0, data, 2)


def decode_share_value(key: ShareStateKey, data: Buffer) -> ShareStateValue:
    """Decode the value of a record with this key. Raises WireError, also for a version that is not declared."""
    return decode(_VALUES[type(key)], _prefix(data, "version of the value"), data, 2)


def _prefix(data: Buffer, what: str) -> int:
    if len(data) < 2:
        raise WireError(f"the {what} is missing", offset=0)
    prefix: int = _PREFIX.unpack_from(data)[0]
    return prefix
