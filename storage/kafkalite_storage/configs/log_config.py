"""The configurations that the log of a partition uses, parsed."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from kafkalite_storage.configs.topic_config import broker_defaults, effective
from kafkalite_wire.records import Compression
from kafkalite_wire.values import value_class

_CODECS: Final = {
    "uncompressed": Compression.NONE,
    "gzip": Compression.GZIP,
    "snappy": Compression.SNAPPY,
    "lz4": Compression.LZ4,
    "zstd": Compression.ZSTD,
}


@value_class(kw_only=True)
class LogConfig:
    """A topic's configurations under Kafka's names in snake case; times are milliseconds, sizes bytes.

    Values and defaults come from the table of `topic_config`.
    """

    cleanup_policy: tuple[str, ...]
    compression_type: str
    delete_retention_ms: int
    file_delete_delay_ms: int
    flush_messages: int
    flush_ms: int
    index_interval_bytes: int
    internal_segment_bytes: int
    max_compaction_lag_ms: int
    max_decompressed_message_bytes: int
    max_message_bytes: int
    message_timestamp_after_max_ms: int
    message_timestamp_before_max_ms: int
    message_timestamp_type: str
    min_cleanable_dirty_ratio: float
    min_compaction_lag_ms: int
    retention_bytes: int
    retention_ms: int
    segment_bytes: int
    segment_index_bytes: int
    segment_ms: int

    @classmethod
    def of(cls, overrides: Mapping[str, str] | None = None, broker: Mapping[str, str] | None = None) -> "LogConfig":
        """Parse a topic's overrides on a broker's configurations; raises InvalidConfig."""
        values = effective(overrides, broker or {}) if overrides else broker_defaults(broker or {})
        chosen: dict[str, Any] = {field.name: values[field.name.replace("_", ".")] for field in fields(cls)}
        if chosen["internal_segment_bytes"] > 0:
            chosen["segment_bytes"] = chosen["internal_segment_bytes"]
        return cls(**chosen)

    @property
    def is_compacted(self) -> bool:
        """Whether only the newest record of each key is kept."""
        return "compact" in self.cleanup_policy

    @property
    def uses_log_append_time(self) -> bool:
        """Whether the broker's time replaces the producers'."""
        return self.message_timestamp_type == "LogAppendTime"

    @property
    def target_compression(self) -> Compression | None:
        """The codec to store with; None keeps the producer's."""
        return _CODECS.get(self.compression_type)
