"""The requests about streams groups (KIP-1071). The group coordinator answers them.

Not done: descriptions of topologies, which a plug-in of Kafka keeps.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kafkalite.coordinators.groups.modern.membership import MemberRefusedError
from kafkalite.coordinators.groups.streams.checking import check_topics, named_topics
from kafkalite.coordinators.groups.streams.membership import refusal
from kafkalite.handlers import create_topics
from kafkalite.handlers.authorized_operations import may_describe, with_group_operations
from kafkalite.handlers.group_membership import client_of
from kafkalite.requests.steps import Steps
from kafkalite.security.access_control import Operation, ResourceType
from kafkalite_storage.errors import StorageError
from kafkalite_storage.metadata.topics import INTERNAL_TOPICS, check_topic_name
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.create_topics import CreateTopicsRequest

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext
    from kafkalite_wire.messages.streams_group_describe import (
        DescribedGroup,
        StreamsGroupDescribeRequest,
        StreamsGroupDescribeResponse,
    )
    from kafkalite_wire.messages.streams_group_heartbeat import StreamsGroupHeartbeatRequest


def streams_group_heartbeat(
    broker: BrokerEndpoint, request: StreamsGroupHeartbeatRequest, context: RequestContext
) -> Steps[None]:
    """Keep a member of a streams group, and answer its tasks (KIP-1071). With it a member joins and leaves.

    Internal topics of the group that do not exist are created after the answer.
    """
    cluster, response = broker.cluster, context.defer()
    try:
        if request.topology is not None:
            check_topics(named_topics(request.topology), INTERNAL_TOPICS.__contains__, _is_valid)
    except MemberRefusedError as refused:
        response.send(refusal(refused.error, refused.message))
        return

    def may_create(name: str) -> bool:
        access = context.access
        return access is None or access.allows(Operation.CREATE, ResourceType.TOPIC, name)

    coordinator = yield from cluster.groups.load()
    may_create_all = context.access is None or context.access.allows_cluster(Operation.CREATE, logged=False)
    result = coordinator.streams_group_heartbeat(
        request,
        client_of(context),
        response,
        now=cluster.now(),
        wall_ms=cluster.wall_ms(),
        may_create=(lambda _: True) if may_create_all else may_create,
    )
    missing = coordinator.streams.take_missing_topics()
    cluster.groups.perform(result)
    if missing:
        creation = CreateTopicsRequest(topics=tuple(topic.creation() for topic in missing), timeout_ms=0)
        created = yield from create_topics.handle(broker, creation, context)
        errors = {
            topic.name: topic.error_message or ""
            for topic in created.topics
            if topic.error_code not in (ErrorCode.NONE, ErrorCode.TOPIC_ALREADY_EXISTS)
        }
        coordinator.streams.note_creation(request.group_id, errors)


def streams_group_describe(
    broker: BrokerEndpoint, request: StreamsGroupDescribeRequest, context: RequestContext
) -> Steps[StreamsGroupDescribeResponse]:
    """Describe streams groups: epochs, topologies, members and tasks (KIP-1071)."""
    coordinator = yield from broker.cluster.groups.load()
    response = yield from coordinator.describe_streams_groups(request)
    if request.include_authorized_operations:
        response = with_group_operations(response, context)
    if context.access is None:
        return response
    return replace(response, groups=tuple(_only_described(group, context) for group in response.groups))


def _only_described(group: DescribedGroup, context: RequestContext) -> DescribedGroup:
    subtopologies = () if group.topology is None else group.topology.subtopologies or ()
    names = {name for each in subtopologies for name in (*each.source_topics, *each.repartition_sink_topics)}
    for each in subtopologies:
        names.update(topic.name for topic in (*each.repartition_source_topics, *each.state_changelog_topics))
    if all(may_describe(context, ResourceType.TOPIC, name) for name in names):
        return group
    return type(group)(
        error_code=ErrorCode.TOPIC_AUTHORIZATION_FAILED,
        error_message="The described group uses topics that the client is not authorized to describe.",
        group_id=group.group_id,
        group_state="",
        group_epoch=0,
        assignment_epoch=0,
        members=(),
    )


def _is_valid(name: str) -> bool:
    try:
        check_topic_name(name)
    except StorageError:
        return False
    return True
