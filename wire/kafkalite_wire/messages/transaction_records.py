"""The records of ``__transaction_state``: the state of each transactional id (KIP-98).

As in ``__consumer_offsets``, a key is an INT16, the type of the record, then the message of the key; a value is an
INT16, its version, then that version of the message of the value. A null value (None) is a tombstone.
"""

from __future__ import annotations

from enum import IntEnum
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
    Buffer,
    array_of,
    declaration_of,
    field,
    message,
    struct,
)


class TransactionState(IntEnum):
    """The values of ``transaction_status``."""

    EMPTY = 0
    ONGOING = 1
    PREPARE_COMMIT = 2
    PREPARE_ABORT = 3
    COMPLETE_COMMIT = 4
    COMPLETE_ABORT = 5
    DEAD = 6
    PREPARE_EPOCH_FENCE = 7


@message(api_key=0, versions="0")
class TransactionLogKey:
    """Record type 0: the transactional id of a stored state."""

    transactional_id: str = field(STRING, "0")


@struct
class PartitionsSchema:
    """Partitions of one topic that a transaction has written to."""

    topic: str = field(STRING)
    partition_ids: tuple[int, ...] = field(array_of(INT32))


@message(api_key=0, versions="0-1", flexible="1+")
class TransactionLogValue:
    """The state of a transactional id; times are milliseconds since 1970, partitions are null if there are none."""

    producer_id: int = field(INT64)
    previous_producer_id: int = field(INT64, "1+", tag=0, default=-1)
    next_producer_id: int = field(INT64, "1+", tag=1, default=-1)
    producer_epoch: int = field(INT16)
    next_producer_epoch: int = field(INT16, "1+", tag=3, default=-1)
    transaction_timeout_ms: int = field(INT32)
    transaction_status: int = field(INT8)
    transaction_partitions: tuple[PartitionsSchema, ...] | None = field(array_of(PartitionsSchema), nullable="0+")
    transaction_last_update_timestamp_ms: int = field(INT64)
    transaction_start_timestamp_ms: int = field(INT64)
    client_transaction_version: int = field(INT16, "1+", tag=2, default=0)


TRANSACTION_LOG_VALUE_VERSION: Final = 1
"""The version that Kafka 4.4 writes with ``transaction.version`` 1 and above; with 0 it writes version 0."""

_PREFIX: Final = Struct(">h")


def encode_transaction_key(key: TransactionLogKey) -> bytes:
    """Encode a record key behind its type."""
    return _PREFIX.pack(declaration_of(TransactionLogKey).api_key) + encode(key, 0)


def encode_transaction_value(value: TransactionLogValue, version: int = TRANSACTION_LOG_VALUE_VERSION) -> bytes:
    """Encode a record value behind its version."""
    return _PREFIX.pack(version) + encode(value, version)


def decode_transaction_key(data: Buffer) -> TransactionLogKey | None:
    """Decode a record key; return None for another type of record. Raises WireError."""
    if _prefix(data, "record type") != declaration_of(TransactionLogKey).api_key:
        return None
    return decode(TransactionLogKey, 0, data, 2)


def decode_transaction_value(data: Buffer) -> TransactionLogValue:
    """Decode a record value. Raises WireError, also for a version that is not declared."""
    return decode(TransactionLogValue, _prefix(data, "version of the value"), data, 2)


def _prefix(data: Buffer, what: str) -> int:
    if len(data) < 2:
        raise WireError(f"the {what} is missing", offset=0)
    prefix: int = _PREFIX.unpack_from(data)[0]
    return prefix
