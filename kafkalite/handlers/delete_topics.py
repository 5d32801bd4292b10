"""DeleteTopics: delete topics by name, or from version 6 on by id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kafkalite.errors import RefusedError
from kafkalite.requests.steps import Steps, WorkMeter
from kafkalite_storage.errors import StorageError
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.delete_topics import (
    DeletableTopicResult,
    DeleteTopicsRequest,
    DeleteTopicsResponse,
)
from kafkalite_wire.schema import ZERO_UUID

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext

_WORK_OF_A_TOPIC: Final = 250
_WORK_OF_A_PARTITION: Final = 40
_BY_NAME_OR_ID: Final = 6
_DISABLED_KNOWN_SINCE: Final = 3


def handle(
    broker: BrokerEndpoint, request: DeleteTopicsRequest, context: RequestContext
) -> Steps[DeleteTopicsResponse]:
    """Delete each topic that exists; its committed offsets go with it."""
    context.outlives_client = True
    if context.api_version >= _BY_NAME_OR_ID:
        wanted = [(topic.name, topic.topic_id) for topic in request.topics]
    else:
        wanted = [(name, ZERO_UUID) for name in request.topic_names]
    meant: dict[object, list[tuple[str | None, bytes]]] = {}
    for name, topic_id in wanted:
        meant.setdefault(_topic_of(broker, name, topic_id), []).append((name, topic_id))
    meter = WorkMeter()
    responses: list[DeletableTopicResult] = []
    for ways in meant.values():
        if len(ways) == 1:
            responses.append((yield from _delete(broker, context, *ways[0], meter)))
        else:
            responses.append(_refused_twice(ways))
    return DeleteTopicsResponse(responses=tuple(responses))


def _topic_of(broker: BrokerEndpoint, name: str | None, topic_id: bytes) -> object:
    """Return what a name or an id refers to, so that a topic that stands twice is not deleted."""
    if name is not None and topic_id != ZERO_UUID:
        return name, topic_id
    known = broker.cluster.storage.topics_by_id.get(topic_id) if name is None else None
    return known.name if known is not None else topic_id if name is None else name


def _refused_twice(ways: list[tuple[str | None, bytes]]) -> DeletableTopicResult:
    name = next((name for name, _ in ways if name is not None), None)
    return _refused(name, max(topic_id for _, topic_id in ways), ErrorCode.INVALID_REQUEST, "The same topic twice.")


def _refused(name: str | None, topic_id: bytes, code: ErrorCode, reason: str | None = None) -> DeletableTopicResult:
    return DeletableTopicResult(name=name, topic_id=topic_id, error_code=code, error_message=reason)


def _delete(
    broker: BrokerEndpoint, context: RequestContext, name: str | None, topic_id: bytes, meter: WorkMeter
) -> Steps[DeletableTopicResult]:
    def refused(code: ErrorCode, reason: str | None = None) -> DeletableTopicResult:
        return _refused(name, topic_id, code, reason)

    if not broker.config.delete_topic_enable:
        disabled = context.api_version >= _DISABLED_KNOWN_SINCE
        return refused(ErrorCode.TOPIC_DELETION_DISABLED if disabled else ErrorCode.INVALID_REQUEST)
    if name is not None and topic_id != ZERO_UUID:
        return refused(ErrorCode.INVALID_REQUEST, "You may not specify both topic name and topic id.")
    if name is None and topic_id == ZERO_UUID:
        return refused(ErrorCode.INVALID_REQUEST, "Neither topic name nor id was specified.")
    topic = (
        broker.cluster.storage.topics.get(name)
        if name is not None
        else broker.cluster.storage.topics_by_id.get(topic_id)
    )
    if topic is None:
        return refused(ErrorCode.UNKNOWN_TOPIC_ID if name is None else ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    if meter.add(_WORK_OF_A_TOPIC):
        yield
    try:
        context.charge_partitions(topic.partitions)
        for _ in broker.cluster.delete_topic_steps(topic.name):
            if meter.add(_WORK_OF_A_PARTITION):
                yield
    except (RefusedError, StorageError) as error:
        return refused(ErrorCode(error.code), str(error) or None)
    return DeletableTopicResult(name=topic.name, topic_id=topic.topic_id, error_code=ErrorCode.NONE)
