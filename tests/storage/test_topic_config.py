"""The table of topic configurations."""

import pytest

from kafkalite_storage.configs.log_config import LogConfig
from kafkalite_storage.configs.topic_config import TOPIC_CONFIGS, broker_defaults, validate
from kafkalite_storage.configs.values import ConfigType, format_value
from kafkalite_storage.errors import InvalidConfig

# Name, type and default as `LogConfig` of Kafka 4.4.0 lists them.
KAFKA = """\
cleanup.policy LIST delete
compression.gzip.level INT -1
compression.lz4.level INT 9
compression.type STRING producer
compression.zstd.level INT 3
delete.retention.ms LONG 86400000
errors.deadletterqueue.group.enable BOOLEAN false
file.delete.delay.ms LONG 60000
flush.messages LONG 9223372036854775807
flush.ms LONG 9223372036854775807
follower.replication.throttled.replicas LIST
index.interval.bytes INT 4096
leader.replication.throttled.replicas LIST
local.retention.bytes LONG -2
local.retention.ms LONG -2
max.compaction.lag.ms LONG 9223372036854775807
max.decompressed.message.bytes INT 2147483639
max.message.bytes INT 1048588
message.timestamp.after.max.ms LONG 3600000
message.timestamp.before.max.ms LONG 9223372036854775807
message.timestamp.type STRING CreateTime
min.cleanable.dirty.ratio DOUBLE 0.5
min.compaction.lag.ms LONG 0
min.insync.replicas INT 1
preallocate BOOLEAN false
remote.copy.lag.bytes LONG -1
remote.copy.lag.ms LONG 0
remote.log.copy.disable BOOLEAN false
remote.log.delete.on.disable BOOLEAN false
remote.storage.enable BOOLEAN false
retention.bytes LONG -1
retention.ms LONG 604800000
segment.bytes INT 1073741824
segment.index.bytes INT 10485760
segment.jitter.ms LONG 0
segment.ms LONG 604800000
unclean.leader.election.enable BOOLEAN false
"""


def test_names_types_and_defaults_are_kafkas() -> None:
    ours = [
        f"{c.name} {c.type.name} {format_value(c.default)}".rstrip() for c in TOPIC_CONFIGS.values() if not c.internal
    ]
    assert sorted(ours) == KAFKA.splitlines()


def test_every_configuration_has_a_description_and_an_allowed_default() -> None:
    for config in TOPIC_CONFIGS.values():
        assert config.doc.endswith(".")
        if not config.internal:
            assert config.parse(format_value(config.default)) == config.default


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cleanup.policy", "shred"),
        ("cleanup.policy", "delete,delete"),
        ("compression.type", "brotli"),
        ("compression.gzip.level", "0"),
        ("compression.zstd.level", "23"),
        ("flush.messages", "0"),
        ("leader.replication.throttled.replicas", "1-2"),
        ("max.message.bytes", "-1"),
        ("max.message.bytes", "2147483648"),
        ("min.cleanable.dirty.ratio", "1.1"),
        ("min.cleanable.dirty.ratio", "nan"),
        ("min.insync.replicas", "0"),
        ("preallocate", "yes"),
        ("remote.storage.enable", "true"),
        ("retention.ms", "-2"),
        ("retention.ms", "1.5"),
        ("retention.ms", ""),
        ("retention.ms", "1_000"),
        ("segment.bytes", "1048575"),
        ("segment.ms", "0"),
        ("no.such.config", "1"),
    ],
)
def test_values_that_kafka_refuses_are_refused_with_the_name(name: str, value: str) -> None:
    with pytest.raises(InvalidConfig, match=name) as caught:
        validate({name: value})
    assert caught.value.code == 40


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cleanup.policy", "compact,delete"),
        ("cleanup.policy", ""),
        ("compression.gzip.level", "-1"),
        ("leader.replication.throttled.replicas", "*"),
        ("leader.replication.throttled.replicas", "0:1,1:2"),
        ("min.cleanable.dirty.ratio", "0"),
        ("preallocate", "TRUE"),
        ("retention.ms", " -1 "),
    ],
)
def test_values_that_kafka_allows_are_allowed(name: str, value: str) -> None:
    validate({name: value})


def test_compaction_lags_must_not_cross() -> None:
    with pytest.raises(InvalidConfig, match=r"compaction\.lag"):
        validate({"min.compaction.lag.ms": "2", "max.compaction.lag.ms": "1"})


def test_the_strongest_broker_configuration_wins_and_units_are_turned() -> None:
    broker = {"log.retention.hours": "1", "log.retention.minutes": "2"}
    assert broker_defaults(broker)["retention.ms"] == 120_000
    assert broker_defaults({**broker, "log.retention.ms": "-1"})["retention.ms"] == -1
    assert broker_defaults({"log.roll.hours": "2"})["segment.ms"] == 7_200_000
    assert broker_defaults({"message.max.bytes": "9"})["max.message.bytes"] == 9


def test_a_topics_override_goes_over_the_brokers_value() -> None:
    config = LogConfig.of({"retention.ms": "5"}, {"log.retention.ms": "6", "log.segment.bytes": "2000000"})
    assert (config.retention_ms, config.segment_bytes) == (5, 2_000_000)
    assert (config.is_compacted, config.uses_log_append_time, config.target_compression) == (False, False, None)


def test_types_are_numbered_as_describe_configs_does() -> None:
    assert [kind.value for kind in ConfigType] == [1, 2, 3, 4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("retention.ms", "long", "Not a number of type LONG"),
        ("retention.ms", "-2", "Value must be at least -1"),
        ("min.cleanable.dirty.ratio", "2", "Value must be no more than 1"),
        ("preallocate", "maybe", "Expected value to be either true or false"),
        ("cleanup.policy", "none", "String must be one of: compact, delete"),
    ],
)
def test_refusals_are_worded_as_kafkas(name: str, value: str, problem: str) -> None:
    with pytest.raises(InvalidConfig, match=f"^Invalid value {value} for configuration {name}: {problem}$"):
        validate({name: value})
