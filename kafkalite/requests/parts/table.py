"""The parts of each API's messages, as one table."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from kafkalite.requests.parts.administration import (
    Elections,
    InOrder,
    QuotaChanges,
    Reassignments,
    ReplicaLogDirs,
    ScramCredentials,
    TokenCreation,
    TopicPages,
)
from kafkalite.requests.parts.layouts import Fields, Listed, Nested, Whole
from kafkalite.requests.parts.message_parts import AllBut, MessageParts, Part
from kafkalite.requests.parts.special_cases import (
    Fetch,
    JoinGroup,
    LeaveGroup,
    LogDirs,
    Metadata,
    OffsetFetchOfGroups,
    TransactionMarkers,
)
from kafkalite_wire.apis import DECLARED_APIS, ApiKey
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.api_versions import ApiVersion
from kafkalite_wire.schema import ZERO_UUID

_GROUP: Final = frozenset(("group",))
_TOPIC: Final = frozenset(("topic",))
_PARTITION: Final = frozenset(("topic", "partition"))
_GROUP_AND_PARTITION: Final = frozenset(("group", "topic", "partition"))
_BY_TOPIC_ID: Final = 13
_COMMITS_BY_TOPIC_ID: Final = 10
_SEVERAL_GROUPS: Final = 8
_SEVERAL_TRANSACTIONS: Final = 4
_TRANSACTIONAL_COMMITS_BY_TOPIC_ID: Final = 6
_SEVERAL_COORDINATORS: Final = 4
_DELETED_BY_ID: Final = 6
_OF_A_GROUP: Final = 0
_TOPIC_RESOURCE: Final = 2
_NO_MESSAGE: Final[Mapping[str, Any]] = {"error_message": None}
_NO_BROKER: Final[Mapping[str, Any]] = {"node_id": -1, "host": "", "port": -1, "error_message": None}
_NO_SUCH_TOPIC: Final = (ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.INVALID_TOPIC_EXCEPTION)
_EVERY_OPERATION: Final[Mapping[str, Any]] = {"topic_authorized_operations": 0b1101_1111_1000}
"""What may be done with a topic, where there is no authorizer."""
_NO_TOKEN: Final[Mapping[str, Any]] = {
    "issue_timestamp_ms": -1,
    "expiry_timestamp_ms": -1,
    "max_timestamp_ms": -1,
    "token_id": "",
    "hmac": b"",
}
_NO_OFFSET: Final[Mapping[str, Any]] = {"committed_offset": -1, "metadata": ""}
_NO_TRANSACTION: Final[Mapping[str, Any]] = {
    "transaction_state": "",
    "transaction_timeout_ms": 0,
    "transaction_start_time_ms": 0,
    "producer_id": 0,
    "producer_epoch": 0,
    "topics": (),
}

_NO_MEMBER: Final[Mapping[str, Any]] = {"member_epoch": 0, "heartbeat_interval_ms": 0}
_NO_DESCRIPTION: Final[Mapping[str, Any]] = {
    "group_state": "",
    "group_epoch": 0,
    "assignment_epoch": 0,
    "assignor_name": "",
    "members": (),
}

_OWN_VERSIONS: Final = ApiVersion(
    api_key=ApiKey.API_VERSIONS,
    min_version=DECLARED_APIS[ApiKey.API_VERSIONS].min_version,
    max_version=DECLARED_APIS[ApiKey.API_VERSIONS].max_version,
)

# What Kafka finds out before it looks at the log, the group or the session.
_NO_TOPIC: Final = (
    ErrorCode.TOPIC_AUTHORIZATION_FAILED,
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ErrorCode.UNKNOWN_TOPIC_ID,
)
_OF_SESSION: Final = frozenset((
    ErrorCode.FETCH_SESSION_ID_NOT_FOUND,
    ErrorCode.INVALID_FETCH_SESSION_EPOCH,
    ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR,
))  # fmt: skip
_OF_SHARE_SESSION: Final = frozenset((
    ErrorCode.GROUP_AUTHORIZATION_FAILED,
    ErrorCode.INVALID_REQUEST,
    ErrorCode.SHARE_SESSION_NOT_FOUND,
    ErrorCode.INVALID_SHARE_SESSION_EPOCH,
    ErrorCode.SHARE_SESSION_LIMIT_REACHED,
))  # fmt: skip
_OF_FETCHED_GROUP: Final = AllBut(*_NO_TOPIC, ErrorCode.UNSTABLE_OFFSET_COMMIT)


def _group(request: Any) -> Part:
    return Part(group=request.group_id)


def _coordinated(kind: int, key: str) -> Part:
    return Part(group=key) if kind == _OF_A_GROUP else Part(other=key)


def _coordinator(request: Any) -> Part:
    return _coordinated(request.key_type, request.key)


def _coordinated_key(part: Part) -> Mapping[str, Any]:
    return {"key": part.other if part.group is None else part.group}


def _resource(item: Any) -> Part:
    if item.resource_type == _TOPIC_RESOURCE:
        return Part(topic=item.resource_name)
    return Part(other=(item.resource_type, item.resource_name))


def _resource_identity(part: Part) -> Mapping[str, Any]:
    if part.topic is not None:
        return {"resource_type": _TOPIC_RESOURCE, "resource_name": part.topic}
    assert isinstance(part.other, tuple)
    kind, name = part.other
    return {"resource_type": kind, "resource_name": name}


def _named_or_identified(item: Any) -> Part:
    return Part(topic=item.topic_id) if item.name is None else Part(topic=item.name)


def _named_and_identified(item: Any) -> tuple[Part, ...]:
    identified = Part(topic=item.topic_id)
    if item.name is None:
        return (identified,)
    # An id of zeros is none, and would be taken for that of another topic without one.
    return (Part(topic=item.name),) if item.topic_id == ZERO_UUID else (Part(topic=item.name), identified)


def _topic_identity(part: Part) -> Mapping[str, Any]:
    return {"name": None, "topic_id": part.topic} if isinstance(part.topic, bytes) else {"name": part.topic}


def _groups(key: ApiKey, asked: str, told: str, **others: Any) -> Listed:
    return Listed(
        api=DECLARED_APIS[key],
        names=_GROUP,
        asked=asked,
        told=told,
        part=lambda _, group_id: Part(group=group_id),
        ways=lambda _, item: (Part(group=item.group_id),),
        identity=lambda part: {"group_id": part.group},
        **others,
    )


def _topics(key: ApiKey, told: str) -> Listed:
    return Listed(
        api=DECLARED_APIS[key],
        names=_TOPIC,
        asked="topics",
        told=told,
        part=lambda _, item: Part(topic=item.name),
        ways=lambda _, item: (Part(topic=item.name),),
        identity=_topic_identity,
        blank=_NO_MESSAGE,
    )


def _resources(key: ApiKey, told: str, **others: Any) -> Listed:
    return Listed(
        api=DECLARED_APIS[key],
        names=_TOPIC,
        asked="resources",
        told=told,
        part=lambda _, item: _resource(item),
        ways=lambda _, item: (_resource(item),),
        identity=_resource_identity,
        blank=_NO_MESSAGE,
        **others,
    )


def _deleted_topics(asked: str) -> Listed:
    return Listed(
        api=DECLARED_APIS[ApiKey.DELETE_TOPICS],
        names=_TOPIC,
        asked=asked,
        told="responses",
        part=lambda _, item: Part(topic=item) if isinstance(item, str) else _named_or_identified(item),
        ways=lambda _, item: _named_and_identified(item),
        identity=_topic_identity,
    )


def _partitions(
    key: ApiKey, *, asked: Fields | None = None, told: Fields | None = None, is_of_group: bool = False, **others: Any
) -> Nested:
    return Nested(
        api=DECLARED_APIS[key],
        names=_GROUP_AND_PARTITION if is_of_group else _PARTITION,
        asked=asked or Fields(),
        told=told or Fields(),
        is_of_group=is_of_group,
        **others,
    )


def _whole(key: ApiKey, **others: Any) -> Whole:
    return Whole(api=DECLARED_APIS[key], **others)


def _share_state(key: ApiKey, blank: Mapping[str, Any] = MappingProxyType({})) -> Nested:
    return _partitions(
        key,
        asked=Fields(index="partition"),
        told=Fields(topics="results", index="partition"),
        is_of_group=True,
        by_id_since=0,
        blank=blank,
    )


_PARTS: Final[tuple[MessageParts | tuple[MessageParts, int, MessageParts], ...]] = (
    _partitions(
        ApiKey.PRODUCE,
        asked=Fields(topics="topic_data", partitions="partition_data", index="index"),
        told=Fields(topics="responses", partitions="partition_responses", index="index"),
        by_id_since=_BY_TOPIC_ID,
        blank={"base_offset": -1},
    ),
    Fetch(
        api=DECLARED_APIS[ApiKey.FETCH],
        names=_PARTITION,
        asked=Fields(name="topic", index="partition"),
        told=Fields(topics="responses", name="topic"),
        by_id_since=_BY_TOPIC_ID,
        whole_errors=_OF_SESSION,
        blank={"high_watermark": -1, "aborted_transactions": None, "records": b""},
        blank_by_error={error: {"aborted_transactions": ()} for error in _NO_TOPIC},
    ),
    _partitions(ApiKey.LIST_OFFSETS),
    Metadata(
        api=DECLARED_APIS[ApiKey.METADATA],
        names=_PARTITION,
        asked="topics",
        told="topics",
        part=lambda _, item: _named_or_identified(item),
        ways=lambda _, item: _named_and_identified(item),
        identity=_topic_identity,
        whole_errors=(ErrorCode.REBOOTSTRAP_REQUIRED,),
        blank={"partitions": ()},
    ),
    _partitions(ApiKey.OFFSET_COMMIT, is_of_group=True, by_id_since=_COMMITS_BY_TOPIC_ID),
    (
        _partitions(
            ApiKey.OFFSET_FETCH,
            asked=Fields(partitions="partition_indexes", index=""),
            is_of_group=True,
            whole_errors=_OF_FETCHED_GROUP,
            blank=_NO_OFFSET,
        ),
        _SEVERAL_GROUPS,
        OffsetFetchOfGroups(
            api=DECLARED_APIS[ApiKey.OFFSET_FETCH],
            names=_GROUP_AND_PARTITION,
            by_id_since=_COMMITS_BY_TOPIC_ID,
            whole_errors=_OF_FETCHED_GROUP,
            blank=_NO_OFFSET,
        ),
    ),
    (
        _whole(
            ApiKey.FIND_COORDINATOR,
            part=_coordinator,
            names=_GROUP,
            blank=_NO_BROKER,
        ),
        _SEVERAL_COORDINATORS,
        Listed(
            api=DECLARED_APIS[ApiKey.FIND_COORDINATOR],
            names=_GROUP,
            asked="coordinator_keys",
            told="coordinators",
            part=lambda request, key: _coordinated(request.key_type, key),
            ways=lambda request, item: (_coordinated(request.key_type, item.key),),
            identity=_coordinated_key,
            blank={**_NO_BROKER, "error_message": ""},
        ),
    ),
    JoinGroup(api=DECLARED_APIS[ApiKey.JOIN_GROUP], part=_group, names=_GROUP),
    _whole(ApiKey.HEARTBEAT, part=_group, names=_GROUP),
    LeaveGroup(api=DECLARED_APIS[ApiKey.LEAVE_GROUP], part=_group, names=_GROUP),
    _whole(ApiKey.SYNC_GROUP, part=_group, names=_GROUP),
    _groups(
        ApiKey.DESCRIBE_GROUPS,
        "groups",
        "groups",
        blank_by_error={ErrorCode.GROUP_ID_NOT_FOUND: {"group_state": "Dead"}},
    ),
    _whole(ApiKey.LIST_GROUPS),
    _whole(ApiKey.SASL_HANDSHAKE, blank={"mechanisms": ()}),
    _whole(ApiKey.SASL_AUTHENTICATE, blank={"auth_bytes": b"", **_NO_MESSAGE}),
    _whole(
        ApiKey.API_VERSIONS,
        blank={"api_keys": ()},
        blank_by_error={ErrorCode.UNSUPPORTED_VERSION: {"api_keys": (_OWN_VERSIONS,)}},
    ),
    _topics(ApiKey.CREATE_TOPICS, "topics"),
    (_deleted_topics("topic_names"), _DELETED_BY_ID, _deleted_topics("topics")),
    _partitions(ApiKey.DELETE_RECORDS, blank={"low_watermark": -1}),
    _whole(ApiKey.INIT_PRODUCER_ID, blank={"producer_epoch": -1}),
    _partitions(
        ApiKey.OFFSET_FOR_LEADER_EPOCH,
        asked=Fields(name="topic", index="partition"),
        told=Fields(name="topic", index="partition"),
    ),
    (
        _partitions(
            ApiKey.ADD_PARTITIONS_TO_TXN,
            asked=Fields(topics="v3_and_below_topics", partitions="partitions", index=""),
            told=Fields(
                topics="results_by_topic_v3_and_below",
                partitions="results_by_partition",
                error="partition_error_code",
            ),
        ),
        _SEVERAL_TRANSACTIONS,
        _whole(ApiKey.ADD_PARTITIONS_TO_TXN),
    ),
    _whole(ApiKey.ADD_OFFSETS_TO_TXN, part=_group, names=_GROUP),
    _whole(ApiKey.END_TXN),
    TransactionMarkers(api=DECLARED_APIS[ApiKey.WRITE_TXN_MARKERS], names=_PARTITION),
    _partitions(ApiKey.TXN_OFFSET_COMMIT, is_of_group=True, by_id_since=_TRANSACTIONAL_COMMITS_BY_TOPIC_ID),
    _resources(
        ApiKey.DESCRIBE_CONFIGS,
        "results",
        blank_by_error={ErrorCode.UNKNOWN_TOPIC_OR_PARTITION: {"error_message": ""}},
    ),
    _resources(ApiKey.ALTER_CONFIGS, "responses"),
    LogDirs(api=DECLARED_APIS[ApiKey.DESCRIBE_LOG_DIRS]),
    _topics(ApiKey.CREATE_PARTITIONS, "results"),
    _groups(ApiKey.DELETE_GROUPS, "groups_names", "results"),
    _resources(ApiKey.INCREMENTAL_ALTER_CONFIGS, "responses"),
    _partitions(
        ApiKey.OFFSET_DELETE,
        is_of_group=True,
        whole_errors=AllBut(*_NO_TOPIC, ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC),
    ),
    _whole(ApiKey.DESCRIBE_CLUSTER),
    _partitions(
        ApiKey.DESCRIBE_PRODUCERS,
        asked=Fields(partitions="partition_indexes", index=""),
        blank={"error_message": None, "active_producers": ()},
    ),
    Listed(
        api=DECLARED_APIS[ApiKey.DESCRIBE_TRANSACTIONS],
        asked="transactional_ids",
        told="transaction_states",
        part=lambda _, transactional_id: Part(other=transactional_id),
        ways=lambda _, item: (Part(other=item.transactional_id),),
        identity=lambda part: {"transactional_id": part.other},
        blank=_NO_TRANSACTION,
    ),
    _whole(ApiKey.LIST_TRANSACTIONS, blank={"unknown_state_filters": (), "transaction_states": ()}),
    _whole(ApiKey.DESCRIBE_ACLS, blank={"error_message": None, "resources": ()}),
    InOrder(api=DECLARED_APIS[ApiKey.CREATE_ACLS], asked="creations", told="results", blank=_NO_MESSAGE),
    InOrder(
        api=DECLARED_APIS[ApiKey.DELETE_ACLS],
        asked="filters",
        told="filter_results",
        blank={"error_message": None, "matching_acls": ()},
    ),
    ReplicaLogDirs(
        api=DECLARED_APIS[ApiKey.ALTER_REPLICA_LOG_DIRS],
        names=_PARTITION,
        asked=Fields(topics="dirs"),
        told=Fields(topics="results", name="topic_name"),
    ),
    TokenCreation(api=DECLARED_APIS[ApiKey.CREATE_DELEGATION_TOKEN], blank=_NO_TOKEN),
    _whole(ApiKey.RENEW_DELEGATION_TOKEN, blank={"expiry_timestamp_ms": -1}),
    _whole(ApiKey.EXPIRE_DELEGATION_TOKEN, blank={"expiry_timestamp_ms": -1}),
    _whole(ApiKey.DESCRIBE_DELEGATION_TOKEN, blank={"tokens": ()}),
    Elections(
        api=DECLARED_APIS[ApiKey.ELECT_LEADERS],
        names=_PARTITION,
        asked=Fields(topics="topic_partitions", name="topic", index=""),
        told=Fields(
            topics="replica_election_results", name="topic", partitions="partition_result", index="partition_id"
        ),
        blank=_NO_MESSAGE,
    ),
    Reassignments(
        api=DECLARED_APIS[ApiKey.ALTER_PARTITION_REASSIGNMENTS],
        names=_PARTITION,
        asked=Fields(),
        told=Fields(topics="responses"),
        blank=_NO_MESSAGE,
        whole_blank=_NO_MESSAGE,
    ),
    _whole(ApiKey.LIST_PARTITION_REASSIGNMENTS, blank={"error_message": None, "topics": ()}),
    _whole(ApiKey.DESCRIBE_CLIENT_QUOTAS, blank={"error_message": None, "entries": None}),
    QuotaChanges(api=DECLARED_APIS[ApiKey.ALTER_CLIENT_QUOTAS]),
    Listed(
        api=DECLARED_APIS[ApiKey.DESCRIBE_USER_SCRAM_CREDENTIALS],
        asked="users",
        told="results",
        part=lambda _, user: Part(other=user.name),
        ways=lambda _, result: (Part(other=result.user),),
        identity=lambda part: {"user": part.other},
        whole_errors=AllBut(ErrorCode.RESOURCE_NOT_FOUND, ErrorCode.DUPLICATE_RESOURCE),
        blank={"error_message": None, "credential_infos": ()},
        whole_blank=_NO_MESSAGE,
    ),
    ScramCredentials(api=DECLARED_APIS[ApiKey.ALTER_USER_SCRAM_CREDENTIALS]),
    _partitions(
        ApiKey.DESCRIBE_QUORUM,
        asked=Fields(name="topic_name"),
        told=Fields(name="topic_name"),
        whole_errors=AllBut(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
        blank={"leader_id": 0, "leader_epoch": 0, "high_watermark": 0, "current_voters": (), "observers": ()},
    ),
    _whole(ApiKey.UPDATE_FEATURES, blank=_NO_MESSAGE),
    _whole(ApiKey.UNREGISTER_BROKER, blank=_NO_MESSAGE),
    _whole(ApiKey.LIST_CONFIG_RESOURCES, blank={"config_resources": ()}),
    TopicPages(
        api=DECLARED_APIS[ApiKey.DESCRIBE_TOPIC_PARTITIONS],
        names=_TOPIC,
        asked="topics",
        told="topics",
        part=lambda _, item: Part(topic=item.name),
        ways=lambda _, item: (Part(topic=item.name),),
        identity=_topic_identity,
        blank={"topic_id": ZERO_UUID, "partitions": ()},
        blank_by_error=dict.fromkeys(_NO_SUCH_TOPIC, _EVERY_OPERATION),
    ),
    _whole(ApiKey.CONSUMER_GROUP_HEARTBEAT, part=_group, names=_GROUP, blank=_NO_MEMBER),
    _groups(ApiKey.CONSUMER_GROUP_DESCRIBE, "group_ids", "groups", blank=_NO_DESCRIPTION),
    _whole(
        ApiKey.GET_TELEMETRY_SUBSCRIPTIONS,
        blank={
            "client_instance_id": ZERO_UUID,
            "subscription_id": 0,
            "accepted_compression_types": (),
            "push_interval_ms": 0,
            "telemetry_max_bytes": 0,
            "delta_temporality": False,
            "requested_metrics": (),
        },
    ),
    _whole(ApiKey.PUSH_TELEMETRY),
    _whole(ApiKey.SHARE_GROUP_HEARTBEAT, part=_group, names=_GROUP, blank=_NO_MEMBER),
    _groups(ApiKey.SHARE_GROUP_DESCRIBE, "group_ids", "groups", blank=_NO_DESCRIPTION),
    _partitions(
        ApiKey.SHARE_FETCH,
        told=Fields(topics="responses"),
        is_of_group=True,
        by_id_since=0,
        whole_errors=_OF_SHARE_SESSION,
        blank={"records": b"", "acquired_records": ()},
        whole_blank={"acquisition_lock_timeout_ms": 0, "node_endpoints": ()},
    ),
    _partitions(
        ApiKey.SHARE_ACKNOWLEDGE,
        told=Fields(topics="responses"),
        is_of_group=True,
        by_id_since=0,
        whole_errors=_OF_SHARE_SESSION,
        whole_blank={"node_endpoints": ()},
    ),
    _whole(ApiKey.ADD_RAFT_VOTER, blank=_NO_MESSAGE),
    _whole(ApiKey.REMOVE_RAFT_VOTER, blank=_NO_MESSAGE),
    _share_state(ApiKey.INITIALIZE_SHARE_GROUP_STATE),
    _share_state(ApiKey.READ_SHARE_GROUP_STATE, {"state_epoch": 0, "start_offset": 0, "state_batches": ()}),
    _share_state(ApiKey.WRITE_SHARE_GROUP_STATE),
    _share_state(ApiKey.DELETE_SHARE_GROUP_STATE),
    _share_state(ApiKey.READ_SHARE_GROUP_STATE_SUMMARY, {"state_epoch": 0, "leader_epoch": 0, "start_offset": 0}),
    _whole(
        ApiKey.STREAMS_GROUP_HEARTBEAT,
        part=_group,
        names=_GROUP,
        blank={
            "member_id": "",
            "member_epoch": 0,
            "heartbeat_interval_ms": 0,
            "task_offset_interval_ms": 0,
            "status": (),
            "endpoint_information_epoch": 0,
        },
    ),
    _groups(
        ApiKey.STREAMS_GROUP_DESCRIBE,
        "group_ids",
        "groups",
        blank={"group_state": "", "group_epoch": 0, "assignment_epoch": 0, "members": ()},
    ),
    Listed(
        api=DECLARED_APIS[ApiKey.DESCRIBE_SHARE_GROUP_OFFSETS],
        names=_GROUP,
        asked="groups",
        told="groups",
        part=lambda _, group: Part(group=group.group_id),
        ways=lambda _, group: (Part(group=group.group_id),),
        identity=lambda part: {"group_id": part.group},
        blank={"topics": ()},
    ),
    _whole(ApiKey.ALTER_SHARE_GROUP_OFFSETS, part=_group, names=_GROUP, blank={"responses": ()}),
    _whole(ApiKey.DELETE_SHARE_GROUP_OFFSETS, part=_group, names=_GROUP, blank={"responses": ()}),
    _whole(ApiKey.STREAMS_GROUP_TOPOLOGY_DESCRIPTION_UPDATE, part=_group, names=_GROUP),
    _whole(ApiKey.UNREGISTER_CONTROLLER, blank=_NO_MESSAGE),
)

_BY_KEY: Final[Mapping[ApiKey, tuple[MessageParts, int, MessageParts]]] = MappingProxyType({
    row[2].api.key: row for row in (each if isinstance(each, tuple) else (each, 0, each) for each in _PARTS)
})  # fmt: skip


def parts_of(key: ApiKey, version: int) -> MessageParts:
    """Return what knows the parts of an API's messages in a version."""
    before, since, after = _BY_KEY[key]
    return after if version >= since else before


def part_names(key: ApiKey) -> frozenset[str]:
    """Return which of ``group``, ``topic`` and ``partition`` tell the parts of an API's messages apart."""
    return _BY_KEY[key][2].names


def has_parts(key: int) -> bool:
    """Return whether there is a row for an API."""
    return key in _BY_KEY
