"""The state of share groups in the share coordinator: initialized, read, written, deleted and summarized (KIP-932).

Brokers ask each other these when a partition and its state are with different ones. Each partition is answered for
itself. Of a partition that a request names twice both requests are carried out, and the last result is in the response.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from kafkalite.cluster.internal_topics import SHARE_STATE_TOPIC
from kafkalite.coordinators.recording import Recording, when_all_settled
from kafkalite.coordinators.share.state import NO_OFFSET, ShareKey
from kafkalite.requests.steps import Steps, WorkMeter
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages import delete_share_group_state as deleting
from kafkalite_wire.messages import initialize_share_group_state as initializing
from kafkalite_wire.messages import read_share_group_state as reading
from kafkalite_wire.messages import read_share_group_state_summary as summarizing
from kafkalite_wire.messages import write_share_group_state as writing
from kafkalite_wire.messages.share_state_records import StateBatch

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.coordinators.share.state import ShareState
    from kafkalite.requests.context import RequestContext

_WORK_OF_A_STATE: Final = 8
_REASONS: Final = {
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION: "The topic or the partition does not exist.",
    ErrorCode.FENCED_LEADER_EPOCH: "The leader epoch is older than one that was seen before.",
    ErrorCode.FENCED_STATE_EPOCH: "The state epoch is older than one that was seen before.",
    ErrorCode.NOT_COORDINATOR: "The partition of __share_group_state that holds the state does not exist or is broken.",
    ErrorCode.UNKNOWN_SERVER_ERROR: "A state batch ends before it begins.",
    ErrorCode.COORDINATOR_NOT_AVAILABLE: "The change could not be recorded.",
}
_NOT_NEGATIVE: Final = ("partition", "leader_epoch", "state_epoch")


def initialize_share_group_state(
    broker: BrokerEndpoint, request: initializing.InitializeShareGroupStateRequest, context: RequestContext
) -> Steps[None]:
    """Create the state of a share group in partitions, or replace it by one with a newer epoch."""

    def initialize(key: ShareKey, part: initializing.PartitionData, is_known: bool) -> Recording:
        return broker.cluster.share_states.initialize(
            key, state_epoch=part.state_epoch, start_offset=part.start_offset, is_known=is_known
        )

    def result(_: ShareKey, part: initializing.PartitionData, **failure: Any) -> initializing.PartitionResult:
        return initializing.PartitionResult(partition=part.partition, **failure)

    kind = initializing.InitializeShareGroupStateResponse, initializing.InitializeStateResult
    return _answer(broker, request, context, kind, initialize, result, may_be_without_partitions=True)


def read_share_group_state(
    broker: BrokerEndpoint, request: reading.ReadShareGroupStateRequest, context: RequestContext
) -> Steps[None]:
    """Return the state of a share group in partitions to their leader; leaders with an older epoch are fenced."""
    states: dict[ShareKey, ShareState | None] = {}

    def read(key: ShareKey, part: reading.PartitionData, is_known: bool) -> Recording:
        states[key] = broker.cluster.share_states.read(key)
        return broker.cluster.share_states.take_over(key, leader_epoch=part.leader_epoch, is_known=is_known)

    def result(key: ShareKey, part: reading.PartitionData, **failure: Any) -> reading.PartitionResult:
        state = states.get(key)
        if failure or state is None:
            return reading.PartitionResult(
                partition=part.partition, state_epoch=0, start_offset=0, state_batches=(), **failure
            )
        return reading.PartitionResult(
            partition=part.partition,
            state_epoch=state.state_epoch,
            start_offset=state.start_offset,
            state_batches=tuple(
                reading.StateBatch(
                    first_offset=batch.first_offset,
                    last_offset=batch.last_offset,
                    delivery_state=batch.delivery_state,
                    delivery_count=batch.delivery_count,
                )
                for batch in state.batches
            ),
        )

    kind = reading.ReadShareGroupStateResponse, reading.ReadStateResult
    return _answer(broker, request, context, kind, read, result)


def write_share_group_state(
    broker: BrokerEndpoint, request: writing.WriteShareGroupStateRequest, context: RequestContext
) -> Steps[None]:
    """Record what has changed in the state of a share group, unless its leader or its state has an older epoch."""

    def write(key: ShareKey, part: writing.PartitionData, is_known: bool) -> Recording:
        return broker.cluster.share_states.write(
            key,
            state_epoch=part.state_epoch,
            leader_epoch=part.leader_epoch,
            start_offset=part.start_offset,
            delivery_complete_count=part.delivery_complete_count,
            batches=tuple(
                StateBatch(
                    first_offset=batch.first_offset,
                    last_offset=batch.last_offset,
                    delivery_state=batch.delivery_state,
                    delivery_count=batch.delivery_count,
                )
                for batch in part.state_batches
            ),
            is_known=is_known,
        )

    def result(_: ShareKey, part: writing.PartitionData, **failure: Any) -> writing.PartitionResult:
        return writing.PartitionResult(partition=part.partition, **failure)

    kind = writing.WriteShareGroupStateResponse, writing.WriteStateResult
    return _answer(broker, request, context, kind, write, result)


def delete_share_group_state(
    broker: BrokerEndpoint, request: deleting.DeleteShareGroupStateRequest, context: RequestContext
) -> Steps[None]:
    """Delete the state of a share group in partitions, whether there is one or not."""

    def delete(key: ShareKey, _: deleting.PartitionData, is_known: bool) -> Recording:
        return broker.cluster.share_states.delete(key, is_known=is_known)

    def result(_: ShareKey, part: deleting.PartitionData, **failure: Any) -> deleting.PartitionResult:
        return deleting.PartitionResult(partition=part.partition, **failure)

    kind = deleting.DeleteShareGroupStateResponse, deleting.DeleteStateResult
    return _answer(broker, request, context, kind, delete, result)


def read_share_group_state_summary(
    broker: BrokerEndpoint, request: summarizing.ReadShareGroupStateSummaryRequest, context: RequestContext
) -> Steps[None]:
    """Return how far a share group is in partitions, without what became of single records."""
    states = broker.cluster.share_states

    def check(key: ShareKey, _: summarizing.PartitionData, is_known: bool) -> Recording:
        return _settled(states.refusal(key, is_known=is_known))

    def result(key: ShareKey, part: summarizing.PartitionData, **failure: Any) -> summarizing.PartitionResult:
        if failure:
            return summarizing.PartitionResult(
                partition=part.partition, state_epoch=0, leader_epoch=0, start_offset=0, **failure
            )
        state = states.read(key)
        if state is None:
            return summarizing.PartitionResult(
                partition=part.partition, state_epoch=0, leader_epoch=0, start_offset=NO_OFFSET
            )
        return summarizing.PartitionResult(
            partition=part.partition,
            state_epoch=state.state_epoch,
            leader_epoch=state.leader_epoch,
            start_offset=state.start_offset,
            delivery_complete_count=state.delivery_complete_count,
        )

    kind = summarizing.ReadShareGroupStateSummaryResponse, summarizing.ReadStateSummaryResult
    return _answer(broker, request, context, kind, check, result)


_Perform = Callable[[ShareKey, Any, bool], Recording]
"""Does for a partition what its part of the request asks for; it is told whether the partition exists."""


def _answer(
    broker: BrokerEndpoint,
    request: Any,
    context: RequestContext,
    kind: tuple[Callable[..., Any], Callable[..., Any]],
    perform: _Perform,
    result: Callable[..., Any],
    *,
    may_be_without_partitions: bool = False,
) -> Steps[None]:
    """Perform a request partition by partition; respond when everything is recorded, with the two classes of a kind.

    As in Kafka, a request that lacks its group, its topics or the partitions of a topic has an empty response.
    """
    response, (response_type, topic_type) = context.defer(), kind
    lacks_partitions = not may_be_without_partitions and not all(topic.partitions for topic in request.topics)
    if not request.group_id or lacks_partitions:
        response.send(response_type(results=()))
        return
    cluster = broker.cluster
    yield from cluster.share_states.load()
    meter = WorkMeter()
    performed: dict[ShareKey, tuple[Any, Recording]] = {}
    for topic in request.topics:
        found = cluster.storage.topics_by_id.get(topic.topic_id)
        partitions = 0 if found is None else found.partitions
        for part in topic.partitions:
            if meter.add(_WORK_OF_A_STATE):
                yield
            key = ShareKey(request.group_id, topic.topic_id, part.partition)
            if SHARE_STATE_TOPIC in cluster.storage.topics:
                performed[key] = part, perform(key, part, part.partition < partitions)
            else:
                performed[key] = part, _settled(ErrorCode.NOT_COORDINATOR)

    def respond() -> None:
        topics: dict[bytes, list[Any]] = {}
        for key, (part, recording) in performed.items():
            topics.setdefault(key.topic_id, []).append(result(key, part, **_failure(part, recording.error)))
        response.send(
            response_type(
                results=tuple(
                    topic_type(topic_id=topic_id, partitions=tuple(results)) for topic_id, results in topics.items()
                )
            )
        )

    when_all_settled([recording for _, recording in performed.values()], respond)


def _settled(error: ErrorCode) -> Recording:
    recording = Recording()
    recording.send(error)
    return recording


def _failure(part: Any, error: ErrorCode) -> dict[str, Any]:
    """Return the fields of a result that has failed, none if it has not."""
    if not error:
        return {}
    reason = _REASONS.get(error)
    if error is ErrorCode.INVALID_REQUEST:
        negative = next((name for name in _NOT_NEGATIVE if getattr(part, name, 0) < 0), None)
        reason = "The state has not been initialized." if negative is None else f"The {negative} is negative."
    return {"error_code": error, "error_message": reason}
