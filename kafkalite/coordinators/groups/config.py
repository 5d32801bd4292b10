"""What a broker's configuration says about its groups."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupConfig:
    """Kafka's properties of the same names; times are seconds. The initial delay is 0 here, and 3 s in Kafka."""

    group_min_session_timeout: float = 6.0
    group_max_session_timeout: float = 1800.0
    group_initial_rebalance_delay: float = 0.0
    group_max_size: int = 2**31 - 1
    offset_metadata_max_bytes: int = 4096
    offsets_retention: float = 10080 * 60.0
    offsets_retention_check_interval: float = 600.0
