"""The shape of each API's messages."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from kafkalite.controls.shapes.entries import Fields, Listed, Nested
from kafkalite.controls.shapes.part import Part
from kafkalite.controls.shapes.particular import Changed, Fetch, Metadata, OffsetFetchOfGroups
from kafkalite.controls.shapes.whole import ApiVersions, JoinGroup, LogDirs, OneCoordinator, Whole
from kafkalite_wire.apis import APIS, ApiKey
from kafkalite_wire.schema import ZERO_UUID

if TYPE_CHECKING:
    from kafkalite.controls.shapes.part import Shape

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


def _groups(key: ApiKey, asked: str, told: str) -> Listed:
    return Listed(
        api=APIS[key],
        names=_GROUP,
        asked=asked,
        told=told,
        part=lambda _, group_id: Part(group=group_id),
        ways=lambda _, item: (Part(group=item.group_id),),
        identity=lambda part: {"group_id": part.group},
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


def _resources(key: ApiKey, told: str) -> Listed:
    return Listed(
        api=APIS[key],
        names=_TOPIC,
        asked="resources",
        told=told,
        part=lambda _, item: _resource(item),
        ways=lambda _, item: (_resource(item),),
        identity=_resource_identity,
        blank=_NO_MESSAGE,
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
            blank={"high_watermark": -1, "aborted_transactions": None, "records": b""},
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
            blank={"partitions": ()},
        ),
        _partitions(ApiKey.OFFSET_COMMIT, grouped=True, by_id_since=_COMMITS_BY_TOPIC_ID),
        Changed(
            _SEVERAL_GROUPS,
            _partitions(
                ApiKey.OFFSET_FETCH,
                asked=Fields(partitions="partition_indexes", index=""),
                grouped=True,
                blank={"committed_offset": -1, "metadata": ""},
            ),
            OffsetFetchOfGroups(api=APIS[ApiKey.OFFSET_FETCH], by_id_since=_COMMITS_BY_TOPIC_ID),
        ),
        Changed(
            _SEVERAL_COORDINATORS,
            OneCoordinator(
                APIS[ApiKey.FIND_COORDINATOR], lambda request: _coordinated(request.key_type, request.key), _GROUP
            ),
            Listed(
                api=APIS[ApiKey.FIND_COORDINATOR],
                names=_GROUP,
                asked="coordinator_keys",
                told="coordinators",
                part=lambda request, key: _coordinated(request.key_type, key),
                ways=lambda request, item: (_coordinated(request.key_type, item.key),),
                identity=_coordinated_key,
                blank=_NO_BROKER,
            ),
        ),
        JoinGroup(APIS[ApiKey.JOIN_GROUP], _group, _GROUP),
        Whole(APIS[ApiKey.HEARTBEAT], _group, _GROUP),
        Whole(APIS[ApiKey.LEAVE_GROUP], _group, _GROUP),
        Whole(APIS[ApiKey.SYNC_GROUP], _group, _GROUP),
        _groups(ApiKey.DESCRIBE_GROUPS, "groups", "groups"),
        Whole(APIS[ApiKey.LIST_GROUPS]),
        ApiVersions(APIS[ApiKey.API_VERSIONS]),
        _topics(ApiKey.CREATE_TOPICS, "topics"),
        Changed(_DELETED_BY_ID, _deleted_topics("topic_names"), _deleted_topics("topics")),
        _partitions(ApiKey.DELETE_RECORDS, blank={"low_watermark": -1}),
        Whole(APIS[ApiKey.INIT_PRODUCER_ID]),
        _partitions(
            ApiKey.OFFSET_FOR_LEADER_EPOCH,
            asked=Fields(name="topic", index="partition"),
            told=Fields(name="topic", index="partition"),
        ),
        _resources(ApiKey.DESCRIBE_CONFIGS, "results"),
        _resources(ApiKey.ALTER_CONFIGS, "responses"),
        LogDirs(APIS[ApiKey.DESCRIBE_LOG_DIRS]),
        _topics(ApiKey.CREATE_PARTITIONS, "results"),
        _groups(ApiKey.DELETE_GROUPS, "groups_names", "results"),
        _resources(ApiKey.INCREMENTAL_ALTER_CONFIGS, "responses"),
        _partitions(ApiKey.OFFSET_DELETE, grouped=True),
        Whole(APIS[ApiKey.DESCRIBE_CLUSTER]),
    )
})  # fmt: skip
"""One for each API that is served."""
