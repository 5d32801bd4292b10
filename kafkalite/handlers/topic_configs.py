"""Describe a topic's configurations as CreateTopics and DescribeConfigs answer them: value, source, synonyms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from kafkalite.config.description import BrokerValues, ConfigDescription, ConfigSource, ConfigSynonym, synonyms_of
from kafkalite.config.table import PROPERTIES
from kafkalite_storage.configs.topic_config import TOPIC_CONFIGS, effective
from kafkalite_storage.configs.values import format_value
from kafkalite_wire.messages.create_topics import CreatableTopicConfigs

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint


def broker_values(broker: BrokerEndpoint) -> BrokerValues:
    """Return the sources of the broker's own configurations."""
    return BrokerValues(
        config=broker.config,
        dynamic=broker.dynamic_configs(str(broker.id)),
        dynamic_default=broker.cluster.storage.broker_configs(""),
    )


def describe_topic(broker: BrokerEndpoint, overrides: Mapping[str, str]) -> Iterator[ConfigDescription]:
    """Describe every public configuration of a topic with these overrides, which have been checked."""
    values = effective(overrides, broker.cluster.storage.log_defaults)
    inherited = broker_values(broker)
    for config in TOPIC_CONFIGS.values():
        if config.internal:
            continue
        value = format_value(values[config.name])
        synonyms: tuple[ConfigSynonym, ...] = ()
        if config.name in overrides:
            synonyms = (ConfigSynonym(name=config.name, value=value, source=ConfigSource.TOPIC_CONFIG),)
        if config.broker_names:
            synonyms += synonyms_of(inherited, PROPERTIES[config.broker_names[0][0]])
        yield ConfigDescription(
            name=config.name,
            value=value,
            source=synonyms[0].source if synonyms else ConfigSource.DEFAULT_CONFIG,
            type=config.type,
            doc=config.doc,
            synonyms=synonyms,
            read_only=False,
            sensitive=False,
        )


def created_configs(broker: BrokerEndpoint, overrides: Mapping[str, str]) -> tuple[CreatableTopicConfigs, ...]:
    """Return a new topic's configurations as CreateTopics answers them (KIP-525)."""
    return tuple(
        CreatableTopicConfigs(
            name=entry.name,
            value=entry.value,
            read_only=False,
            config_source=entry.source,
            is_sensitive=False,
        )
        for entry in describe_topic(broker, overrides)
    )
