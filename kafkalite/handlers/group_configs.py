"""The configurations of groups and of client metrics subscriptions, which have their defaults: they cannot be changed.

A group inherits from the broker's properties, so that a description shows them as synonyms (KIP-1142 and KIP-714).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from kafkalite.config.description import BrokerValues, ConfigDescription, ConfigSource, ConfigSynonym, synonyms_of
from kafkalite.config.table import PROPERTIES
from kafkalite_storage.configs.values import ConfigType


@dataclass(frozen=True, slots=True)
class _Config:
    name: str
    default: str | None
    """None for one that a broker property sets."""
    type: ConfigType
    doc: str
    broker_name: str | None = None


def _inherited(name: str, doc: str, type_: ConfigType = ConfigType.INT) -> _Config:
    return _Config(name, None, type_, doc, f"group.{name}")


_GROUP: Final = (
    _inherited("consumer.assignment.interval.ms", "Time between two assignments of a consumer group."),
    _inherited("consumer.heartbeat.interval.ms", "Time between two heartbeats of a consumer group's member."),
    _inherited("consumer.session.timeout.ms", "Time without a heartbeat after which a consumer is removed."),
    _Config(
        "errors.deadletterqueue.copy.record.enable",
        "false",
        ConfigType.BOOLEAN,
        "Whether a share group's dead letters hold the record that failed.",
    ),
    _Config("errors.deadletterqueue.topic.name", "", ConfigType.STRING, "Topic of a share group's dead letters."),
    _inherited("share.assignment.interval.ms", "Time between two assignments of a share group."),
    _Config("share.auto.offset.reset", "latest", ConfigType.STRING, "Where a share group without offsets starts."),
    _inherited("share.delivery.count.limit", "How often a record is delivered to a share group at most."),
    _inherited("share.heartbeat.interval.ms", "Time between two heartbeats of a share group's member."),
    _Config("share.isolation.level", "read_uncommitted", ConfigType.STRING, "Which transactions a share group reads."),
    _inherited("share.partition.max.record.locks", "Most records of a partition that a share group may lock."),
    _inherited("share.record.lock.duration.ms", "How long a record is locked for a share group's member."),
    _Config(
        "share.renew.acknowledge.enable",
        "true",
        ConfigType.BOOLEAN,
        "Whether a share group's member may extend its lock of a record.",
    ),
    _inherited("share.session.timeout.ms", "Time without a heartbeat after which a share group's member is removed."),
    _inherited("streams.assignment.interval.ms", "Time between two assignments of a streams group."),
    _Config(
        "streams.assignor.name",
        None,
        ConfigType.STRING,
        "Assignor of a streams group.",
        "group.streams.assignors",
    ),
    _inherited("streams.heartbeat.interval.ms", "Time between two heartbeats of a streams group's member."),
    _inherited("streams.initial.rebalance.delay.ms", "How long the first rebalance of a streams group waits."),
    _inherited("streams.num.standby.replicas", "Standby copies of each task of a streams group."),
    _inherited(
        "streams.rack.aware.assignment.tags", "Tags that spread the standby copies of a streams group.", ConfigType.LIST
    ),
    _inherited("streams.session.timeout.ms", "Time without a heartbeat after which a streams member is removed."),
)

_CLIENT_METRICS: Final = (
    _Config("interval.ms", "300000", ConfigType.INT, "Time between two pushes of metrics."),
    _Config("match", "", ConfigType.LIST, "Which clients push metrics."),
    _Config("metrics", "", ConfigType.LIST, "Prefixes of the metrics to push."),
)


def describe_group(values: BrokerValues) -> Iterator[ConfigDescription]:
    """Describe the configurations of any group."""
    for config in _GROUP:
        if config.broker_name is None:
            own = ConfigSynonym(name=config.name, value=config.default, source=ConfigSource.DEFAULT_CONFIG)
            yield _description(config, (own,))
        else:
            yield _description(config, synonyms_of(values, PROPERTIES[config.broker_name]))


def describe_client_metrics() -> Iterator[ConfigDescription]:
    """Describe the configurations of any client metrics subscription."""
    for config in _CLIENT_METRICS:
        yield _description(config, ())


def _description(config: _Config, synonyms: tuple[ConfigSynonym, ...]) -> ConfigDescription:
    # A value from the broker's start is a default for groups, as Kafka shows it.
    return ConfigDescription(
        name=config.name,
        value=synonyms[0].value if synonyms else config.default,
        source=synonyms[0].source if synonyms else ConfigSource.DEFAULT_CONFIG,
        type=config.type,
        doc=config.doc,
        synonyms=synonyms,
        read_only=False,
        sensitive=False,
    )
