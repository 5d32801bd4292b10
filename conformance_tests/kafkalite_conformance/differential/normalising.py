"""Answers without what must differ from one run to the next.

Ids get numbers in the order in which they appear, times are relative to the conversation's, names have a placeholder
for the part that is new in each run, and addresses and sentences are left out.
"""

import hashlib
import re
import struct
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Final, TypeAlias, cast

from kafkalite_wire.messages.describe_topic_partitions import DescribeTopicPartitionsResponseTopic
from kafkalite_wire.messages.list_config_resources import ListConfigResourcesResponse
from kafkalite_wire.messages.list_groups import ListGroupsResponse
from kafkalite_wire.messages.list_transactions import ListTransactionsResponse
from kafkalite_wire.messages.metadata import MetadataResponseTopic
from kafkalite_wire.records import CorruptBatch, InvalidRecord, Record, iter_records, read_end_txn_marker, read_header
from kafkalite_wire.schema import Buffer

Plain: TypeAlias = "Mapping[str, Plain] | Sequence[Plain] | str | int | bool | None"
"""What an answer becomes: names to values, lists, and scalars."""

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|(?<=-)[A-Za-z0-9_-]{22}$")
# What Kafka's coordinator calls a member that has no id of its own yet; conversations themselves name some AAAAA….
_MEMBER_ID: Final = re.compile("(?!A{8})[A-Za-z0-9_-]{22}")
_LEFT_OUT: Final = frozenset(
    {"host", "port", "error_message", "batch_index_error_message", "documentation", "finalized_features_epoch"}
)
_OF_THE_METADATA_LOG: Final[Mapping[str, frozenset[str]]] = {
    "PartitionQuorum": frozenset(("leader_epoch", "high_watermark")),
    "ReplicaState": frozenset(("log_end_offset", "last_fetch_timestamp", "last_caught_up_timestamp")),
}
"""Fields by class that say how long the metadata log is."""
_ID_SIZE: Final = 16
_NAMES: Final = "<names>"
_DAY_MS: Final = 86_400_000
_MARKER_VALUE: Final = struct.Struct(">hi")

_TIMES: Final = frozenset(
    {
        "log_append_time_ms",
        "transaction_start_time_ms",
        "transaction_start_timestamp_ms",
        "transaction_last_update_timestamp_ms",
        "commit_timestamp",
    }
)
_PRODUCER_IDS: Final = frozenset({"producer_id", "previous_producer_id", "next_producer_id"})

# Where a producer's id and the checksum over it stand in a batch of format 2.
_BATCH_OVERHEAD: Final = 12
_CHECKSUM: Final = slice(17, 21)
_TIMESTAMPS: Final = slice(27, 43)
_TWO_TIMES: Final = struct.Struct(">qq")
_PRODUCER_ID: Final = slice(43, 51)

# The order of these says nothing: Kafka keeps them in hash maps.
_UNORDERED: Final[Mapping[str, tuple[str, ...]]] = {
    "JoinGroupResponse.members": ("member_id",),
    "EndpointToPartitions.active_partitions": ("topic",),
    "DescribedGroup.members": ("member_id",),
    "ListGroupsResponse.groups": ("group_id",),
    "DescribeConfigsResult.configs": ("name",),
    "CreatableTopicResult.configs": ("name",),
    "DescribeGroupsResponse.groups": ("group_id",),
    "OffsetFetchResponse.groups": ("group_id",),
    "DeleteGroupsResponse.results": ("group_id",),
    "OffsetFetchResponseTopic.partitions": ("partition_index",),
    "OffsetFetchResponseTopics.partitions": ("partition_index",),
    "OffsetCommitResponse.topics": ("name", "topic_id"),
    "CreateTopicsResponse.topics": ("name",),
    "DeleteRecordsResponse.topics": ("name",),
    "DeleteRecordsTopicResult.partitions": ("partition_index",),
    "DeleteTopicsResponse.responses": ("name", "topic_id"),
    "ApiVersionsResponse.api_keys": ("api_key",),
    "ListOffsetsResponse.topics": ("name",),
    "ListOffsetsTopicResponse.partitions": ("partition_index", "error_code", "offset"),
    "OffsetForLeaderTopicResult.partitions": ("partition", "error_code", "leader_epoch"),
    "ProduceResponse.responses": ("name", "topic_id"),
    "TopicProduceResponse.partition_responses": ("index",),
    "MetadataResponse.topics": ("name", "topic_id"),
    "AddPartitionsToTxnResponse.results_by_transaction": ("transactional_id",),
    "AddPartitionsToTxnResponse.results_by_topic_v3_and_below": ("name",),
    "AddPartitionsToTxnResult.topic_results": ("name",),
    "AddPartitionsToTxnTopicResult.results_by_partition": ("partition_index",),
    "TxnOffsetCommitResponse.topics": ("name", "topic_id"),
    "TxnOffsetCommitResponseTopic.partitions": ("partition_index",),
    "WriteTxnMarkersResponse.markers": ("producer_id",),
    "WritableTxnMarkerResult.topics": ("name",),
    "WritableTxnMarkerTopicResult.partitions": ("partition_index",),
    "DescribeProducersResponse.topics": ("name",),
    "TopicResponse.partitions": ("partition_index",),
    "PartitionResponse.active_producers": ("producer_id",),
    "DescribeTransactionsResponse.transaction_states": ("transactional_id",),
    "TransactionState.topics": ("topic",),
    "ListTransactionsResponse.transaction_states": ("transactional_id",),
    "ListTransactionsResponse.unknown_state_filters": (),
    "TopicData.partitions": (),
    "TransactionLogValue.transaction_partitions": ("topic",),
    "PartitionsSchema.partition_ids": (),
    "MetadataResponseTopic.partitions": ("partition_index",),
    "ListConfigResourcesResponse.config_resources": ("resource_type", "resource_name"),
    "AlterReplicaLogDirsResponse.results": ("topic_name",),
    "AlterReplicaLogDirTopicResult.partitions": ("partition_index",),
    "AlterUserScramCredentialsResponse.results": ("user",),
    "DescribeUserScramCredentialsResponse.results": ("user",),
    "AlterClientQuotasResponse.entries": ("entity",),
    "DescribeClientQuotasResponse.entries": ("entity",),
    "EntryData.entity": ("entity_type",),
    "EntryResult.entity": ("entity_type",),
    "EntryData.values": ("key",),
    "ApiVersionsResponse.supported_features": ("name",),
    "ApiVersionsResponse.finalized_features": ("name",),
    "DescribeUserScramCredentialsResult.credential_infos": ("mechanism",),
    "UpdateFeaturesResponse.results": ("feature",),
    "DescribeAclsResponse.resources": ("resource_type", "resource_name", "pattern_type"),
    "DescribeAclsResource.acls": ("principal", "operation", "permission_type"),
    "InitializeStateResult.partitions": ("partition",),
    "ReadStateResult.partitions": ("partition",),
    "WriteStateResult.partitions": ("partition",),
    "DeleteStateResult.partitions": ("partition",),
    "ReadStateSummaryResult.partitions": ("partition",),
    "DeleteAclsFilterResult.matching_acls": ("resource_type", "resource_name", "principal", "operation"),
}


class Normaliser:
    """Makes the answers of one broker in one conversation comparable to the other broker's."""

    def __init__(self, *, own_names: str, now_ms: int) -> None:
        self._own_names = own_names
        self._names_in_any_case = re.compile(re.escape(own_names), re.IGNORECASE)
        self._now_ms = now_ms
        self.coordinator_epoch = 0
        """The epoch of the transaction coordinator; what the broker says of its epochs is relative to this one."""
        self._numbers: dict[str, dict[object, int]] = defaultdict(dict)

    def plain(self, answer: object) -> Plain:
        """Return an answer, field by field."""
        return self._plain(answer, "")

    def text(self, text: str) -> str:
        """Return a text with a placeholder for the part of names that is new in each run."""
        return self._names_in_any_case.sub(_NAMES, text)

    def texts(self, answer: Plain) -> Plain:
        """Return what a conversation has made of an answer itself, with that placeholder in its texts."""
        if isinstance(answer, str):
            return self.text(answer)
        if isinstance(answer, Mapping):
            return {self.text(name): self.texts(value) for name, value in answer.items()}
        return [self.texts(each) for each in answer] if isinstance(answer, Sequence) else answer

    def _plain(self, value: object, name: str) -> Plain:
        if isinstance(value, MetadataResponseTopic | DescribeTopicPartitionsResponseTopic) and value.is_internal:
            # They are older than the conversation, and others may have raised the epochs of Kafka's.
            return self._plain_fields(_without_leader_epochs(value))
        return self._plain_fields(value) if is_dataclass(value) else self._plain_value(value, name)

    def _plain_fields(self, value: object) -> Plain:
        assert is_dataclass(value)
        assert not isinstance(value, type)
        return {
            field.name: self._plain(self._ordered(value, field.name), field.name)
            for field in fields(value)
            if field.name not in _LEFT_OUT and field.name not in _OF_THE_METADATA_LOG.get(type(value).__name__, ())
        }

    def _plain_value(self, value: object, name: str) -> Plain:
        if isinstance(value, tuple | list):
            return [self._plain(item, name) for item in cast("Sequence[object]", value)]
        return self._scalar(value, name)

    def _scalar(self, value: object, name: str) -> Plain:
        if isinstance(value, str):
            if name == "member_id" and _MEMBER_ID.fullmatch(value):
                return f"<{self._number('uuid', value)}>"
            return (
                _UUID.sub(lambda found: f"<{self._number('uuid', found.group())}>", self.text(value))
                if name != "cluster_id"
                else "*"
            )
        if isinstance(value, bytes | bytearray | memoryview):
            data = bytes(cast("Buffer", value))
            if name == "records":
                return self._batches(data)
            if name == "topic_id" and any(data):
                return f"<topic {self._number('topic', data)}>"
            return data.hex() if len(data) == _ID_SIZE else self.text(repr(data))
        if isinstance(value, bool | None):
            return value
        if isinstance(value, float):
            return repr(value)
        assert isinstance(value, int)
        if name in _PRODUCER_IDS and value >= 0:
            return f"<producer_id {self._number('producer_id', value)}>"
        if name == "session_id" and value:
            return f"<{name} {self._number(name, value)}>"
        if name == "coordinator_epoch" and value >= 0:
            return f"<epoch + {value - self.coordinator_epoch}>"
        if name in _TIMES and value > 0:
            return "<time>"
        if name in {"last_timestamp", "timestamp"} and value > self._now_ms:
            return "<time of a marker>"
        if name == "last_timestamp" and value == self._now_ms:
            return "<time of the records>"
        since = self._since_now(value)
        return int(value) if since == value else f"<now {since:+d}>"

    def _number(self, kind: str, value: object) -> int:
        numbers = self._numbers[kind]
        return numbers.setdefault(value, len(numbers) + 1)

    def _ordered(self, owner: object, name: str) -> object:
        value: object = getattr(owner, name)
        keys = _UNORDERED.get(f"{type(owner).__name__}.{name}")
        if keys is None or not isinstance(value, tuple):
            return value
        items = cast("tuple[object, ...]", value)
        # Both brokers may have served others before.
        if isinstance(owner, ListGroupsResponse):
            items = tuple(item for item in items if self._own_names in str(getattr(item, "group_id", "")))
        if isinstance(owner, ListConfigResourcesResponse):
            items = tuple(
                item for item in items if str(getattr(item, "resource_name", "")).startswith((self._own_names, "1"))
            )
        if isinstance(owner, ListTransactionsResponse) and name == "transaction_states":
            items = tuple(item for item in items if self._own_names in str(getattr(item, "transactional_id", "")))
        if not keys:
            return sorted(items, key=str)
        return sorted(items, key=lambda item: [self._sortable(getattr(item, key), key) for key in keys])

    def _sortable(self, value: object, key: str) -> tuple[int, str]:
        if key == "producer_id":
            return self._numbers[key].get(value, len(self._numbers[key]) + 1), ""
        if isinstance(value, tuple):
            return 0, str(sorted(map(str, cast("tuple[object, ...]", value))))
        known = self._numbers["topic"].get(value, 0) if isinstance(value, bytes) else 0
        return known, "" if isinstance(value, bytes) and len(value) == _ID_SIZE else str(value)

    def _batches(self, data: bytes) -> Sequence[Plain]:
        found: list[Plain] = []
        at = 0
        while at + _BATCH_OVERHEAD <= len(data):
            (offset, length) = struct.unpack_from(">qi", data, at)
            batch = bytearray(data[at : at + _BATCH_OVERHEAD + length])
            at += len(batch)
            if len(batch) < _BATCH_OVERHEAD + length:
                found.append(f"part of a batch at {offset}")
                continue
            marker = self._marker(bytes(batch))
            if marker is not None:
                found.append(f"{marker} at {offset}, {len(batch)} bytes")
                continue
            batch[_PRODUCER_ID] = bytes(8)
            batch[_CHECKSUM] = bytes(4)
            times = map(self._since_now, _TWO_TIMES.unpack(batch[_TIMESTAMPS]))
            batch[_TIMESTAMPS] = _TWO_TIMES.pack(*times)
            found.append(f"batch at {offset}, {len(batch)} bytes, digest {hashlib.sha256(batch).hexdigest()[:12]}")
        return found

    def _since_now(self, time: int) -> int:
        return time - self._now_ms if abs(time - self._now_ms) < _DAY_MS else time

    def _marker(self, batch: bytes) -> str | None:
        """Describe the end of a transaction without its time; None for any other batch."""
        try:
            header = read_header(batch)
            record = next(iter_records(batch)) if header.is_control else None
            marker = None if record is None else read_end_txn_marker(record)
        except (CorruptBatch, InvalidRecord):
            return None
        if record is None or marker is None:
            return None
        return f"{'commit' if marker.commit else 'abort'} of epoch {header.producer_epoch}, {self.marker_value(record)}"

    def marker_value(self, record: Record) -> str:
        """Describe the value of the record that ends a transaction: its version and the epoch of the coordinator."""
        version, epoch = _MARKER_VALUE.unpack_from(record.value or bytes(_MARKER_VALUE.size))
        return f"version {version}, epoch + {epoch - self.coordinator_epoch}"


def _without_leader_epochs(topic: MetadataResponseTopic | DescribeTopicPartitionsResponseTopic) -> object:
    if isinstance(topic, MetadataResponseTopic):
        return replace(topic, partitions=tuple(replace(each, leader_epoch=-1) for each in topic.partitions))
    return replace(topic, partitions=tuple(replace(each, leader_epoch=-1) for each in topic.partitions))
