"""The records of KRaft's ``__cluster_metadata`` log: topics, partitions, brokers (KIP-500, KIP-631).

The value of a record is three unsigned varints (the frame version, which is 1, the type of the record and its
version), then the message. Records of other types decode as None.
"""

from __future__ import annotations

from typing import Final

from kafkalite_wire.codec import decode, encode
from kafkalite_wire.errors import MalformedError, WireError
from kafkalite_wire.schema import (
    BOOL,
    BYTES,
    FLOAT64,
    INT8,
    INT16,
    INT32,
    INT64,
    STRING,
    UINT16,
    UUID,
    Buffer,
    array_of,
    declaration_of,
    field,
    message,
    struct,
)
from kafkalite_wire.varint import append_uvarint, read_uvarint


@struct
class BrokerEndpoint:
    """One listener of a broker; security protocol 0 is plain text."""

    name: str = field(STRING)
    host: str = field(STRING)
    port: int = field(UINT16)
    security_protocol: int = field(INT16)


@struct
class BrokerFeature:
    """The versions of one feature that a broker can run."""

    name: str = field(STRING)
    min_supported_version: int = field(INT16)
    max_supported_version: int = field(INT16)


@message(api_key=0, versions="0-4", flexible="0+")
class RegisterBrokerRecord:
    """A broker started; its incarnation id is new with every start, its epoch is the record's offset."""

    broker_id: int = field(INT32)
    is_migrating_zk_broker: bool = field(BOOL, "2+", default=False)
    incarnation_id: bytes = field(UUID)
    broker_epoch: int = field(INT64)
    end_points: tuple[BrokerEndpoint, ...] = field(array_of(BrokerEndpoint))
    features: tuple[BrokerFeature, ...] = field(array_of(BrokerFeature), default=())
    rack: str | None = field(STRING, nullable="0+", default="")
    fenced: bool = field(BOOL, default=True)
    in_controlled_shutdown: bool = field(BOOL, "1+", default=False)
    log_dirs: tuple[bytes, ...] = field(array_of(UUID), "3+", tag=0, default=())
    cordoned_log_dirs: tuple[bytes, ...] | None = field(array_of(UUID), "4+", nullable="4+", tag=1, default=None)


@message(api_key=1, versions="0", flexible="0+")
class UnregisterBrokerRecord:
    """A broker was removed from the cluster."""

    broker_id: int = field(INT32)
    broker_epoch: int = field(INT64)


@message(api_key=2, versions="0", flexible="0+")
class TopicRecord:
    """A topic was created."""

    name: str = field(STRING)
    topic_id: bytes = field(UUID)


@message(api_key=3, versions="0-2", flexible="0+")
class PartitionRecord:
    """A partition was created."""

    partition_id: int = field(INT32, default=-1)
    topic_id: bytes = field(UUID)
    replicas: tuple[int, ...] = field(array_of(INT32))
    isr: tuple[int, ...] = field(array_of(INT32))
    removing_replicas: tuple[int, ...] = field(array_of(INT32), default=())
    adding_replicas: tuple[int, ...] = field(array_of(INT32), default=())
    leader: int = field(INT32, default=-1)
    leader_recovery_state: int = field(INT8, tag=0, default=0)
    leader_epoch: int = field(INT32, default=-1)
    partition_epoch: int = field(INT32, default=-1)
    directories: tuple[bytes, ...] = field(array_of(UUID), "1+", default=())
    eligible_leader_replicas: tuple[int, ...] | None = field(array_of(INT32), "2+", nullable="2+", tag=1, default=None)
    last_known_elr: tuple[int, ...] | None = field(array_of(INT32), "2+", nullable="2+", tag=2, default=None)


@message(api_key=4, versions="0", flexible="0+")
class ConfigRecord:
    """A config was set, or with a null value deleted."""

    resource_type: int = field(INT8)
    resource_name: str = field(STRING)
    name: str = field(STRING)
    value: str | None = field(STRING, nullable="0+")


@message(api_key=5, versions="0-2", flexible="0+")
class PartitionChangeRecord:
    """A partition changed; null fields and a leader of -2 mean no change."""

    partition_id: int = field(INT32, default=-1)
    topic_id: bytes = field(UUID)
    isr: tuple[int, ...] | None = field(array_of(INT32), nullable="0+", tag=0, default=None)
    leader: int = field(INT32, tag=1, default=-2)
    replicas: tuple[int, ...] | None = field(array_of(INT32), nullable="0+", tag=2, default=None)
    removing_replicas: tuple[int, ...] | None = field(array_of(INT32), nullable="0+", tag=3, default=None)
    adding_replicas: tuple[int, ...] | None = field(array_of(INT32), nullable="0+", tag=4, default=None)
    leader_recovery_state: int = field(INT8, tag=5, default=-1)
    directories: tuple[bytes, ...] | None = field(array_of(UUID), "1+", nullable="1+", tag=8, default=None)
    eligible_leader_replicas: tuple[int, ...] | None = field(array_of(INT32), "2+", nullable="2+", tag=6, default=None)
    last_known_elr: tuple[int, ...] | None = field(array_of(INT32), "2+", nullable="2+", tag=7, default=None)


@message(api_key=7, versions="0", flexible="0+")
class FenceBrokerRecord:
    """A broker was fenced: it may not lead partitions."""

    id: int = field(INT32)
    epoch: int = field(INT64)


@message(api_key=8, versions="0", flexible="0+")
class UnfenceBrokerRecord:
    """A broker was unfenced: it may lead partitions again."""

    id: int = field(INT32)
    epoch: int = field(INT64)


@message(api_key=9, versions="0", flexible="0+")
class RemoveTopicRecord:
    """A topic was deleted, with its partitions."""

    topic_id: bytes = field(UUID)


@message(api_key=10, versions="0", flexible="0+")
class DelegationTokenRecord:
    """A delegation token was created or renewed; principals are TYPE:NAME, times milliseconds since 1970 (KIP-900)."""

    owner: str = field(STRING)
    requester: str = field(STRING)
    renewers: tuple[str, ...] = field(array_of(STRING))
    issue_timestamp: int = field(INT64)
    max_timestamp: int = field(INT64)
    expiration_timestamp: int = field(INT64)
    token_id: str = field(STRING)


@message(api_key=11, versions="0", flexible="0+")
class UserScramCredentialRecord:
    """A SCRAM credential of a user was set; mechanism 1 is SCRAM-SHA-256, 2 is SCRAM-SHA-512 (KIP-554)."""

    name: str = field(STRING)
    mechanism: int = field(INT8)
    salt: bytes = field(BYTES)
    stored_key: bytes = field(BYTES)
    server_key: bytes = field(BYTES)
    iterations: int = field(INT32)


@message(api_key=12, versions="0", flexible="0+")
class FeatureLevelRecord:
    """A feature of the cluster, such as ``metadata.version``, was set."""

    name: str = field(STRING)
    feature_level: int = field(INT16)


@struct
class EntityData:
    """One part of an entity with quotas; a null name is the default entity."""

    entity_type: str = field(STRING)
    entity_name: str | None = field(STRING, nullable="0+")


@message(api_key=14, versions="0", flexible="0+")
class ClientQuotaRecord:
    """A quota was set or removed (KIP-546)."""

    entity: tuple[EntityData, ...] = field(array_of(EntityData))
    key: str = field(STRING)
    value: float = field(FLOAT64, default=0.0)
    remove: bool = field(BOOL, default=False)


@message(api_key=15, versions="0", flexible="0+")
class ProducerIdsRecord:
    """A block of producer ids was allocated to a broker; the next block starts at this id."""

    broker_id: int = field(INT32)
    broker_epoch: int = field(INT64, default=-1)
    next_producer_id: int = field(INT64)


@message(api_key=17, versions="0-3", flexible="0+")
class BrokerRegistrationChangeRecord:
    """A broker was fenced (1) or unfenced (-1), or is shutting down."""

    broker_id: int = field(INT32)
    broker_epoch: int = field(INT64)
    fenced: int = field(INT8, tag=0, default=0)
    in_controlled_shutdown: int = field(INT8, "1+", tag=1, default=0)
    log_dirs: tuple[bytes, ...] = field(array_of(UUID), "2+", tag=2, default=())
    cordoned_log_dirs: tuple[bytes, ...] | None = field(array_of(UUID), "3+", nullable="3+", tag=3, default=None)


@message(api_key=20, versions="0", flexible="0+")
class NoOpRecord:
    """No change; the active controller writes it to advance the log (KIP-835)."""


@message(api_key=18, versions="0", flexible="0+")
class AccessControlEntryRecord:
    """An access control entry was created; the numbers are those of CreateAcls."""

    id: bytes = field(UUID)
    resource_type: int = field(INT8)
    resource_name: str = field(STRING)
    pattern_type: int = field(INT8)
    principal: str = field(STRING)
    host: str = field(STRING)
    operation: int = field(INT8)
    permission_type: int = field(INT8)


@message(api_key=19, versions="0", flexible="0+")
class RemoveAccessControlEntryRecord:
    """An access control entry was deleted."""

    id: bytes = field(UUID)


@message(api_key=22, versions="0", flexible="0+")
class RemoveUserScramCredentialRecord:
    """A SCRAM credential of a user was removed."""

    name: str = field(STRING)
    mechanism: int = field(INT8)


@message(api_key=23, versions="0", flexible="0+")
class BeginTransactionRecord:
    """The following records, to the end of the transaction, take effect together or not at all (KIP-868)."""

    name: str | None = field(STRING, nullable="0+", tag=0, default=None)


@message(api_key=24, versions="0", flexible="0+")
class EndTransactionRecord:
    """The records of the transaction take effect."""


@message(api_key=25, versions="0", flexible="0+")
class AbortTransactionRecord:
    """The records of the transaction are discarded."""

    reason: str | None = field(STRING, nullable="0+", tag=0, default=None)


@message(api_key=26, versions="0", flexible="0+")
class RemoveDelegationTokenRecord:
    """A delegation token was removed."""

    token_id: str = field(STRING)


MetadataRecord = (
    RegisterBrokerRecord
    | UnregisterBrokerRecord
    | TopicRecord
    | PartitionRecord
    | ConfigRecord
    | PartitionChangeRecord
    | FenceBrokerRecord
    | UnfenceBrokerRecord
    | RemoveTopicRecord
    | DelegationTokenRecord
    | UserScramCredentialRecord
    | FeatureLevelRecord
    | ClientQuotaRecord
    | ProducerIdsRecord
    | BrokerRegistrationChangeRecord
    | AccessControlEntryRecord
    | RemoveAccessControlEntryRecord
    | NoOpRecord
    | RemoveUserScramCredentialRecord
    | BeginTransactionRecord
    | EndTransactionRecord
    | AbortTransactionRecord
    | RemoveDelegationTokenRecord
)

_FRAME_VERSION: Final = 1
_RECORDS: Final[dict[int, type[MetadataRecord]]] = {
    declaration_of(declared).api_key: declared
    for declared in (
        RegisterBrokerRecord,
        UnregisterBrokerRecord,
        TopicRecord,
        PartitionRecord,
        ConfigRecord,
        PartitionChangeRecord,
        FenceBrokerRecord,
        UnfenceBrokerRecord,
        RemoveTopicRecord,
        DelegationTokenRecord,
        UserScramCredentialRecord,
        FeatureLevelRecord,
        ClientQuotaRecord,
        ProducerIdsRecord,
        BrokerRegistrationChangeRecord,
        AccessControlEntryRecord,
        RemoveAccessControlEntryRecord,
        NoOpRecord,
        RemoveUserScramCredentialRecord,
        BeginTransactionRecord,
        EndTransactionRecord,
        AbortTransactionRecord,
        RemoveDelegationTokenRecord,
    )
}


def encode_metadata_record(record: MetadataRecord, version: int) -> bytes:
    """Encode a record value behind its frame version, type and version."""
    out = bytearray()
    for number in (_FRAME_VERSION, declaration_of(type(record)).api_key, version):
        append_uvarint(out, number)
    return bytes(out) + encode(record, version)


def decode_metadata_record(data: Buffer) -> MetadataRecord | None:
    """Decode a record value; return None for a record type that is not declared here.

    Raises WireError, also for bytes behind the record, which Kafka refuses as well.
    """
    view = memoryview(data)
    try:
        frame_version, pos = read_uvarint(view, 0)
        record_type, pos = read_uvarint(view, pos)
        version, pos = read_uvarint(view, pos)
    except (IndexError, MalformedError):
        raise WireError("malformed record type or version", offset=0) from None
    if frame_version != _FRAME_VERSION:
        raise WireError(f"frame version {frame_version} is not {_FRAME_VERSION}", offset=0)
    declared = _RECORDS.get(record_type)
    return None if declared is None else decode(declared, version, view, pos, exact=True)
