"""The broker's properties as DescribeConfigs shows them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import dropwhile
from typing import Final

from kafkalite.config.broker_config import BrokerConfig
from kafkalite.config.listeners import with_protocols
from kafkalite.config.property import Property
from kafkalite.config.table import PROPERTIES, names_for_same_value
from kafkalite_storage.configs.values import ConfigType, format_value

_LISTENERS: Final = ("listeners", "advertised.listeners")
_MIN_IN_SYNC: Final = "min.insync.replicas"
_THROTTLES: Final = ("follower.replication.throttled.rate", "leader.replication.throttled.rate")
"""Properties that exist only while they are set: `kafka-reassign-partitions --throttle` sets and removes them."""


class ConfigSource(IntEnum):
    """Where a value comes from, numbered as DescribeConfigs does (KIP-226)."""

    TOPIC_CONFIG = 1
    DYNAMIC_BROKER_CONFIG = 2
    DYNAMIC_DEFAULT_BROKER_CONFIG = 3
    STATIC_BROKER_CONFIG = 4
    DEFAULT_CONFIG = 5
    DYNAMIC_BROKER_LOGGER_CONFIG = 6
    CLIENT_METRICS_CONFIG = 7
    GROUP_CONFIG = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigSynonym:
    """A property that could supply a value, and the value it has."""

    name: str
    value: str | None
    source: ConfigSource


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigDescription:
    """One property as DescribeConfigs shows it; `synonyms` are those with a value, strongest first.

    The type of an unknown property is None. A sensitive one has no values.
    """

    name: str
    value: str | None
    source: ConfigSource
    type: ConfigType | None
    doc: str | None
    synonyms: tuple[ConfigSynonym, ...]
    read_only: bool
    sensitive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerValues:
    """The sources of a broker's properties: its start, and changes at run time of this broker or of all brokers."""

    config: BrokerConfig
    dynamic: Mapping[str, str] = field(default_factory=dict[str, str])
    dynamic_default: Mapping[str, str] = field(default_factory=dict[str, str])


def describe(values: BrokerValues) -> list[ConfigDescription]:
    """Describe all properties, ordered by name."""
    described = [
        _describe(values, PROPERTIES[name])
        for name in sorted(PROPERTIES)
        if not PROPERTIES[name].of_plug_in or name in values.config.given
    ]
    throttles = [_describe_throttle(values, name) for name in _THROTTLES if name in values.dynamic]
    return sorted([*described, *throttles], key=lambda each: each.name) if throttles else described


def describe_dynamic_defaults(values: BrokerValues) -> list[ConfigDescription]:
    """Describe the values that apply to all brokers; the value of an unknown property may be a secret."""
    source = ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG
    described: list[ConfigDescription] = []
    for name, value in _for_all_brokers(values).items():
        known = PROPERTIES.get(name)
        sensitive = known is None or known.sensitive
        shown = None if sensitive else value
        described.append(
            ConfigDescription(
                name=name,
                value=shown,
                source=source,
                type=None if known is None else known.type,
                doc="" if known is None else known.doc,
                synonyms=(ConfigSynonym(name=name, value=shown, source=source),),
                read_only=known is None,
                sensitive=sensitive,
            )
        )
    return described


def synonyms_of(values: BrokerValues, described: Property) -> tuple[ConfigSynonym, ...]:
    """Return the sources of a property's value, strongest first, from its own name on, as Kafka does.

    So a log.retention.ms that only follows from log.retention.hours has no synonyms.
    """
    names = names_for_same_value(described)
    defaults = {name: format_value(default) for name in names if (default := PROPERTIES[name].default) is not None}
    found = [
        ConfigSynonym(name=name, value=None if described.sensitive else place[name], source=source)
        for source, place in (
            (ConfigSource.DYNAMIC_BROKER_CONFIG, values.dynamic),
            (ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG, _for_all_brokers(values)),
            (ConfigSource.STATIC_BROKER_CONFIG, _static(values.config, names)),
            (ConfigSource.DEFAULT_CONFIG, defaults),
        )
        for name in names
        if name in place
    ]
    return tuple(dropwhile(lambda synonym: synonym.name != described.name, found))


def _describe_throttle(values: BrokerValues, name: str) -> ConfigDescription:
    value, source = values.dynamic[name], ConfigSource.DYNAMIC_BROKER_CONFIG
    return ConfigDescription(
        name=name,
        value=value,
        source=source,
        type=ConfigType.LONG,
        doc="Bytes a second of replication; without effect, because there is one copy of the data.",
        synonyms=(ConfigSynonym(name=name, value=value, source=source),),
        read_only=False,
        sensitive=False,
    )


def _for_all_brokers(values: BrokerValues) -> Mapping[str, str]:
    """Return the dynamic defaults; min.insync.replicas is one from the start, as in Kafka since KIP-966."""
    if _MIN_IN_SYNC in values.dynamic_default:
        return values.dynamic_default
    static = _static(values.config, (_MIN_IN_SYNC,))
    default = PROPERTIES[_MIN_IN_SYNC].default
    assert default is not None
    return {**values.dynamic_default, _MIN_IN_SYNC: static.get(_MIN_IN_SYNC, format_value(default))}


def _static(config: BrokerConfig, names: tuple[str, ...]) -> dict[str, str]:
    """Return the values from the start of the broker; node.id and broker.id are always among them, as in Kafka."""
    given = {name: config.given[name].text for name in names if name in config.given}
    static = {name: format_value(PROPERTIES[name].parse(text)) for name, text in given.items()}
    if names[0] in ("node.id", "broker.id"):
        static[names[0]] = str(config.node_id)
    return {name: with_protocols(text) if name in _LISTENERS else text for name, text in static.items()}


def _describe(values: BrokerValues, described: Property) -> ConfigDescription:
    synonyms = synonyms_of(values, described)
    value = synonyms[0].value if synonyms else None
    if described.name == "broker.id":
        value = str(values.config.node_id)
    return ConfigDescription(
        name=described.name,
        value=value,
        source=synonyms[0].source if synonyms else ConfigSource.DEFAULT_CONFIG,
        type=None if described.of_plug_in else described.type,
        doc=described.doc,
        synonyms=synonyms,
        read_only=not described.dynamic,
        sensitive=described.sensitive or described.of_plug_in,
    )
