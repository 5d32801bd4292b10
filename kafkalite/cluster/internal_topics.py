"""The topics that a broker keeps its own state in, which are created in one way, whichever request needs them first.

The configurations are those of Apache Kafka 4.4.0; no more replicas have to be in sync than there are brokers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from kafkalite_wire.values import value_class

if TYPE_CHECKING:
    from kafkalite.config import BrokerConfig

OFFSETS_TOPIC: Final = "__consumer_offsets"
TRANSACTION_TOPIC: Final = "__transaction_state"
SHARE_STATE_TOPIC: Final = "__share_group_state"

ADMIN_CLIENT_ID: Final = "__admin_client"
"""The client id that may produce to internal topics, as in Kafka."""


_CONFIGS: Final[Mapping[str, Mapping[str, str]]] = {
    OFFSETS_TOPIC: {"cleanup.policy": "compact", "compression.type": "producer", "segment.bytes": "104857600"},
    TRANSACTION_TOPIC: {
        "cleanup.policy": "compact",
        "compression.type": "uncompressed",
        "segment.bytes": "104857600",
        "unclean.leader.election.enable": "false",
    },
    SHARE_STATE_TOPIC: {
        "cleanup.policy": "delete",
        "compression.type": "producer",
        "retention.ms": "-1",
        "segment.bytes": "104857600",
    },
}


@value_class(kw_only=True)
class InternalTopic:
    """How an internal topic is created."""

    partitions: int
    replication_factor: int
    configs: Mapping[str, str]


def internal_topic(name: str, config: BrokerConfig) -> InternalTopic | None:
    """Return how an internal topic is created; None for any other topic."""
    match name:
        case "__consumer_offsets":
            partitions, factor = config.offsets_topic_num_partitions, config.offsets_topic_replication_factor
            least = None
        case "__transaction_state":
            partitions = config.transaction_state_log_num_partitions
            factor, least = config.transaction_state_log_replication_factor, config.transaction_state_log_min_isr
        case "__share_group_state":
            partitions = config.share_coordinator_state_topic_num_partitions
            factor = config.share_coordinator_state_topic_replication_factor
            least = config.share_coordinator_state_topic_min_isr
        case _:
            return None
    configs = dict(_CONFIGS[name])
    if least is not None:
        configs["min.insync.replicas"] = str(min(least, config.brokers))
    return InternalTopic(partitions=partitions, replication_factor=factor, configs=configs)


def missing_configs(name: str, present: Mapping[str, str], config: BrokerConfig) -> dict[str, str]:
    """Return the configurations that an internal topic needs and does not set, none for any other topic.

    Without them the defaults of users' topics apply, and retention deletes committed offsets.
    """
    wanted = internal_topic(name, config)
    return {} if wanted is None else {key: value for key, value in wanted.configs.items() if key not in present}
