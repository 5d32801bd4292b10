"""Which broker properties may be changed while the broker runs, and which values they may be given (KIP-226)."""

from collections.abc import Mapping
from typing import Final

from kafkalite.config.property import Property
from kafkalite.config.table import ADVERTISED_OUTSIDE, PROPERTIES
from kafkalite_storage.configs.topic_config import TOPIC_CONFIGS
from kafkalite_storage.configs.values import parse_value
from kafkalite_storage.errors import InvalidConfig

_OF_THE_CLEANER: Final = frozenset((
    "log.cleaner.backoff.ms",
    "log.cleaner.dedupe.buffer.size",
    "log.cleaner.io.max.bytes.per.second",
))  # fmt: skip

_WITHOUT_EFFECT: Final = frozenset((
    "background.threads",
    "log.cleaner.io.buffer.load.factor",
    "log.cleaner.io.buffer.size",
    "log.cleaner.threads",
    "max.connections.per.ip",
    "num.io.threads",
    "num.network.threads",
    "num.recovery.threads.per.data.dir",
    "num.replica.fetchers",
))  # fmt: skip
"""What Kafka lets tools change and what has no effect here, at the start or later."""


def is_dynamic(known: Property) -> bool:
    """Tell whether a property may be changed at run time; defaults of topics may, under their strongest names."""
    if known.topic_config is not None:
        return TOPIC_CONFIGS[known.topic_config].broker_names[0][0] == known.name
    return known.name in _WITHOUT_EFFECT or known.name in _OF_THE_CLEANER or known.name == ADVERTISED_OUTSIDE


def rivals_of(known: Property) -> tuple[str, ...]:
    """Name the properties that say the same as one, itself included: log.retention.ms and its kin, strongest first."""
    if known.topic_config is None:
        return (known.name,)
    return tuple(name for name, _ in TOPIC_CONFIGS[known.topic_config].broker_names)


def check_changes(changes: Mapping[str, str | None]) -> None:
    """Check new values of properties, None for those to be taken back; raises InvalidConfig.

    As in Kafka, properties that nobody knows are let through: plug-ins may know them.
    """
    given = {name: value for name, value in changes.items() if value is not None}
    fixed = [name for name in given if name in PROPERTIES and not is_dynamic(PROPERTIES[name])]
    if fixed:
        raise InvalidConfig(f"Cannot update these configs dynamically: [{', '.join(fixed)}]")
    for name, text in given.items():
        known = PROPERTIES.get(name)
        if known is not None:
            problem = known.rule(parse_value(name, known.type, text))
            if problem is not None:
                raise InvalidConfig(f"Invalid value {text} for configuration {name}: {problem}")
