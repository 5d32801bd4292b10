"""The consumer protocol: subscriptions and assignments inside JoinGroup and SyncGroup.

The broker passes these bytes on without reading them; command line, demo and tests read them. They start with an INT16,
the version. Versions only add fields at the end, so a reader decodes a newer version as the newest that it knows and
ignores the rest.
"""

from __future__ import annotations

from struct import Struct
from typing import Final, TypeVar

from kafkalite_wire.codec import decode, encode
from kafkalite_wire.errors import WireError
from kafkalite_wire.schema import BYTES, INT32, STRING, Buffer, array_of, field, message, struct


@struct
class TopicPartition:
    """Partitions of one topic."""

    topic: str = field(STRING)
    partitions: tuple[int, ...] = field(array_of(INT32))


@message(versions="0-3")
class ConsumerProtocolSubscription:
    """What a consumer sends to the leader of its group; cooperative ones add the partitions that they own."""

    topics: tuple[str, ...] = field(array_of(STRING))
    user_data: bytes | None = field(BYTES, nullable="0+", default=None)
    owned_partitions: tuple[TopicPartition, ...] = field(array_of(TopicPartition), "1+", default=())
    generation_id: int = field(INT32, "2+", default=-1)
    rack_id: str | None = field(STRING, "3+", nullable="3+", default=None)


@message(versions="0-3")
class ConsumerProtocolAssignment:
    """The partitions that the leader assigns to a consumer."""

    assigned_partitions: tuple[TopicPartition, ...] = field(array_of(TopicPartition))
    user_data: bytes | None = field(BYTES, nullable="0+", default=None)


NEWEST: Final = 3

_PREFIX: Final = Struct(">h")

T = TypeVar("T", ConsumerProtocolSubscription, ConsumerProtocolAssignment)


def encode_consumer_protocol(
    data: ConsumerProtocolSubscription | ConsumerProtocolAssignment, version: int = NEWEST
) -> bytes:
    """Encode a subscription or an assignment behind its version."""
    return _PREFIX.pack(version) + encode(data, version)


def decode_subscription(data: Buffer) -> ConsumerProtocolSubscription:
    """Decode protocol metadata of JoinGroup, for protocol type ``consumer``. Raises WireError."""
    return _decode(ConsumerProtocolSubscription, data)


def decode_assignment(data: Buffer) -> ConsumerProtocolAssignment:
    """Decode an assignment of SyncGroup, for protocol type ``consumer``. Raises WireError, also if empty."""
    return _decode(ConsumerProtocolAssignment, data)


def version_of(data: Buffer, name: str = "ConsumerProtocolSubscription") -> int:
    """Return the version that data begins with, at most the newest one that is known. Raises WireError."""
    if len(data) < _PREFIX.size:
        raise WireError("the version is missing", message=name, offset=0)
    version: int = _PREFIX.unpack_from(data)[0]
    if version < 0:
        raise WireError("negative version", message=name, version=version, offset=0)
    return min(version, NEWEST)


def _decode(declared: type[T], data: Buffer) -> T:
    return decode(declared, version_of(data, declared.__name__), data, _PREFIX.size)
