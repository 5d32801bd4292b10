"""What all requests that use partitions share: who may serve one, and how its errors become error codes.

A partition that cannot be used does not keep the others of the same request from being served.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from kafkalite.errors import RefusedError
from kafkalite_storage.errors import StorageError
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.records import CorruptBatch

if TYPE_CHECKING:
    from kafkalite_storage.metadata.topics import Topic

Result = TypeVar("Result")

PartitionError = StorageError | RefusedError | CorruptBatch

UNKNOWN_EPOCH: Final = -1

WORK_OF_OPENING_A_LOG: Final = 200
"""In the units of WorkMeter: about as long as it takes to read an index and check the end of a log."""


def guarded(work: Callable[[], Result], refused: Callable[[PartitionError], Result]) -> Result:
    """Return the result of ``work`` on one partition, or of ``refused`` if the partition cannot be used.

    This is the one place where errors of partitions are caught.
    """
    try:
        return work()
    except (StorageError, RefusedError, CorruptBatch) as error:
        return refused(error)


def check_leader(
    topic: Topic,
    index: int,
    *,
    broker_id: int,
    current_leader_epoch: int = UNKNOWN_EPOCH,
    may_follow: bool = False,
) -> None:
    """Raise RefusedError unless the broker leads the partition, in the epoch that the client knows (KIP-320).

    With ``may_follow`` it may also be another replica.
    """
    partition = topic.assignment[index]
    if current_leader_epoch not in (UNKNOWN_EPOCH, partition.leader_epoch):
        is_older = current_leader_epoch < partition.leader_epoch
        raise RefusedError(
            ErrorCode.FENCED_LEADER_EPOCH if is_older else ErrorCode.UNKNOWN_LEADER_EPOCH,
            f"the leader epoch of {topic.name}-{index} is {partition.leader_epoch}, not {current_leader_epoch}",
        )
    if partition.leader != broker_id and not (may_follow and broker_id in partition.replicas):
        raise RefusedError(
            ErrorCode.NOT_LEADER_OR_FOLLOWER,
            f"the leader of {topic.name}-{index} is broker {partition.leader}, not {broker_id}",
        )
