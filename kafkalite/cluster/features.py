"""The features that this broker serves, and the levels at which they are finalized (KIP-584, KIP-1022).

A new data directory is formatted with all features of Kafka 4.4, so that Kafka can take it over. Only the
features in :data:`SERVED_FEATURES` are offered to clients: adding a row there offers one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from kafkalite_storage.metadata.topics import METADATA_VERSION

KRAFT_VERSION: Final = "kraft.version"
ELIGIBLE_LEADER_REPLICAS: Final = "eligible.leader.replicas.version"
GROUP_VERSION: Final = "group.version"
SHARE_VERSION: Final = "share.version"
STREAMS_VERSION: Final = "streams.version"
TRANSACTION_VERSION: Final = "transaction.version"


@dataclass(frozen=True, slots=True)
class ServedFeature:
    """The levels at which a feature can be finalized, an inclusive range."""

    min_level: int
    max_level: int
    metadata_version: int = 0
    """The lowest ``metadata.version`` that levels above 0 require."""


SERVED_FEATURES: Final[Mapping[str, ServedFeature]] = MappingProxyType(
    {
        METADATA_VERSION: ServedFeature(7, 33),
        # The quorum has one voter, which is not stored in the metadata log: the level of KIP-853 is not served.
        KRAFT_VERSION: ServedFeature(0, 0),
        ELIGIBLE_LEADER_REPLICAS: ServedFeature(0, 1, metadata_version=23),
        GROUP_VERSION: ServedFeature(0, 1),
        SHARE_VERSION: ServedFeature(0, 2),
        STREAMS_VERSION: ServedFeature(0, 1),
        TRANSACTION_VERSION: ServedFeature(0, 2),
    }
)


def finalized(features: Mapping[str, int]) -> dict[str, int]:
    """Return the finalized levels of a data directory, of those features that are served."""
    return {name: level for name, level in features.items() if level > 0 and name in SERVED_FEATURES}
