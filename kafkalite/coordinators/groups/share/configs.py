"""The configuration of share groups: the broker's properties, and what a group sets of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareGroupConfig:
    """Kafka's properties ``group.share.*``; times are seconds. The assignment interval is 0 here, 1 s in Kafka."""

    session_timeout: float = 45.0
    heartbeat_interval: float = 5.0
    assignment_interval: float = 0.0
    max_size: int = 200
    record_lock_duration: float = 30.0
    delivery_count_limit: int = 5
    partition_max_record_locks: int = 2000
    auto_offset_reset: str = "latest"
    """Where a group without a state starts: ``earliest``, ``latest`` or ``by_duration:`` and an ISO 8601 duration."""
    reads_committed: bool = False
    renew_acknowledge: bool = True

    def with_own(self, own: Mapping[str, str]) -> ShareGroupConfig:
        """Return this with what a group sets of its own, by the names of group configurations; they are checked."""

        def seconds(name: str, default: float) -> float:
            return int(own[name]) / 1000 if name in own else default

        return replace(
            self,
            session_timeout=seconds("share.session.timeout.ms", self.session_timeout),
            heartbeat_interval=seconds("share.heartbeat.interval.ms", self.heartbeat_interval),
            assignment_interval=seconds("share.assignment.interval.ms", self.assignment_interval),
            record_lock_duration=seconds("share.record.lock.duration.ms", self.record_lock_duration),
            delivery_count_limit=int(own.get("share.delivery.count.limit", self.delivery_count_limit)),
            partition_max_record_locks=int(
                own.get("share.partition.max.record.locks", self.partition_max_record_locks)
            ),
            auto_offset_reset=own.get("share.auto.offset.reset", self.auto_offset_reset),
            reads_committed=own.get("share.isolation.level", "read_uncommitted") == "read_committed",
            renew_acknowledge=own.get("share.renew.acknowledge.enable", "true") == "true",
        )
