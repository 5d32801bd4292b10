"""Check the leader epoch that a client believes in (KIP-320)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kafkalite_wire.error_codes import ErrorCode

if TYPE_CHECKING:
    from kafkalite_storage.log.log import PartitionLog

_UNKNOWN: Final = -1


def epoch_error(log: PartitionLog, current_leader_epoch: int) -> int:
    """Give the error for an epoch that is behind or ahead of the log's, 0 if it is right or not given."""
    if current_leader_epoch in (_UNKNOWN, log.leader_epoch):
        return ErrorCode.NONE
    if current_leader_epoch < log.leader_epoch:
        return ErrorCode.FENCED_LEADER_EPOCH
    return ErrorCode.UNKNOWN_LEADER_EPOCH
