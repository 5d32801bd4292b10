"""Groups whose members are made by requests, so that their ids and assignments are the same with every broker."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from kafkalite_wire.messages.consumer_group_describe import ConsumerGroupDescribeRequest
from kafkalite_wire.messages.consumer_group_heartbeat import (
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse,
)
from kafkalite_wire.messages.describe_configs import DescribeConfigsRequest, DescribeConfigsResource
from kafkalite_wire.messages.find_coordinator import FindCoordinatorRequest
from kafkalite_wire.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    IncrementalAlterConfigsRequest,
)
from kafkalite_wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from kafkalite_wire.messages.streams_group_describe import StreamsGroupDescribeRequest
from kafkalite_wire.messages.streams_group_heartbeat import (
    KeyValue,
    StreamsGroupHeartbeatRequest,
    StreamsGroupHeartbeatResponse,
    Topology,
)
from tests.support.blocking_client import BlockingClient

_GROUP: Final = 32
_COORDINATOR_IS_COMING: Final = (14, 15, 16)
_LEAVING: Final = -1
_PATIENCE: Final = 20.0

Heartbeat = ConsumerGroupHeartbeatRequest | StreamsGroupHeartbeatRequest


class GroupsByRequest:
    """Members of consumer groups (KIP-848) and of streams groups (KIP-1071), kept by one connection."""

    def __init__(self, client: BlockingClient) -> None:
        self._client = client
        self._next: dict[tuple[str, str], Heartbeat] = {}

    def configure(self, group: str, **configs: str) -> None:
        """Set configurations of a group, named with underscores, and wait until the broker shows them."""
        wanted = {name.replace("_", "."): value for name, value in configs.items()}
        rows = tuple(AlterableConfig(name=name, config_operation=0, value=value) for name, value in wanted.items())
        resource = AlterConfigsResource(resource_type=_GROUP, resource_name=group, configs=rows)
        self._client.call(IncrementalAlterConfigsRequest(resources=(resource,), validate_only=False), 1)
        asked = DescribeConfigsResource(resource_type=_GROUP, resource_name=group, configuration_keys=tuple(wanted))

        def are_shown() -> bool:
            (result,) = self._client.call(DescribeConfigsRequest(resources=(asked,)), 4).results
            return {config.name: config.value for config in result.configs} == wanted

        _until(are_shown, f"configurations of {group}")

    def join_consumers(self, group: str, member: str, *topics: str, **more: Any) -> None:
        """Join a consumer group with a member that subscribes to topics."""
        request = ConsumerGroupHeartbeatRequest(
            group_id=group,
            member_id=member,
            member_epoch=0,
            rebalance_timeout_ms=60_000,
            subscribed_topic_names=topics,
            topic_partitions=(),
            **more,
        )
        self._join(request)

    def join_streams(
        self, group: str, member: str, topology: Topology, tags: tuple[KeyValue, ...] = (), **more: Any
    ) -> None:
        """Join a streams group with a member of a process of its own."""
        request = StreamsGroupHeartbeatRequest(
            group_id=group,
            member_id=member,
            member_epoch=0,
            endpoint_information_epoch=0,
            rebalance_timeout_ms=60_000,
            topology=topology,
            active_tasks=(),
            standby_tasks=(),
            warmup_tasks=(),
            process_id=f"process-{member}",
            client_tags=tags,
            **more,
        )
        self._join(request)

    def settle(self, group: str) -> None:
        """Send heartbeats of all members, each with what it has been assigned, until the group is stable."""

        def is_stable() -> bool:
            for each in [member for named, member in self._next if named == group]:
                self._beat(group, each)
            return self._state(group) == "Stable"

        _until(is_stable, f"stable {group}")

    def commit(self, group: str, member: str, topic: str, offsets: Mapping[int, int]) -> None:
        """Commit offsets as a member."""
        rows = tuple(
            OffsetCommitRequestPartition(partition_index=index, committed_offset=offset, committed_metadata="")
            for index, offset in offsets.items()
        )
        request = OffsetCommitRequest(
            group_id=group,
            member_id=member,
            generation_id_or_member_epoch=self._next[group, member].member_epoch,
            topics=(OffsetCommitRequestTopic(name=topic, partitions=rows),),
        )
        (told,) = self._client.call(request, 9).topics
        assert not any(row.error_code for row in told.partitions), told

    def leave(self, group: str, *members: str) -> None:
        """Leave a group with members, one after the other."""
        for member in members:
            request = self._next.pop((group, member))
            answer = self._client.call(replace(request, member_epoch=_LEAVING), 1)
            assert not answer.error_code, answer

    def _join(self, request: Heartbeat) -> None:
        # Kafka creates the topic of the groups when a coordinator is first looked up.
        self._client.call(FindCoordinatorRequest(key=request.group_id), 2)
        answers: list[ConsumerGroupHeartbeatResponse | StreamsGroupHeartbeatResponse] = []

        def is_answered() -> bool:
            answers.append(self._client.call(request, 1))
            return answers[-1].error_code not in _COORDINATOR_IS_COMING

        _until(is_answered, f"coordinator of {request.group_id}")
        self._go_on(request, answers[-1])

    def _beat(self, group: str, member: str) -> None:
        request = self._next[group, member]
        self._go_on(request, self._client.call(request, 1))

    def _go_on(self, sent: Heartbeat, answer: ConsumerGroupHeartbeatResponse | StreamsGroupHeartbeatResponse) -> None:
        assert not answer.error_code, answer
        later: Heartbeat
        if isinstance(sent, ConsumerGroupHeartbeatRequest):
            assert isinstance(answer, ConsumerGroupHeartbeatResponse)
            owned = sent.topic_partitions if answer.assignment is None else answer.assignment.topic_partitions
            later = ConsumerGroupHeartbeatRequest(
                group_id=sent.group_id,
                member_id=sent.member_id,
                member_epoch=answer.member_epoch,
                instance_id=sent.instance_id,
                topic_partitions=owned,
            )
        else:
            assert isinstance(answer, StreamsGroupHeartbeatResponse)
            given = sent if answer.active_tasks is None else answer
            later = StreamsGroupHeartbeatRequest(
                group_id=sent.group_id,
                member_id=sent.member_id,
                member_epoch=answer.member_epoch,
                instance_id=sent.instance_id,
                endpoint_information_epoch=0,
                active_tasks=given.active_tasks,
                standby_tasks=given.standby_tasks,
                warmup_tasks=given.warmup_tasks,
            )
        self._next[sent.group_id, sent.member_id] = later

    def _state(self, group: str) -> str:
        of_streams = any(
            isinstance(request, StreamsGroupHeartbeatRequest)
            for (name, _), request in self._next.items()
            if name == group
        )
        kind = StreamsGroupDescribeRequest if of_streams else ConsumerGroupDescribeRequest
        (told,) = self._client.call(kind(group_ids=(group,), include_authorized_operations=False), 1).groups
        state: str = told.group_state
        return state


def _until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"no {what} within {_PATIENCE:.0f} s")
        time.sleep(0.02)
