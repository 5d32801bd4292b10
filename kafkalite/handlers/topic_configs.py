"""Describe a topic's configurations as CreateTopics and DescribeConfigs answer them: value, source, synonyms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kafkalite.config.description import BrokerValues, ConfigSource, ConfigSynonym, synonyms_of
from kafkalite.config.table import PROPERTIES
from kafkalite_storage.configs.topic_config import TOPIC_CONFIGS, TopicConfig, effective
from kafkalite_storage.configs.values import format_value
from kafkalite_wire.messages.create_topics import CreatableTopicConfigs

if TYPE_CHECKING:
    from kafkalite.node import Node


@dataclass(frozen=True, slots=True)
class DescribedConfig:
    """A configuration, the value that holds, and the places that give it a value, the strongest first."""

    config: TopicConfig
    value: str
    synonyms: tuple[ConfigSynonym, ...]

    @property
    def source(self) -> ConfigSource:
        """Where the value that holds comes from."""
        return self.synonyms[0].source if self.synonyms else ConfigSource.DEFAULT_CONFIG


def broker_values(node: Node) -> BrokerValues:
    """Tell where the broker's own configurations come from."""
    return BrokerValues(
        config=node.config,
        dynamic=node.broker_configs(str(node.node_id)),
        dynamic_default=node.storage.broker_configs(""),
    )


def described(node: Node, overrides: Mapping[str, str]) -> Iterator[DescribedConfig]:
    """Describe every public configuration of a topic with these overrides, which are known to be good."""
    values = effective(overrides, node.storage.log_defaults)
    broker = broker_values(node)
    for config in TOPIC_CONFIGS.values():
        if config.internal:
            continue
        value = format_value(values[config.name])
        synonyms: tuple[ConfigSynonym, ...] = ()
        if config.name in overrides:
            synonyms = (ConfigSynonym(name=config.name, value=value, source=ConfigSource.TOPIC_CONFIG),)
        if config.broker_names:
            synonyms += synonyms_of(broker, PROPERTIES[config.broker_names[0][0]])
        yield DescribedConfig(config, value, synonyms)


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
        for entry in described(node, overrides)
    )
