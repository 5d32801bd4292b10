"""What DescribeConfigs tells about the broker."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import dropwhile

from kafkalite.config.broker_config import BrokerConfig
from kafkalite.config.dynamic import is_dynamic, rivals_of
from kafkalite.config.property import Property
from kafkalite.config.table import PROPERTIES
from kafkalite_storage.configs.values import ConfigType, format_value


class ConfigSource(IntEnum):
    """Where a value comes from, numbered as DescribeConfigs does (KIP-226)."""

    TOPIC_CONFIG = 1
    DYNAMIC_BROKER_CONFIG = 2
    DYNAMIC_DEFAULT_BROKER_CONFIG = 3
    STATIC_BROKER_CONFIG = 4
    DEFAULT_CONFIG = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigSynonym:
    """A property that could supply a value, and the one it has."""

    name: str
    value: str | None
    source: ConfigSource


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigDescription:
    """One property as DescribeConfigs shows it; `synonyms` are those with a value, strongest first.

    Of one that nobody knows the type is None.
    """

    name: str
    value: str | None
    source: ConfigSource
    type: ConfigType | None
    doc: str
    synonyms: tuple[ConfigSynonym, ...]
    read_only: bool
    sensitive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerValues:
    """Where the values of a broker's properties come from: its start, and what was changed for it or for all."""

    config: BrokerConfig
    dynamic: Mapping[str, str] = field(default_factory=dict[str, str])
    dynamic_default: Mapping[str, str] = field(default_factory=dict[str, str])


def describe(values: BrokerValues) -> list[ConfigDescription]:
    """Describe all properties, ordered by name. None is sensitive."""
    return [_describe(values, PROPERTIES[name]) for name in sorted(PROPERTIES)]


def describe_dynamic_defaults(values: BrokerValues) -> list[ConfigDescription]:
    """Describe what was changed for all brokers; one that nobody knows may be a secret."""
    source = ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG
    described: list[ConfigDescription] = []
    for name, value in values.dynamic_default.items():
        known = PROPERTIES.get(name)
        described.append(
            ConfigDescription(
                name=name,
                value=None if known is None else value,
                source=source,
                type=None if known is None else known.type,
                doc="" if known is None else known.doc,
                synonyms=(ConfigSynonym(name=name, value=None if known is None else value, source=source),),
                read_only=known is None,
                sensitive=known is None,
            )
        )
    return described


def synonyms_of(values: BrokerValues, described: Property) -> tuple[ConfigSynonym, ...]:
    """List what gives a property its value, the strongest first, beginning with its own name as Kafka does.

    So a log.retention.ms that only follows from log.retention.hours has no synonyms.
    """
    names = rivals_of(described)
    given = {name: values.config.given[name].text for name in names if name in values.config.given}
    static = {name: format_value(PROPERTIES[name].parse(text)) for name, text in given.items()}
    defaults = {name: format_value(default) for name in names if (default := PROPERTIES[name].default) is not None}
    found = [
        ConfigSynonym(name=name, value=place[name], source=source)
        for source, place in (
            (ConfigSource.DYNAMIC_BROKER_CONFIG, values.dynamic),
            (ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG, values.dynamic_default),
            (ConfigSource.STATIC_BROKER_CONFIG, static),
            (ConfigSource.DEFAULT_CONFIG, defaults),
        )
        for name in names
        if name in place
    ]
    return tuple(dropwhile(lambda synonym: synonym.name != described.name, found))


def _describe(values: BrokerValues, described: Property) -> ConfigDescription:
    synonyms = synonyms_of(values, described)
    return ConfigDescription(
        name=described.name,
        value=synonyms[0].value if synonyms else None,
        source=synonyms[0].source if synonyms else ConfigSource.DEFAULT_CONFIG,
        type=described.type,
        doc=described.doc,
        synonyms=synonyms,
        read_only=not is_dynamic(described),
        sensitive=False,
    )
