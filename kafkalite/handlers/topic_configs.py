"""Describe a topic's configurations as CreateTopics and DescribeConfigs answer them: value, source, synonyms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kafkalite.config.description import ConfigSource
from kafkalite_storage.config_value import format_value
from kafkalite_storage.topic_config import TOPIC_CONFIGS, TopicConfig
from kafkalite_wire.messages.create_topics import CreatableTopicConfigs

if TYPE_CHECKING:
    from kafkalite.node import Node


@dataclass(frozen=True, slots=True)
class Synonym:
    """One of the places that a value may come from."""

    name: str
    value: str
    source: ConfigSource


@dataclass(frozen=True, slots=True)
class DescribedConfig:
    """A configuration with all the places that give it a value, the strongest first."""

    config: TopicConfig
    synonyms: tuple[Synonym, ...]

    @property
    def value(self) -> str:
        """The value that holds."""
        return self.synonyms[0].value

    @property
    def source(self) -> ConfigSource:
        """Where the value that holds comes from."""
        return self.synonyms[0].source

    @property
    def told_synonyms(self) -> tuple[Synonym, ...]:
        """The synonyms as Kafka lists them: a default only where one broker property alone stands for the topic's."""
        one = len(self.config.broker_names) == 1
        return tuple(synonym for synonym in self.synonyms if one or synonym.source != ConfigSource.DEFAULT_CONFIG)


def described(overrides: Mapping[str, str], broker: Mapping[str, str]) -> Iterator[DescribedConfig]:
    """Describe every public configuration of a topic with these overrides on a broker."""
    for config in TOPIC_CONFIGS.values():
        if not config.internal:
            yield DescribedConfig(config, tuple(_synonyms(config, overrides, broker)))


def _synonyms(config: TopicConfig, overrides: Mapping[str, str], broker: Mapping[str, str]) -> Iterator[Synonym]:
    if config.name in overrides:
        yield Synonym(config.name, overrides[config.name], ConfigSource.TOPIC_CONFIG)
    default_name = config.name
    for name, _ in config.broker_names:
        default_name = name
        if name in broker:
            yield Synonym(name, broker[name], ConfigSource.STATIC_BROKER_CONFIG)
    yield Synonym(default_name, format_value(config.default), ConfigSource.DEFAULT_CONFIG)


def created_configs(node: Node, overrides: Mapping[str, str]) -> tuple[CreatableTopicConfigs, ...]:
    """List a new topic's configurations as CreateTopics answers them (KIP-525)."""
    return tuple(
        CreatableTopicConfigs(
            name=entry.config.name,
            value=entry.value,
            read_only=False,
            config_source=entry.source,
            is_sensitive=False,
        )
        for entry in described(overrides, node.storage.log_defaults)
    )
