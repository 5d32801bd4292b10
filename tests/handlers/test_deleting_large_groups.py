"""A group with many offsets is deleted in steps, but by one batch: a crash leaves all of it or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from kafkalite.cluster.endpoint import BrokerEndpoint
from kafkalite.handlers import group_administration
from kafkalite.requests.context import RequestContext
from kafkalite.requests.steps import Steps
from kafkalite_storage.segment.scan import iter_batches
from kafkalite_wire.apis import APIS, ApiKey
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.delete_groups import DeleteGroupsRequest
from kafkalite_wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from tests.support.transaction_model import Answer, client_of

PARTITIONS = 600


@pytest.fixture(autouse=True)
def _topic(broker: BrokerEndpoint) -> None:
    broker.cluster.create_topic("wide", PARTITIONS, {})


def commit(broker: BrokerEndpoint, group: str, partitions: Sequence[int]) -> None:
    groups, answer = broker.cluster.groups, Answer()
    topic = OffsetCommitRequestTopic(
        name="wide",
        partitions=tuple(
            OffsetCommitRequestPartition(partition_index=index, committed_offset=1, committed_metadata=None)
            for index in partitions
        ),
    )
    request = OffsetCommitRequest(group_id=group, member_id="", topics=(topic,))
    result = groups.coordinator.offset_commit(request, client_of(8), answer, now=0.0, wall_ms=broker.cluster.wall_ms())
    groups.perform(result)
    assert {partition.error_code for partition in answer.response.topics[0].partitions} == {ErrorCode.NONE}


def deletion(broker: BrokerEndpoint, *groups: str) -> tuple[Steps[None], Answer]:
    answer: Any = Answer()
    context = RequestContext(api=APIS[ApiKey.DELETE_GROUPS], api_version=2, response=answer)
    return group_administration.delete_groups(broker, DeleteGroupsRequest(groups_names=groups), context), answer


def errors(answer: Answer) -> dict[str, int]:
    return {result.group_id: result.error_code for result in answer.response.results}


def sizes_of_batches(broker: BrokerEndpoint, group: str) -> list[int]:
    """Return how many records each batch in the group's partition has."""
    log = broker.cluster.storage.log("__consumer_offsets", broker.cluster.groups.partition_of(group))
    return [
        header.records_count
        for segment in log.segments
        for _, header, _ in iter_batches(segment.files.log_file(), 0, segment.size)
    ]


def offsets_after_a_restart(broker: BrokerEndpoint, group: str) -> list[int]:
    broker.cluster.groups.move_away(None)
    broker.cluster.groups.move_back(None)
    view = broker.cluster.groups.coordinator.group(group)
    return [] if view is None else [partition for _, partition in view.offsets]


def test_it_takes_steps_and_one_batch(broker: BrokerEndpoint) -> None:
    commit(broker, "large", range(PARTITIONS))
    before = sizes_of_batches(broker, "large")
    steps, answer = deletion(broker, "large")
    assert len(list(steps)) > 2
    assert errors(answer) == {"large": ErrorCode.NONE}
    assert sizes_of_batches(broker, "large") == [*before, PARTITIONS + 1]
    assert offsets_after_a_restart(broker, "large") == []
    assert broker.cluster.groups.coordinator.group("large") is None


def test_nothing_is_deleted_before_the_last_step(broker: BrokerEndpoint) -> None:
    commit(broker, "large", range(PARTITIONS))
    steps, _ = deletion(broker, "large")
    next(steps)
    next(steps)
    steps.close()
    assert offsets_after_a_restart(broker, "large") == list(range(PARTITIONS))


def test_what_is_committed_between_the_steps_is_deleted_too(broker: BrokerEndpoint) -> None:
    commit(broker, "large", range(PARTITIONS - 1))
    steps, answer = deletion(broker, "large")
    next(steps)
    commit(broker, "large", (0, PARTITIONS - 1))
    assert list(steps)
    assert errors(answer) == {"large": ErrorCode.NONE}
    assert offsets_after_a_restart(broker, "large") == []


def test_large_groups_are_answered_in_their_places(broker: BrokerEndpoint) -> None:
    for group in ("first", "last"):
        commit(broker, group, (0,))
    commit(broker, "large", range(PARTITIONS))
    steps, answer = deletion(broker, "first", "large", "missing", "last")
    list(steps)
    assert list(errors(answer).items()) == [
        ("first", ErrorCode.NONE),
        ("large", ErrorCode.NONE),
        ("missing", ErrorCode.GROUP_ID_NOT_FOUND),
        ("last", ErrorCode.NONE),
    ]
