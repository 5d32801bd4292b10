"""What DescribeConfigs tells about the broker."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from kafkalite.config.broker_config import BrokerConfig
from kafkalite.config.property import Property
from kafkalite.config.table import PROPERTIES
from kafkalite_storage.config_value import ConfigType, format_value


class ConfigSource(IntEnum):
    """Where a value comes from, numbered as DescribeConfigs does (KIP-226)."""

    TOPIC_CONFIG = 1
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


def describe(config: BrokerConfig) -> list[ConfigDescription]:
    """Describe all properties, ordered by name.

    All are read-only: none can be changed while the broker runs. None is sensitive.
    """
    return [_describe(config, PROPERTIES[name]) for name in sorted(PROPERTIES)]


def _describe(config: BrokerConfig, described: Property) -> ConfigDescription:
    synonyms = tuple(_synonyms(config, described))
    strongest = synonyms[0] if synonyms else None
    return ConfigDescription(
        name=described.name,
        value=None if strongest is None else strongest.value,
        source=ConfigSource.DEFAULT_CONFIG if strongest is None else strongest.source,
        type=described.type,
        doc=described.doc,
        synonyms=synonyms,
        read_only=True,
        sensitive=False,
    )


def _synonyms(config: BrokerConfig, described: Property) -> Iterator[ConfigSynonym]:
    setting = config.given.get(described.name)
    if setting is not None:
        text = format_value(described.parse(setting.text))
        yield ConfigSynonym(name=described.name, value=text, source=ConfigSource.STATIC_BROKER_CONFIG)
    if described.default is not None:
        text = format_value(described.default)
        yield ConfigSynonym(name=described.name, value=text, source=ConfigSource.DEFAULT_CONFIG)
