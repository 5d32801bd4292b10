"""The configuration of streams groups: the broker's properties, and what a group sets of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

STANDBY_REPLICAS: Final = "num.standby.replicas"
RACK_TAGS: Final = "rack.aware.assignment.tags"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamsGroupConfig:
    """Kafka's properties ``group.streams.*``; times are seconds.

    The assignment interval and the initial delay are 0 here, and 1 s and 3 s in Kafka. The assignor does not use
    ``rack_tags`` in Kafka 4.4 either; members are told which of these tags they lack.
    """

    session_timeout: float = 45.0
    heartbeat_interval: float = 5.0
    assignment_interval: float = 0.0
    initial_rebalance_delay: float = 0.0
    max_size: int = 2**31 - 1
    standby_replicas: int = 0
    rack_tags: tuple[str, ...] = ()

    def with_own(self, own: Mapping[str, str]) -> StreamsGroupConfig:
        """Return this with what a group sets of its own, by the names of group configurations; they are checked."""

        def seconds(name: str, default: float) -> float:
            return int(own[name]) / 1000 if name in own else default

        tags = own.get("streams.rack.aware.assignment.tags")
        return replace(
            self,
            session_timeout=seconds("streams.session.timeout.ms", self.session_timeout),
            heartbeat_interval=seconds("streams.heartbeat.interval.ms", self.heartbeat_interval),
            assignment_interval=seconds("streams.assignment.interval.ms", self.assignment_interval),
            initial_rebalance_delay=seconds("streams.initial.rebalance.delay.ms", self.initial_rebalance_delay),
            standby_replicas=int(own.get("streams.num.standby.replicas", self.standby_replicas)),
            rack_tags=self.rack_tags if tags is None else tuple(tag.strip() for tag in tags.split(",") if tag.strip()),
        )

    @property
    def assignment_configs(self) -> dict[str, str]:
        """What a target assignment is computed with; another one is due when this changes."""
        configs = {STANDBY_REPLICAS: str(self.standby_replicas)}
        return configs | {RACK_TAGS: ",".join(self.rack_tags)} if self.rack_tags else configs
