"""The configuration of consumer groups: the broker's properties, and what a group sets of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerGroupConfig:
    """Kafka's properties ``group.consumer.*``; times are seconds. The assignment interval is 0 here, 1 s in Kafka."""

    assignors: tuple[str, ...] = ("uniform", "range", "roundrobin")
    session_timeout: float = 45.0
    heartbeat_interval: float = 5.0
    assignment_interval: float = 0.0
    max_size: int = 2**31 - 1

    def with_own(self, own: Mapping[str, str]) -> ConsumerGroupConfig:
        """Return this with what a group sets of its own, by the names of group configurations; they are checked."""

        def seconds(name: str, default: float) -> float:
            return int(own[name]) / 1000 if name in own else default

        return replace(
            self,
            session_timeout=seconds("consumer.session.timeout.ms", self.session_timeout),
            heartbeat_interval=seconds("consumer.heartbeat.interval.ms", self.heartbeat_interval),
            assignment_interval=seconds("consumer.assignment.interval.ms", self.assignment_interval),
        )
