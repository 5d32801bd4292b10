"""The records of ``__consumer_offsets``: committed offsets and the state of classic groups.

Those of consumer groups are in :mod:`kafkalite_wire.messages.consumer_group_records`, those of share groups in
:mod:`kafkalite_wire.messages.share_group_records`, those of streams groups in
:mod:`kafkalite_wire.messages.streams_group_records`.

A key is an INT16, the type of the record, then the message of the key. A value is an INT16, its version, then that
version of the message of the value. A null value (None) is a tombstone.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from kafkalite_wire.codec import decode, encode
from kafkalite_wire.errors import WireError
from kafkalite_wire.messages.consumer_group_records import (
    CONSUMER_GROUP_RECORDS,
    ConsumerGroupKey,
    ConsumerGroupValue,
)
from kafkalite_wire.messages.share_group_records import SHARE_GROUP_RECORDS, ShareGroupKey, ShareGroupValue
from kafkalite_wire.messages.streams_group_records import (
    STREAMS_GROUP_RECORDS,
    StreamsGroupKey,
    StreamsGroupValue,
)
from kafkalite_wire.schema import (
    BYTES,
    INT32,
    INT64,
    STRING,
    UUID,
    ZERO_UUID,
    Buffer,
    array_of,
    declaration_of,
    field,
    message,
    struct,
)


@message(api_key=0, versions="0")
class LegacyOffsetCommitKey:
    """Record type 0: the key of a committed offset, as written before Kafka 0.9."""

    group: str = field(STRING, "0")
    topic: str = field(STRING, "0")
    partition: int = field(INT32, "0")


@message(api_key=1, versions="0")
class OffsetCommitKey:
    """Record type 1: the group and partition of a committed offset."""

    group: str = field(STRING, "0")
    topic: str = field(STRING, "0")
    partition: int = field(INT32, "0")


@message(api_key=2, versions="0")
class GroupMetadataKey:
    """Record type 2: the classic group of a stored group state."""

    group: str = field(STRING, "0")


@message(api_key=0, versions="0")
class LegacyOffsetCommitValue:
    """A committed offset, as written before Kafka 0.9."""

    offset: int = field(INT64, "0")
    metadata: str = field(STRING, "0")
    commit_timestamp: int = field(INT64, "0")


@message(api_key=1, versions="0-4", flexible="4+")
class OffsetCommitValue:
    """A committed offset; times are milliseconds since 1970."""

    offset: int = field(INT64)
    leader_epoch: int = field(INT32, "3+", default=-1)
    metadata: str = field(STRING)
    commit_timestamp: int = field(INT64)
    expire_timestamp: int = field(INT64, "1", default=-1)
    topic_id: bytes = field(UUID, "4+", tag=0, default=ZERO_UUID)


@struct
class MemberMetadata:
    """A member of a stored group; time-outs are milliseconds."""

    member_id: str = field(STRING)
    group_instance_id: str | None = field(STRING, "3+", nullable="3+", default=None)
    client_id: str = field(STRING)
    client_host: str = field(STRING)
    rebalance_timeout: int = field(INT32, "1+", default=-1)
    session_timeout: int = field(INT32)
    subscription: bytes = field(BYTES)
    assignment: bytes = field(BYTES)


@message(api_key=2, versions="0-4", flexible="4+")
class GroupMetadataValue:
    """A generation of a classic group, as stored once its assignments are known."""

    protocol_type: str = field(STRING)
    generation: int = field(INT32)
    protocol: str | None = field(STRING, nullable="0+")
    leader: str | None = field(STRING, nullable="0+")
    current_state_timestamp: int = field(INT64, "2+", default=-1)
    members: tuple[MemberMetadata, ...] = field(array_of(MemberMetadata))


Key = LegacyOffsetCommitKey | OffsetCommitKey | GroupMetadataKey | ConsumerGroupKey | ShareGroupKey | StreamsGroupKey
Value = (
    LegacyOffsetCommitValue
    | OffsetCommitValue
    | GroupMetadataValue
    | ConsumerGroupValue
    | ShareGroupValue
    | StreamsGroupValue
)

OFFSET_COMMIT_VALUE_VERSION: Final = 4
"""The version that Kafka 4.4 writes, except for commits with a retention time, which only version 1 has."""
GROUP_METADATA_VALUE_VERSION: Final = 3
"""The version that Kafka 4.4 writes."""

_PREFIX: Final = Struct(">h")
_VALUES: Final[dict[type[Key], type[Value]]] = {
    LegacyOffsetCommitKey: LegacyOffsetCommitValue,
    OffsetCommitKey: OffsetCommitValue,
    GroupMetadataKey: GroupMetadataValue,
    **dict(CONSUMER_GROUP_RECORDS),
    **dict(SHARE_GROUP_RECORDS),
    **dict(STREAMS_GROUP_RECORDS),
}
_KEYS: Final[dict[int, type[Key]]] = {declaration_of(key).api_key: key for key in _VALUES}


def encode_key(key: Key) -> bytes:
    """Encode a record key behind its type."""
    return _PREFIX.pack(declaration_of(type(key)).api_key) + encode(key, 0)


def encode_value(value: Value, version: int) -> bytes:
    """Encode a record value behind its version."""
    return _PREFIX.pack(version) + encode(value, version)


def decode_key(data: Buffer) -> Key | None:
    """Decode a record key; return None for a record type that is not declared here. Raises WireError."""
    declared = _KEYS.get(_prefix(data, "record type"))
    return None if declared is None else decode(declared, 0, data, 2)


def decode_value(key: Key, data: Buffer) -> Value:
    """Decode the value of a record with this key. Raises WireError, also for a version that is not declared."""
    return decode(_VALUES[type(key)], _prefix(data, "version of the value"), data, 2)


def _prefix(data: Buffer, what: str) -> int:
    if len(data) < 2:
        raise WireError(f"the {what} is missing", offset=0)
    prefix: int = _PREFIX.unpack_from(data)[0]
    return prefix
