"""What DescribeConfigs tells about the broker."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Final

from kafkalite.config.broker_config import BrokerConfig
from kafkalite.config.dynamic import is_dynamic, sources_of
from kafkalite.config.property import Property
from kafkalite.config.table import PROPERTIES
from kafkalite_storage.config_value import ConfigType, format_value


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
    """One property as DescribeConfigs shows it; `synonyms` are those with a value, strongest first."""

    name: str
    value: str | None
    source: ConfigSource
    type: ConfigType
    doc: str
    synonyms: tuple[ConfigSynonym, ...]
    read_only: bool
    sensitive: bool


_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


def describe(
    config: BrokerConfig, dynamic: Mapping[str, str] = _NOTHING, dynamic_default: Mapping[str, str] = _NOTHING
) -> list[ConfigDescription]:
    """Describe all properties, ordered by name, given what was changed for this broker and for all brokers.

    None is sensitive, but those that nobody knows may be; so their values are not told, as in Kafka.
    """
    known = [_describe(config, PROPERTIES[name], dynamic, dynamic_default) for name in sorted(PROPERTIES)]
    return known


def describe_changes(changes: Mapping[str, str], source: ConfigSource) -> list[ConfigDescription]:
    """Describe properties that were changed, without what else might give them a value."""
    return [
        ConfigDescription(
            name=name,
            value=value,
            source=source,
            type=PROPERTIES[name].type if name in PROPERTIES else ConfigType.STRING,
            doc=PROPERTIES[name].doc if name in PROPERTIES else "",
            synonyms=(ConfigSynonym(name=name, value=value, source=source),),
            read_only=False,
            sensitive=name not in PROPERTIES,
        )
        for name, value in changes.items()
    ]


def _describe(
    config: BrokerConfig, described: Property, dynamic: Mapping[str, str], dynamic_default: Mapping[str, str]
) -> ConfigDescription:
    synonyms = tuple(_synonyms(config, described, dynamic, dynamic_default))
    return ConfigDescription(
        name=described.name,
        value=next((synonym.value for synonym in synonyms if synonym.name == described.name), None),
        source=synonyms[0].source if synonyms else ConfigSource.DEFAULT_CONFIG,
        type=described.type,
        doc=described.doc,
        synonyms=synonyms,
        read_only=not is_dynamic(described),
        sensitive=False,
    )


def _synonyms(
    config: BrokerConfig, described: Property, dynamic: Mapping[str, str], dynamic_default: Mapping[str, str]
) -> Iterator[ConfigSynonym]:
    names = sources_of(described)
    given = {
        name: format_value(PROPERTIES[name].parse(config.given[name].text)) for name in names if name in config.given
    }
    defaults = {name: format_value(default) for name in names if (default := PROPERTIES[name].default) is not None}
    for source, values in (
        (ConfigSource.DYNAMIC_BROKER_CONFIG, dynamic),
        (ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG, dynamic_default),
        (ConfigSource.STATIC_BROKER_CONFIG, given),
        (ConfigSource.DEFAULT_CONFIG, defaults),
    ):
        for name in names:
            if name in values:
                yield ConfigSynonym(name=name, value=values[name], source=source)
