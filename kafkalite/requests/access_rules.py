"""What a client must be allowed for each API, and what it is answered otherwise: KafkaApis and ControllerApis.

A rule looks at a request and returns None where all of it is allowed, or a :class:`Refusal`. Rules know neither
handlers nor the log; the topics that exist are a parameter, because Kafka names an unknown topic before it checks some
operations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from kafkalite.requests.parts.message_parts import Part, element_of
from kafkalite.security.access_control import CLUSTER_NAME, Operation, ResourceType
from kafkalite_wire.apis import ApiKey
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.schema import ZERO_UUID

if TYPE_CHECKING:
    from kafkalite.requests.parts.layouts import Nested
    from kafkalite.requests.parts.message_parts import MessageParts, Selector
    from kafkalite.security.authorizer import Access

_OF_A_GROUP, _OF_A_TRANSACTION = 0, 1
_SEVERAL_AT_ONCE: Final = 4
"""The first version of FindCoordinator and AddPartitionsToTxn that is about several."""
_SEVERAL_GROUPS: Final = 8
_OFFSETS_BY_TOPIC_ID: Final = 10
_CONFIGS_ARE_TOLD: Final = 5
_PROTOCOL_IS_NAMED: Final = 5
_METADATA_TOPIC: Final = "__cluster_metadata"
_CONFIG_OF_TOPIC, _CONFIG_OF_BROKER, _CONFIG_OF_LOGGERS, _CONFIG_OF_METRICS, _CONFIG_OF_GROUP = 2, 4, 8, 16, 32
_BATCH_ATTRIBUTES: Final = 22
"""Where the lower byte of a batch's attributes lies."""
_IS_TRANSACTIONAL: Final = 0x10


class KnownTopics(Protocol):
    """The topics that exist."""

    auto_create: bool
    """Whether topics are created that clients ask for."""

    def name_of(self, key: str | bytes) -> str | None:
        """Return the name of a topic that is given by name or id, or None for an unknown id."""
        ...

    def partitions_of(self, name: str) -> int:
        """Return the number of a topic's partitions, or 0 if there is no such topic."""
        ...


@dataclass(slots=True)
class Asked:
    """A request, and what decides about it."""

    request: Any
    version: int
    access: Access
    parts: MessageParts
    topics: KnownTopics

    def may(self, operation: Operation, kind: ResourceType, name: str) -> bool:
        """Return whether the client may do something with a resource."""
        return self.access.allows(operation, kind, name)

    def may_topic(self, operation: Operation, key: str | bytes | None) -> bool:
        """Return whether the client may do something with a topic; an unknown id passes, and gets its error later."""
        name = None if key is None else self.topics.name_of(key)
        return name is None or self.access.allows(operation, ResourceType.TOPIC, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What is left of a request, and how the rest is answered."""

    left: Any | None
    """What the client may do; None if the handler need not run."""
    answer: Callable[[Any | None], Any]
    """Makes the response; its parameter is the handler's, None if it did not run."""
    closes: str | None = None
    """Why the connection is closed in place of a response; None if it is not."""


Rule = Callable[[Asked], Refusal | None]
Finish = Callable[[Any, Any], Any]
"""Changes the response to a request that is refused as a whole; its parameters are the request and the response."""


def _whole(asked: Asked, error: ErrorCode, finish: Finish | None = None) -> Refusal:
    def answer(response: Any | None) -> Any:
        del response
        made = asked.parts.error_response(asked.request, asked.version, error)
        return made if finish is None else finish(asked.request, made)

    return Refusal(left=None, answer=answer)


def _parts(asked: Asked, errors: Mapping[Part, ErrorCode]) -> Refusal | None:
    """Refuse some parts of a request, each with its error."""
    if not errors:
        return None
    request, version, parts = asked.request, asked.version, asked.parts

    def answer(response: Any | None) -> Any:
        for error in dict.fromkeys(errors.values()):
            response = parts.with_errors(request, version, response, _those_with(errors, error), error)
        return response

    return Refusal(left=parts.without(request, version, errors.__contains__), answer=answer)


def _those_with(errors: Mapping[Part, ErrorCode], error: ErrorCode) -> Selector:
    return lambda part: errors.get(part) == error


# Rules for requests about the cluster, or about one resource


def _cluster(operation: Operation, finish: Finish | None = None) -> Rule:
    def rule(asked: Asked) -> Refusal | None:
        if asked.access.allows_cluster(operation):
            return None
        return _whole(asked, ErrorCode.CLUSTER_AUTHORIZATION_FAILED, finish)

    return rule


def _everyone(asked: Asked) -> None:
    """Refuse nothing: the handler leaves out what the client may not see."""
    del asked


def _group(operation: Operation) -> Rule:
    def rule(asked: Asked) -> Refusal | None:
        if asked.may(operation, ResourceType.GROUP, asked.request.group_id):
            return None
        return _whole(asked, ErrorCode.GROUP_AUTHORIZATION_FAILED)

    return rule


def _transaction(asked: Asked) -> Refusal | None:
    if asked.may(Operation.WRITE, ResourceType.TRANSACTIONAL_ID, asked.request.transactional_id):
        return None
    return _whole(asked, ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)


def _all(*rules: Rule) -> Rule:
    def rule(asked: Asked) -> Refusal | None:
        return next(filter(None, (each(asked) for each in rules)), None)

    return rule


# Rules for requests about several topics or groups


def _topics(operation: Operation) -> Rule:
    def rule(asked: Asked) -> Refusal | None:
        denied = _denied_topics(asked, operation)
        if not denied:
            return None
        parts = asked.parts.parts(asked.request, asked.version)
        return _parts(asked, {part: ErrorCode.TOPIC_AUTHORIZATION_FAILED for part in parts if part.topic in denied})

    return rule


def _denied_topics(asked: Asked, operation: Operation) -> set[str | bytes]:
    parts = cast("Nested", asked.parts)
    fields, allows, denied = parts.asked, asked.access.allows, set[str | bytes]()
    if asked.version >= parts.by_id_since:
        for topic in getattr(asked.request, fields.topics) or ():
            if not asked.may_topic(operation, topic.topic_id):
                denied.add(topic.topic_id)
        return denied
    for topic in getattr(asked.request, fields.topics) or ():
        name = getattr(topic, fields.name)
        if not allows(operation, ResourceType.TOPIC, name):
            denied.add(name)
    return denied


def _each(operation: Operation, kind: ResourceType, error: ErrorCode) -> Rule:
    """Make the rule for a list of resources of one type."""

    def rule(asked: Asked) -> Refusal | None:
        errors: dict[Part, ErrorCode] = {}
        for part in asked.parts.parts(asked.request, asked.version):
            name = part.topic if kind is ResourceType.TOPIC else part.group if part.other is None else part.other
            if isinstance(name, str) and not asked.may(operation, kind, name):
                errors[part] = error
        return _parts(asked, errors)

    return rule


def _one_group(operation: Operation) -> Rule:
    def rule(asked: Asked) -> Refusal | None:
        if asked.may(operation, ResourceType.GROUP, asked.request.group_id or ""):
            return None
        return _whole(asked, ErrorCode.GROUP_AUTHORIZATION_FAILED)

    return rule


# Rules of one API


def _consumer_group_heartbeat(asked: Asked) -> Refusal | None:
    request = asked.request
    if not asked.may(Operation.READ, ResourceType.GROUP, request.group_id):
        return _whole(asked, ErrorCode.GROUP_AUTHORIZATION_FAILED)
    names = request.subscribed_topic_names or ()
    if all(asked.may(Operation.DESCRIBE, ResourceType.TOPIC, name) for name in dict.fromkeys(names)):
        return None
    return _whole(asked, ErrorCode.TOPIC_AUTHORIZATION_FAILED)


def _streams_group_heartbeat(asked: Asked) -> Refusal | None:
    request = asked.request
    if not asked.may(Operation.READ, ResourceType.GROUP, request.group_id):
        return _whole(asked, ErrorCode.GROUP_AUTHORIZATION_FAILED)
    subtopologies = () if request.topology is None else request.topology.subtopologies
    names = {name for each in subtopologies for name in (*each.source_topics, *each.repartition_sink_topics)}
    for each in subtopologies:
        names.update(topic.name for topic in (*each.repartition_source_topics, *each.state_changelog_topics))
    if all(asked.may(Operation.DESCRIBE, ResourceType.TOPIC, name) for name in sorted(names)):
        return None
    return _whole(asked, ErrorCode.TOPIC_AUTHORIZATION_FAILED)


def _produce(asked: Asked) -> Refusal | None:
    request = asked.request
    transactional_id = request.transactional_id
    refusal = None
    if (
        transactional_id is not None
        and not asked.access.allows(Operation.WRITE, ResourceType.TRANSACTIONAL_ID, transactional_id, logged=False)
        and any(_is_transactional(each.records) for topic in request.topic_data for each in topic.partition_data)
    ):
        refusal = _transaction(asked)
    refusal = refusal or _produced_topics(asked)
    if refusal is not None and request.acks == 0:
        return replace(refusal, closes="a record that is not to be acknowledged was refused: it is not authorized")
    return refusal


_produced_topics: Final = _topics(Operation.WRITE)


def _is_transactional(records: Any) -> bool:
    return (
        records is not None
        and len(records) > _BATCH_ATTRIBUTES
        and bool(records[_BATCH_ATTRIBUTES] & _IS_TRANSACTIONAL)
    )


def _metadata(asked: Asked) -> Refusal | None:
    request, access = asked.request, asked.access
    errors: dict[Part, ErrorCode] = {}
    may_create = not (request.allow_auto_topic_creation and asked.topics.auto_create)
    for part, topic in zip(asked.parts.parts(request, asked.version), request.topics or (), strict=True):
        # An id counts before a name, also where it is of another topic.
        name = asked.topics.name_of(topic.name if topic.topic_id == ZERO_UUID else topic.topic_id)
        if name is None:
            continue
        if not asked.may(Operation.DESCRIBE, ResourceType.TOPIC, name):
            errors[part] = ErrorCode.TOPIC_AUTHORIZATION_FAILED
        elif not may_create and not asked.topics.partitions_of(name):
            may_create = access.allows_cluster(Operation.CREATE, logged=False)
            if not may_create and not asked.may(Operation.CREATE, ResourceType.TOPIC, name):
                errors[part] = ErrorCode.TOPIC_AUTHORIZATION_FAILED
    return _parts(asked, errors)


def _offset_fetch(asked: Asked) -> Refusal | None:
    if asked.version < _SEVERAL_GROUPS:
        return _fetch_of_one_group(asked)
    request = asked.request
    allowed = tuple(
        group for group in request.groups if asked.may(Operation.DESCRIBE, ResourceType.GROUP, group.group_id)
    )
    rest = replace(request, groups=allowed)
    by_id = asked.version >= _OFFSETS_BY_TOPIC_ID
    topics = {topic.topic_id if by_id else topic.name for group in allowed for topic in group.topics or ()}
    denied = {topic for topic in topics if not asked.may_topic(Operation.DESCRIBE, topic)}
    refusal = None
    if denied:
        parts = asked.parts.parts(rest, asked.version)
        errors = {part: ErrorCode.TOPIC_AUTHORIZATION_FAILED for part in parts if part.topic in denied}
        refusal = _parts(replace(asked, request=rest), errors)
    if len(allowed) == len(request.groups):
        return refusal
    made = element_of(asked.parts.api.response_type, "groups")

    def answer(response: Any | None) -> Any:
        if refusal is not None:
            response = refusal.answer(response)
        told = {} if response is None else {group.group_id: group for group in response.groups}
        groups = tuple(
            told.get(group.group_id)
            or made(group_id=group.group_id, topics=(), error_code=ErrorCode.GROUP_AUTHORIZATION_FAILED)
            for group in request.groups
        )
        return asked.parts.api.response_type(groups=groups)

    left = rest if refusal is None else refusal.left
    return Refusal(left=left if allowed else None, answer=answer)


_fetch_of_one_group: Final = _all(_group(Operation.DESCRIBE), _topics(Operation.DESCRIBE))


def _find_coordinator(asked: Asked) -> Refusal | None:
    request = asked.request
    keys = request.coordinator_keys if asked.version >= _SEVERAL_AT_ONCE else (request.key,)
    if request.key_type == _OF_A_GROUP:
        kind, error = ResourceType.GROUP, ErrorCode.GROUP_AUTHORIZATION_FAILED
    elif request.key_type == _OF_A_TRANSACTION:
        kind, error = ResourceType.TRANSACTIONAL_ID, ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    else:
        return _cluster(Operation.CLUSTER_ACTION)(asked)
    denied = {key for key in keys if not asked.may(Operation.DESCRIBE, kind, key)}
    parts = asked.parts.parts(request, asked.version)
    return _parts(asked, {part: error for part, key in zip(parts, keys, strict=True) if key in denied})


def _init_producer_id(asked: Asked) -> Refusal | None:
    if asked.request.transactional_id is not None:
        return _transaction(asked)
    if asked.access.allows_cluster(Operation.IDEMPOTENT_WRITE, logged=False):
        return None
    if asked.access.allows_any(Operation.WRITE, ResourceType.TOPIC):
        return None
    return _cluster(Operation.IDEMPOTENT_WRITE)(asked)


def _add_partitions_to_txn(asked: Asked) -> Refusal | None:
    if asked.version >= _SEVERAL_AT_ONCE:
        return _cluster(Operation.CLUSTER_ACTION)(asked)
    request = asked.request
    transactional_id = request.v3_and_below_transactional_id
    if not asked.may(Operation.WRITE, ResourceType.TRANSACTIONAL_ID, transactional_id):
        return _whole(asked, ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
    denied = _denied_topics(asked, Operation.WRITE)
    if not denied:
        return None
    errors: dict[Part, ErrorCode] = {}
    for part in asked.parts.parts(request, asked.version):
        assert isinstance(part.topic, str)
        assert part.partition is not None
        if part.topic in denied:
            errors[part] = ErrorCode.TOPIC_AUTHORIZATION_FAILED
        elif not 0 <= part.partition < asked.topics.partitions_of(part.topic):
            errors[part] = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        else:
            errors[part] = ErrorCode.OPERATION_NOT_ATTEMPTED
    return _parts(asked, errors)


def _once(names: Iterable[str]) -> set[str]:
    """Return the names that a request has once; about others it is refused for that."""
    return {name for name, count in Counter(names).items() if count == 1}


def _create_topics(asked: Asked) -> Refusal | None:
    request = asked.request
    names = _once(topic.name for topic in request.topics) - {_METADATA_TOPIC}
    refusal = None
    if not asked.access.allows_cluster(Operation.CREATE, logged=False):
        refusal = _parts(
            asked,
            {
                Part(topic=name): ErrorCode.TOPIC_AUTHORIZATION_FAILED
                for name in names
                if not asked.may(Operation.CREATE, ResourceType.TOPIC, name)
            },
        )
    hidden = {
        name
        for name in names
        if not asked.access.allows(Operation.DESCRIBE_CONFIGS, ResourceType.TOPIC, name, logged=False)
    }
    if asked.version < _CONFIGS_ARE_TOLD or not hidden:
        return refusal

    def answer(response: Any | None) -> Any:
        if refusal is not None:
            response = refusal.answer(response)
        assert response is not None
        return replace(
            response,
            topics=tuple(
                _without_configs(topic) if topic.name in hidden and not topic.error_code else topic
                for topic in response.topics
            ),
        )

    return Refusal(left=request if refusal is None else refusal.left, answer=answer)


def _without_configs(topic: Any) -> Any:
    return replace(
        topic,
        topic_config_error_code=ErrorCode.TOPIC_AUTHORIZATION_FAILED,
        num_partitions=-1,
        replication_factor=-1,
        configs=(),
    )


def _create_partitions(asked: Asked) -> Refusal | None:
    names = _once(topic.name for topic in asked.request.topics)
    denied = (name for name in names if not asked.may(Operation.ALTER, ResourceType.TOPIC, name))
    return _parts(asked, {Part(topic=name): ErrorCode.TOPIC_AUTHORIZATION_FAILED for name in denied})


def _delete_topics(asked: Asked) -> Refusal | None:
    if asked.access.allows_cluster(Operation.DELETE, logged=False):
        return None
    request = asked.request
    parts = asked.parts.parts(request, asked.version)
    named = request.topic_names or [(topic.name, topic.topic_id) for topic in request.topics]
    counts = Counter(named)
    errors: dict[Part, ErrorCode] = {}
    names: dict[bytes, str] = {}
    for part, way in zip(parts, named, strict=True):
        # What stands twice in the same way is refused for that.
        name = None if part.topic is None or counts[way] > 1 else asked.topics.name_of(part.topic)
        # A topic that may be described, but does not exist, is unknown.
        if name is None or (
            (is_visible := asked.may(Operation.DESCRIBE, ResourceType.TOPIC, name))
            and (asked.may(Operation.DELETE, ResourceType.TOPIC, name) or not asked.topics.partitions_of(name))
        ):
            continue
        errors[part] = ErrorCode.TOPIC_AUTHORIZATION_FAILED
        if is_visible and isinstance(part.topic, bytes):
            names[part.topic] = name
    refusal = _parts(asked, errors)
    return refusal if refusal is None or not names else _with_names(refusal, names)


def _with_names(refusal: Refusal, names: Mapping[bytes, str]) -> Refusal:
    """Name the topics that were given by id, and that the client may describe."""

    def answer(response: Any | None) -> Any:
        made = refusal.answer(response)
        return replace(
            made,
            responses=tuple(
                replace(each, name=names[each.topic_id]) if each.topic_id in names else each for each in made.responses
            ),
        )

    return replace(refusal, answer=answer)


_OF_CONFIGS: Final[Mapping[int, tuple[ResourceType, ErrorCode]]] = {
    _CONFIG_OF_TOPIC: (ResourceType.TOPIC, ErrorCode.TOPIC_AUTHORIZATION_FAILED),
    _CONFIG_OF_BROKER: (ResourceType.CLUSTER, ErrorCode.CLUSTER_AUTHORIZATION_FAILED),
    _CONFIG_OF_LOGGERS: (ResourceType.CLUSTER, ErrorCode.CLUSTER_AUTHORIZATION_FAILED),
    _CONFIG_OF_METRICS: (ResourceType.CLUSTER, ErrorCode.CLUSTER_AUTHORIZATION_FAILED),
    _CONFIG_OF_GROUP: (ResourceType.GROUP, ErrorCode.GROUP_AUTHORIZATION_FAILED),
}


def _configs(operation: Operation) -> Rule:
    changes = operation is Operation.ALTER_CONFIGS

    def rule(asked: Asked) -> Refusal | None:
        errors: dict[Part, ErrorCode] = {}
        parts = asked.parts.parts(asked.request, asked.version)
        counts = Counter(parts)
        for part, resource in zip(parts, asked.request.resources, strict=True):
            found = _OF_CONFIGS.get(resource.resource_type)
            if found is None or (changes and counts[part] > 1):
                continue  # it is refused for that
            kind, error = found
            name = CLUSTER_NAME if kind is ResourceType.CLUSTER else resource.resource_name
            if not asked.may(operation, kind, name):
                errors[part] = error
        return _parts(asked, errors)

    return rule


def _sync_group(asked: Asked) -> Refusal | None:
    request = asked.request
    if asked.version >= _PROTOCOL_IS_NAMED and None in (request.protocol_type, request.protocol_name):
        return None  # it is refused for that
    return _read_group(asked)


_read_group: Final = _group(Operation.READ)


def _offset_delete(asked: Asked) -> Refusal | None:
    refusal = _delete_group(asked)
    if refusal is not None:
        return refusal
    refusal = _read_topics(asked)
    if refusal is None:
        return None
    answer_topics = refusal.answer

    def answer(response: Any | None) -> Any:
        # Whether there is such a group is found out first, also where no topic is left.
        return response if response is not None and response.error_code else answer_topics(response)

    left = replace(asked.request, topics=()) if refusal.left is None else refusal.left
    return Refusal(left=left, answer=answer)


_delete_group: Final = _group(Operation.DELETE)
_read_topics: Final = _topics(Operation.READ)


def _without_directories(request: Any, response: Any) -> Any:
    del request
    return replace(response, error_code=ErrorCode.CLUSTER_AUTHORIZATION_FAILED, results=())


def _with_error_code(request: Any, response: Any) -> Any:
    del request
    return replace(response, error_code=ErrorCode.CLUSTER_AUTHORIZATION_FAILED)


def _with_results(request: Any, response: Any) -> Any:
    """List the topics as they were asked for, those without partitions too."""
    declared: type[Any] = response.__class__
    topic_type = element_of(declared, "results")
    rows = {(topic.topic_id, row.partition): row for topic in response.results for row in topic.partitions}
    return replace(
        response,
        results=tuple(
            topic_type(
                topic_id=topic.topic_id,
                partitions=tuple(rows[topic.topic_id, each.partition] for each in topic.partitions),
            )
            for topic in request.topics
        ),
    )


def _with_topics(request: Any, response: Any) -> Any:
    """List the partitions that were asked for, without replicas."""
    declared: type[Any] = response.__class__
    topic_type = element_of(declared, "topics")
    partition_type = element_of(topic_type, "partitions")
    return replace(
        response,
        topics=tuple(
            topic_type(
                name=topic.name,
                partitions=tuple(
                    partition_type(partition_index=index, replicas=(), adding_replicas=(), removing_replicas=())
                    for index in topic.partition_indexes
                ),
            )
            for topic in request.topics or ()
        ),
    )


def _with_users(request: Any, response: Any) -> Any:
    """Add a result for each user that was asked for, without its name."""
    declared: type[Any] = response.__class__
    made = element_of(declared, "results")
    refused = made(
        user="",
        error_code=ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
        error_message=response.error_message,
        credential_infos=(),
    )
    return replace(response, results=(refused,) * len(request.users or ()))


def _write_txn_markers(asked: Asked) -> Refusal | None:
    if asked.access.allows_cluster(Operation.ALTER, logged=False):
        return None
    return _cluster(Operation.CLUSTER_ACTION)(asked)


def _offset_for_leader_epoch(asked: Asked) -> Refusal | None:
    if asked.access.allows_cluster(Operation.CLUSTER_ACTION, logged=False):
        return None
    return _described_topics(asked)


_described_topics: Final = _topics(Operation.DESCRIBE)
_of_share_states: Final = _cluster(Operation.CLUSTER_ACTION, _with_results)

_RULES: Final[Mapping[int, Rule]] = MappingProxyType({
    ApiKey.PRODUCE: _produce,
    ApiKey.FETCH: _everyone,
    ApiKey.LIST_OFFSETS: _described_topics,
    ApiKey.METADATA: _metadata,
    ApiKey.OFFSET_COMMIT: _all(_group(Operation.READ), _topics(Operation.READ)),
    ApiKey.OFFSET_FETCH: _offset_fetch,
    ApiKey.FIND_COORDINATOR: _find_coordinator,
    ApiKey.JOIN_GROUP: _group(Operation.READ),
    ApiKey.HEARTBEAT: _group(Operation.READ),
    ApiKey.LEAVE_GROUP: _group(Operation.READ),
    ApiKey.SYNC_GROUP: _sync_group,
    ApiKey.DESCRIBE_GROUPS: _each(Operation.DESCRIBE, ResourceType.GROUP, ErrorCode.GROUP_AUTHORIZATION_FAILED),
    ApiKey.LIST_GROUPS: _everyone,
    ApiKey.CONSUMER_GROUP_HEARTBEAT: _consumer_group_heartbeat,
    ApiKey.SHARE_GROUP_HEARTBEAT: _consumer_group_heartbeat,
    ApiKey.SHARE_GROUP_DESCRIBE: _each(Operation.DESCRIBE, ResourceType.GROUP, ErrorCode.GROUP_AUTHORIZATION_FAILED),
    ApiKey.SHARE_FETCH: _one_group(Operation.READ),
    ApiKey.SHARE_ACKNOWLEDGE: _one_group(Operation.READ),
    ApiKey.DESCRIBE_SHARE_GROUP_OFFSETS: _each(
        Operation.DESCRIBE, ResourceType.GROUP, ErrorCode.GROUP_AUTHORIZATION_FAILED
    ),
    ApiKey.ALTER_SHARE_GROUP_OFFSETS: _one_group(Operation.READ),
    ApiKey.DELETE_SHARE_GROUP_OFFSETS: _one_group(Operation.DELETE),
    # Brokers ask each other these.
    ApiKey.INITIALIZE_SHARE_GROUP_STATE: _of_share_states,
    ApiKey.READ_SHARE_GROUP_STATE: _of_share_states,
    ApiKey.WRITE_SHARE_GROUP_STATE: _of_share_states,
    ApiKey.DELETE_SHARE_GROUP_STATE: _of_share_states,
    ApiKey.READ_SHARE_GROUP_STATE_SUMMARY: _of_share_states,
    ApiKey.STREAMS_GROUP_HEARTBEAT: _streams_group_heartbeat,
    ApiKey.STREAMS_GROUP_DESCRIBE: _each(Operation.DESCRIBE, ResourceType.GROUP, ErrorCode.GROUP_AUTHORIZATION_FAILED),
    ApiKey.CONSUMER_GROUP_DESCRIBE: _each(
        Operation.DESCRIBE, ResourceType.GROUP, ErrorCode.GROUP_AUTHORIZATION_FAILED
    ),
    ApiKey.CREATE_TOPICS: _create_topics,
    ApiKey.DELETE_TOPICS: _delete_topics,
    ApiKey.DELETE_RECORDS: _topics(Operation.DELETE),
    ApiKey.INIT_PRODUCER_ID: _init_producer_id,
    ApiKey.OFFSET_FOR_LEADER_EPOCH: _offset_for_leader_epoch,
    ApiKey.ADD_PARTITIONS_TO_TXN: _add_partitions_to_txn,
    ApiKey.ADD_OFFSETS_TO_TXN: _all(_transaction, _group(Operation.READ)),
    ApiKey.END_TXN: _transaction,
    ApiKey.WRITE_TXN_MARKERS: _write_txn_markers,
    ApiKey.TXN_OFFSET_COMMIT: _all(_transaction, _group(Operation.READ), _topics(Operation.READ)),
    ApiKey.DESCRIBE_ACLS: _cluster(Operation.DESCRIBE),
    ApiKey.CREATE_ACLS: _cluster(Operation.ALTER),
    ApiKey.DELETE_ACLS: _cluster(Operation.ALTER),
    ApiKey.DESCRIBE_CONFIGS: _configs(Operation.DESCRIBE_CONFIGS),
    ApiKey.ALTER_CONFIGS: _configs(Operation.ALTER_CONFIGS),
    ApiKey.INCREMENTAL_ALTER_CONFIGS: _configs(Operation.ALTER_CONFIGS),
    ApiKey.LIST_CONFIG_RESOURCES: _cluster(Operation.DESCRIBE_CONFIGS),
    ApiKey.ALTER_REPLICA_LOG_DIRS: _cluster(Operation.ALTER),
    ApiKey.DESCRIBE_LOG_DIRS: _cluster(Operation.DESCRIBE, _without_directories),
    ApiKey.CREATE_PARTITIONS: _create_partitions,
    # Tokens belong to their owners, which the handlers check.
    ApiKey.CREATE_DELEGATION_TOKEN: _everyone,
    ApiKey.RENEW_DELEGATION_TOKEN: _everyone,
    ApiKey.EXPIRE_DELEGATION_TOKEN: _everyone,
    ApiKey.DESCRIBE_DELEGATION_TOKEN: _everyone,
    ApiKey.DELETE_GROUPS: _each(Operation.DELETE, ResourceType.GROUP, ErrorCode.GROUP_AUTHORIZATION_FAILED),
    ApiKey.ELECT_LEADERS: _cluster(Operation.ALTER),
    ApiKey.ALTER_PARTITION_REASSIGNMENTS: _cluster(Operation.ALTER, _with_error_code),
    ApiKey.LIST_PARTITION_REASSIGNMENTS: _cluster(Operation.DESCRIBE, _with_topics),
    ApiKey.OFFSET_DELETE: _offset_delete,
    ApiKey.DESCRIBE_CLIENT_QUOTAS: _cluster(Operation.DESCRIBE_CONFIGS),
    ApiKey.ALTER_CLIENT_QUOTAS: _cluster(Operation.ALTER_CONFIGS),
    ApiKey.DESCRIBE_USER_SCRAM_CREDENTIALS: _cluster(Operation.DESCRIBE, _with_users),
    ApiKey.ALTER_USER_SCRAM_CREDENTIALS: _cluster(Operation.ALTER),
    ApiKey.DESCRIBE_QUORUM: _cluster(Operation.DESCRIBE),
    ApiKey.UPDATE_FEATURES: _cluster(Operation.ALTER),
    ApiKey.UNREGISTER_BROKER: _cluster(Operation.ALTER),
    ApiKey.DESCRIBE_CLUSTER: _everyone,
    ApiKey.DESCRIBE_PRODUCERS: _topics(Operation.READ),
    ApiKey.DESCRIBE_TRANSACTIONS: _each(
        Operation.DESCRIBE, ResourceType.TRANSACTIONAL_ID, ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    ),
    ApiKey.LIST_TRANSACTIONS: _everyone,
    ApiKey.DESCRIBE_TOPIC_PARTITIONS: _each(
        Operation.DESCRIBE, ResourceType.TOPIC, ErrorCode.TOPIC_AUTHORIZATION_FAILED
    ),
})  # fmt: skip


def rule_of(key: int) -> Rule:
    """Return the rule of an API; KeyError for one without, so that no request passes by mistake."""
    return _RULES[key]


def has_rule(key: int) -> bool:
    """Return whether there is a rule for an API."""
    return key in _RULES
