"""All topic configurations of Kafka 4.4: the table from which parsing, defaults and descriptions follow."""

import re
from collections.abc import Mapping
from typing import Final

from kafkalite_storage.configs.values import (
    Between,
    ConfigType,
    ConfigValue,
    OneOf,
    Rule,
    any_value,
    parse_value,
)
from kafkalite_storage.errors import InvalidConfig
from kafkalite_wire.values import value_class

FOREVER: Final = (1 << 63) - 1
_MINUTE: Final = 60_000
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_LARGEST_ARRAY: Final = (1 << 31) - 9  # what a Java array can hold

BOOLEAN, STRING, INT, LONG, DOUBLE, LIST = (
    ConfigType.BOOLEAN,
    ConfigType.STRING,
    ConfigType.INT,
    ConfigType.LONG,
    ConfigType.DOUBLE,
    ConfigType.LIST,
)


@value_class(kw_only=True)
class TopicConfig:
    """One configuration.

    `broker_names` are the broker's configurations that set the default of all topics, strongest first, each
    with the factor that turns its value into the topic's unit.
    """

    name: str
    type: ConfigType
    default: ConfigValue
    doc: str
    rule: Rule = any_value
    broker_names: tuple[tuple[str, int], ...] = ()
    internal: bool = False

    def parse(self, text: str) -> ConfigValue:
        """Read and check a value; raises InvalidConfig."""
        value = parse_value(self.name, self.type, text)
        problem = self.rule(value)
        if problem is not None:
            raise InvalidConfig(f"Invalid value {text} for configuration {self.name}: {problem}")
        return value


@value_class
class _Replicas:
    """Allow `*` or pairs of partition and broker."""

    def __call__(self, value: ConfigValue) -> str | None:
        items = value if isinstance(value, tuple) else ()
        if items == ("*",) or all(re.fullmatch(r"[0-9]+:[0-9]+", item) for item in items):
            return None
        return "must be * or pairs of partition:broker"


def _config(
    name: str,
    kind: ConfigType,
    default: ConfigValue,
    rule: Rule,
    broker: str | tuple[tuple[str, int], ...],
    doc: str,
    *,
    internal: bool = False,
) -> TopicConfig:
    names = ((broker, 1),) if isinstance(broker, str) else broker
    return TopicConfig(name=name, type=kind, default=default, rule=rule, doc=doc, broker_names=names, internal=internal)


_CODECS: Final = ("uncompressed", "zstd", "lz4", "snappy", "gzip", "producer")

_TABLE: Final = (
    _config("cleanup.policy", LIST, ("delete",), OneOf(("compact", "delete")), "log.cleanup.policy",
            "What happens to old records: 'delete' drops segments past their retention, 'compact' keeps "
            "the newest record of each key; both may be combined, and an empty list keeps everything."),
    _config("compression.gzip.level", INT, -1, Between(1, 9, (-1,)), "compression.gzip.level",
            "Level used where the broker compresses with gzip; -1 is the library's default."),
    _config("compression.lz4.level", INT, 9, Between(1, 17), "compression.lz4.level",
            "Level used where the broker compresses with lz4."),
    _config("compression.type", STRING, "producer", OneOf(_CODECS), "compression.type",
            "Codec of stored batches; 'producer' keeps what arrives, 'uncompressed' stores plain records."),
    _config("compression.zstd.level", INT, 3, Between(-131072, 22), "compression.zstd.level",
            "Level used where the broker compresses with zstd."),
    _config("delete.retention.ms", LONG, _DAY, Between(0), "log.cleaner.delete.retention.ms",
            "How long a tombstone stays after compaction, so that slow readers still see the deletion."),
    _config("errors.deadletterqueue.group.enable", BOOLEAN, False, any_value, (),
            "Whether share groups may write records to this topic that they could not deliver."),
    _config("file.delete.delay.ms", LONG, _MINUTE, Between(0), "log.segment.delete.delay.ms",
            "Time between a segment leaving the log and its files leaving the disk."),
    _config("flush.messages", LONG, FOREVER, Between(1), "log.flush.interval.messages",
            "Records after which the log is synced to disk; 1 syncs before every reply. The default leaves "
            "it to the operating system."),
    _config("flush.ms", LONG, FOREVER, Between(0),
            (("log.flush.interval.ms", 1), ("log.flush.scheduler.interval.ms", 1)),
            "Milliseconds after which the log is synced to disk."),
    _config("follower.replication.throttled.replicas", LIST, (), _Replicas(), (),
            "Replicas whose copying is throttled at the follower. Accepted for compatibility."),
    _config("index.interval.bytes", INT, 4096, Between(0), "log.index.interval.bytes",
            "Bytes of records between two index entries."),
    _config("leader.replication.throttled.replicas", LIST, (), _Replicas(), (),
            "Replicas whose copying is throttled at the leader. Accepted for compatibility."),
    _config("local.retention.bytes", LONG, -2, Between(-2), "log.local.retention.bytes",
            "Bytes of a partition that stay local under tiered storage; -2 means retention.bytes."),
    _config("local.retention.ms", LONG, -2, Between(-2), "log.local.retention.ms",
            "Milliseconds that segments stay local under tiered storage; -2 means retention.ms."),
    _config("max.compaction.lag.ms", LONG, FOREVER, Between(1), "log.cleaner.max.compaction.lag.ms",
            "Longest time a record may wait for compaction."),
    _config("max.decompressed.message.bytes", INT, _LARGEST_ARRAY, Between(1, _LARGEST_ARRAY),
            "max.decompressed.message.bytes",
            "Largest decompressed record the broker accepts where it decompresses."),
    _config("max.message.bytes", INT, 1024 * 1024 + 12, Between(0), "message.max.bytes",
            "Largest record batch, as it arrives."),
    _config("message.timestamp.after.max.ms", LONG, _HOUR, Between(0), "log.message.timestamp.after.max.ms",
            "How far ahead of the broker's clock a record's time may be under CreateTime."),
    _config("message.timestamp.before.max.ms", LONG, FOREVER, Between(0),
            "log.message.timestamp.before.max.ms",
            "How far behind the broker's clock a record's time may be under CreateTime."),
    _config("message.timestamp.type", STRING, "CreateTime", OneOf(("CreateTime", "LogAppendTime")),
            "log.message.timestamp.type",
            "Whether a record's time is the producer's (CreateTime) or the broker's (LogAppendTime)."),
    _config("min.cleanable.dirty.ratio", DOUBLE, 0.5, Between(0, 1), "log.cleaner.min.cleanable.ratio",
            "Share of a log that must be new before compaction looks at it."),
    _config("min.compaction.lag.ms", LONG, 0, Between(0), "log.cleaner.min.compaction.lag.ms",
            "Shortest time a record stays uncompacted."),
    _config("min.insync.replicas", INT, 1, Between(1), "min.insync.replicas",
            "Replicas that must have a record before acks=all is answered."),
    _config("preallocate", BOOLEAN, False, any_value, "log.preallocate",
            "Whether a new segment's file gets its full size at once. Accepted and ignored."),
    _config("remote.copy.lag.bytes", LONG, -1, Between(-1), "log.remote.copy.lag.bytes",
            "Bytes that a segment must lag before tiered storage copies it. Accepted and ignored."),
    _config("remote.copy.lag.ms", LONG, 0, Between(-1), "log.remote.copy.lag.ms",
            "Milliseconds that a segment must lag before tiered storage copies it. Accepted and ignored."),
    _config("remote.log.copy.disable", BOOLEAN, False, any_value, (),
            "Whether tiered data is read-only. Accepted and ignored."),
    _config("remote.log.delete.on.disable", BOOLEAN, False, any_value, (),
            "Whether tiered data is deleted when tiered storage is turned off. Accepted and ignored."),
    _config("remote.storage.enable", BOOLEAN, False, any_value, (),
            "Whether the topic uses tiered storage, which this broker does not have."),
    _config("retention.bytes", LONG, -1, any_value, "log.retention.bytes",
            "Size of a partition past which its oldest segments go ('delete' policy); -1 is unlimited."),
    _config("retention.ms", LONG, 7 * _DAY, Between(-1),
            (("log.retention.ms", 1), ("log.retention.minutes", _MINUTE), ("log.retention.hours", _HOUR)),
            "Age beyond which segments go under the 'delete' policy; -1 is unlimited."),
    _config("segment.bytes", INT, 1024 * 1024 * 1024, Between(1024 * 1024), "log.segment.bytes",
            "Size at which a segment is closed; retention and compaction work on closed segments."),
    _config("segment.index.bytes", INT, 10 * 1024 * 1024, Between(4), "log.index.size.max.bytes",
            "Size of an index file at which its segment is closed."),
    _config("segment.jitter.ms", LONG, 0, Between(0),
            (("log.roll.jitter.ms", 1), ("log.roll.jitter.hours", _HOUR)),
            "Random part of segment.ms, so that segments do not roll together. Accepted and ignored."),
    _config("segment.ms", LONG, 7 * _DAY, Between(1), (("log.roll.ms", 1), ("log.roll.hours", _HOUR)),
            "Age at which a segment is closed even if it is not full."),
    _config("unclean.leader.election.enable", BOOLEAN, False, any_value, "unclean.leader.election.enable",
            "Whether a replica that lags may lead as a last resort."),
    _config("internal.segment.bytes", INT, -1, any_value, (),
            "Segment size below the minimum of segment.bytes, for tests.", internal=True),
)  # fmt: skip

TOPIC_CONFIGS: Final[Mapping[str, TopicConfig]] = {config.name: config for config in _TABLE}


def validate(overrides: Mapping[str, str]) -> None:
    """Check the configurations of a topic, alone and together; raises InvalidConfig."""
    values = effective(overrides, {})
    if int(_number(values, "min.compaction.lag.ms")) > int(_number(values, "max.compaction.lag.ms")):
        raise InvalidConfig("min.compaction.lag.ms must not be greater than max.compaction.lag.ms")
    if values["remote.storage.enable"]:
        raise InvalidConfig("Tiered storage is not available: remote.storage.enable cannot be true")


def effective(overrides: Mapping[str, str], broker: Mapping[str, str]) -> dict[str, ConfigValue]:
    """Return the value of every configuration of a topic with overrides on a broker.

    Raises InvalidConfig for a name that does not exist and for a value that is not allowed.
    """
    values = broker_defaults(broker)
    for name, text in overrides.items():
        config = TOPIC_CONFIGS.get(name)
        if config is None:
            raise InvalidConfig(f"Unknown topic config name: {name}")
        values[name] = config.parse(text)
    return values


def broker_defaults(broker: Mapping[str, str]) -> dict[str, ConfigValue]:
    """Return the default of each configuration, given the broker's own configurations by name."""
    values: dict[str, ConfigValue] = {}
    for config in _TABLE:
        values[config.name] = config.default
        for name, factor in config.broker_names:
            text = broker.get(name)
            if text is not None:
                value = config.parse(text)
                if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
                    value *= factor
                values[config.name] = value
                break
    return values


def _number(values: Mapping[str, ConfigValue], name: str) -> float:
    value = values[name]
    assert isinstance(value, int | float)
    return value
