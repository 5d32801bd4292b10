"""The shape of each API's messages."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from kafkalite.requests.parts.entries import Fields, Listed, Nested
from kafkalite.requests.parts.part import AllBut, Part
from kafkalite.requests.parts.particular import Changed, Fetch, Metadata, OffsetFetchOfGroups
from kafkalite.requests.parts.whole import JoinGroup, LeaveGroup, LogDirs, Whole
from kafkalite_wire.apis import APIS, ApiKey
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.schema import ZERO_UUID

if TYPE_CHECKING:
    from kafkalite.requests.parts.part import Shape

_GROUP: Final = frozenset(("group",))
_TOPIC: Final = frozenset(("topic",))
_BY_TOPIC_ID: Final = 13
_COMMITS_BY_TOPIC_ID: Final = 10
_SEVERAL_GROUPS: Final = 8
_SEVERAL_COORDINATORS: Final = 4
_DELETED_BY_ID: Final = 6
_OF_A_GROUP: Final = 0
_TOPIC_RESOURCE: Final = 2
_NO_MESSAGE: Final[Mapping[str, Any]] = {"error_message": None}
_NO_BROKER: Final[Mapping[str, Any]] = {"node_id": -1, "host": "", "port": -1, "error_message": None}
_NO_OFFSET: Final[Mapping[str, Any]] = {"committed_offset": -1, "metadata": ""}

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
_OF_FETCHED_GROUP: Final = AllBut(*_NO_TOPIC, ErrorCode.UNSTABLE_OFFSET_COMMIT)


def _group(request: Any) -> Part:
    return Part(group=request.group_id)


def _coordinated(kind: int, key: str) -> Part:
    return Part(group=key) if kind == _OF_A_GROUP else Part(other=key)


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
        api=APIS[key],
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
        api=APIS[key],
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
        api=APIS[key],
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
        api=APIS[ApiKey.DELETE_TOPICS],
        names=_TOPIC,
        asked=asked,
        told="responses",
        part=lambda _, item: Part(topic=item) if isinstance(item, str) else _named_or_identified(item),
        ways=lambda _, item: _named_and_identified(item),
        identity=_topic_identity,
    )


def _partitions(
    key: ApiKey, *, asked: Fields | None = None, told: Fields | None = None, grouped: bool = False, **others: Any
) -> Nested:
    return Nested(api=APIS[key], asked=asked or Fields(), told=told or Fields(), grouped=grouped, **others)


SHAPES: Final[Mapping[ApiKey, Shape]] = MappingProxyType({
    shape.api.key: shape
    for shape in (
        _partitions(
            ApiKey.PRODUCE,
            asked=Fields(topics="topic_data", partitions="partition_data", index="index"),
            told=Fields(topics="responses", partitions="partition_responses", index="index"),
            by_id_since=_BY_TOPIC_ID,
            blank={"base_offset": -1},
        ),
        Fetch(
            api=APIS[ApiKey.FETCH],
            asked=Fields(name="topic", index="partition"),
            told=Fields(topics="responses", name="topic"),
            by_id_since=_BY_TOPIC_ID,
            of_whole=_OF_SESSION,
            blank={"high_watermark": -1, "aborted_transactions": None, "records": b""},
            blank_by_error={error: {"aborted_transactions": ()} for error in _NO_TOPIC},
        ),
        _partitions(ApiKey.LIST_OFFSETS),
        Metadata(
            api=APIS[ApiKey.METADATA],
            names=frozenset(("topic", "partition")),
            asked="topics",
            told="topics",
            part=lambda _, item: _named_or_identified(item),
            ways=lambda _, item: _named_and_identified(item),
            identity=_topic_identity,
            of_whole=(ErrorCode.REBOOTSTRAP_REQUIRED,),
            blank={"partitions": ()},
        ),
        _partitions(ApiKey.OFFSET_COMMIT, grouped=True, by_id_since=_COMMITS_BY_TOPIC_ID),
        Changed(
            _SEVERAL_GROUPS,
            _partitions(
                ApiKey.OFFSET_FETCH,
                asked=Fields(partitions="partition_indexes", index=""),
                grouped=True,
                of_whole=_OF_FETCHED_GROUP,
                blank=_NO_OFFSET,
            ),
            OffsetFetchOfGroups(
                api=APIS[ApiKey.OFFSET_FETCH],
                by_id_since=_COMMITS_BY_TOPIC_ID,
                of_whole=_OF_FETCHED_GROUP,
                blank=_NO_OFFSET,
            ),
        ),
        Changed(
            _SEVERAL_COORDINATORS,
            Whole(
                APIS[ApiKey.FIND_COORDINATOR],
                lambda request: _coordinated(request.key_type, request.key),
                _GROUP,
                blank=_NO_BROKER,
            ),
            Listed(
                api=APIS[ApiKey.FIND_COORDINATOR],
                names=_GROUP,
                asked="coordinator_keys",
                told="coordinators",
                part=lambda request, key: _coordinated(request.key_type, key),
                ways=lambda request, item: (_coordinated(request.key_type, item.key),),
                identity=_coordinated_key,
                blank={**_NO_BROKER, "error_message": ""},
            ),
        ),
        JoinGroup(APIS[ApiKey.JOIN_GROUP], _group, _GROUP),
        Whole(APIS[ApiKey.HEARTBEAT], _group, _GROUP),
        LeaveGroup(APIS[ApiKey.LEAVE_GROUP], _group, _GROUP),
        Whole(APIS[ApiKey.SYNC_GROUP], _group, _GROUP),
        _groups(
            ApiKey.DESCRIBE_GROUPS,
            "groups",
            "groups",
            blank_by_error={ErrorCode.GROUP_ID_NOT_FOUND: {"group_state": "Dead"}},
        ),
        Whole(APIS[ApiKey.LIST_GROUPS]),
        Whole(APIS[ApiKey.API_VERSIONS], blank={"api_keys": ()}),
        _topics(ApiKey.CREATE_TOPICS, "topics"),
        Changed(_DELETED_BY_ID, _deleted_topics("topic_names"), _deleted_topics("topics")),
        _partitions(ApiKey.DELETE_RECORDS, blank={"low_watermark": -1}),
        Whole(APIS[ApiKey.INIT_PRODUCER_ID], blank={"producer_epoch": -1}),
        _partitions(
            ApiKey.OFFSET_FOR_LEADER_EPOCH,
            asked=Fields(name="topic", index="partition"),
            told=Fields(name="topic", index="partition"),
        ),
        _resources(
            ApiKey.DESCRIBE_CONFIGS,
            "results",
            blank_by_error={ErrorCode.UNKNOWN_TOPIC_OR_PARTITION: {"error_message": ""}},
        ),
        _resources(ApiKey.ALTER_CONFIGS, "responses"),
        LogDirs(APIS[ApiKey.DESCRIBE_LOG_DIRS]),
        _topics(ApiKey.CREATE_PARTITIONS, "results"),
        _groups(ApiKey.DELETE_GROUPS, "groups_names", "results"),
        _resources(ApiKey.INCREMENTAL_ALTER_CONFIGS, "responses"),
        _partitions(
            ApiKey.OFFSET_DELETE,
            grouped=True,
            of_whole=AllBut(*_NO_TOPIC, ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC),
        ),
        Whole(APIS[ApiKey.DESCRIBE_CLUSTER]),
    )
})  # fmt: skip
"""One for each API that is served."""
