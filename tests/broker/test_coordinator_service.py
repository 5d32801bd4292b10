"""The driver keeps before it answers; and if it cannot keep, it does not answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trio

from kafkalite.background.timers import TimerQueue
from kafkalite.cluster.cluster import Cluster
from kafkalite.config import load
from kafkalite.coordinators.group_service import OFFSETS_TOPIC, GroupCoordinatorService
from kafkalite.coordinators.results import Client
from kafkalite_storage.errors import StorageFailure
from kafkalite_storage.log.log import PartitionLog
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
    OffsetCommitResponse,
)

CLIENT = Client(client_id="test", client_host="/127.0.0.1", api_version=9)


@dataclass(eq=False)
class Token:
    """A reply that notes what became of it."""

    responses: list[object] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def send(self, response: object) -> None:
        self.responses.append(response)

    def fail(self, reason: str) -> None:
        self.failures.append(reason)

    def on_disconnect(self, call: Callable[[], None]) -> None:
        pass


@pytest.fixture
async def cluster(tmp_path: Path) -> Cluster:
    config = load(listen=["127.0.0.1:0"], data=tmp_path, settings=["offsets.topic.num.partitions=2"])
    made = Cluster(config, TimerQueue())
    made.create_topic("t", 1, {})
    return made


def commit(driver: GroupCoordinatorService, offset: int) -> Token:
    token = Token()
    request = OffsetCommitRequest(
        group_id="g",
        member_id="",
        topics=(
            OffsetCommitRequestTopic(
                name="t",
                partitions=(
                    OffsetCommitRequestPartition(partition_index=0, committed_offset=offset, committed_metadata=None),
                ),
            ),
        ),
    )
    driver.perform(driver.coordinator.offset_commit(request, CLIENT, token, now=trio.current_time(), wall_ms=1000))
    return token


def committed(driver: GroupCoordinatorService) -> int:
    view = driver.coordinator.group("g")
    assert view is not None
    [(_, offset)] = view.offsets.items()
    return offset.offset


async def test_a_commit_is_in_the_log_before_its_answer(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    append = PartitionLog.append

    def noting(log: PartitionLog, *arguments: object, **options: object) -> object:
        order.append("append")
        return append(log, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(PartitionLog, "append", noting)
    monkeypatch.setattr(Token, "send", lambda self, response: order.append("reply"))
    commit(cluster.groups, 5)
    assert order[-2:] == ["append", "reply"]
    assert order.count("reply") == 1
    cluster.close()


async def test_what_was_committed_is_there_after_a_restart(cluster: Cluster) -> None:
    token = commit(cluster.groups, 5)
    [response] = token.responses
    assert isinstance(response, OffsetCommitResponse)
    assert response.topics[0].partitions[0].error_code == ErrorCode.NONE
    cluster.close()
    again = Cluster(cluster.config, TimerQueue())
    assert committed(again.groups) == 5
    again.close()


async def test_a_commit_that_cannot_be_kept_is_not_answered_and_not_believed(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    commit(cluster.groups, 5)

    def full(*_: object, **__: object) -> None:
        raise StorageFailure("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(PartitionLog, "append", full)
        token = commit(cluster.groups, 9)
    assert token.responses == []
    assert len(token.failures) == 1
    assert "no space left" in caplog.text
    assert committed(cluster.groups) == 5
    assert len(commit(cluster.groups, 9).responses) == 1
    assert committed(cluster.groups) == 9
    cluster.close()


async def test_offsets_of_a_deleted_topic_are_forgotten(cluster: Cluster) -> None:
    commit(cluster.groups, 5)
    cluster.delete_topic("t")
    view = cluster.groups.coordinator.group("g")
    assert view is None or not view.offsets
    assert OFFSETS_TOPIC in cluster.storage.topics
    cluster.close()


async def test_partitions_added_to_the_offsets_topic_count_after_a_restart(cluster: Cluster) -> None:
    # "g" hashes to partition 1 of two, and to partition 5 of seven.
    commit(cluster.groups, 5)
    cluster.create_partitions(OFFSETS_TOPIC, 7)
    commit(cluster.groups, 6)
    assert [cluster.storage.log(OFFSETS_TOPIC, number).log_end_offset for number in (1, 5)] == [2, 0]
    cluster.close()
    again = Cluster(cluster.config, TimerQueue())
    assert again.groups.coordinator.group("g") is None
    commit(again.groups, 7)
    assert again.storage.log(OFFSETS_TOPIC, 5).log_end_offset == 1
    again.close()
    last = Cluster(cluster.config, TimerQueue())
    assert committed(last.groups) == 7
    last.close()
