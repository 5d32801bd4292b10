"""What is asked: one module for each part of the protocol; `enter_all` imports them, and with that enters them.

The modules use `conversation`, `talk`, and builders of requests; they know of no broker in particular.
"""

from importlib import import_module
from typing import Final

_MODULES: Final = (
    "access",
    "administration",
    "client_quotas",
    "cluster_features",
    "commits",
    "config_changes",
    "consumer_groups",
    "coordinator_records",
    "fetching",
    "frames",
    "group_administration",
    "group_config_bounds",
    "group_migration",
    "group_members",
    "group_rebalances",
    "group_static_members",
    "group_times",
    "group_twice",
    "internal_topics",
    "metadata",
    "offsets",
    "producing",
    "refusals",
    "share_groups",
    "share_sessions",
    "share_states",
    "streams_groups",
    "topic_partitions",
    "transactional_offsets",
    "transactional_records",
    "transactions_begun",
    "transactions_described",
    "transactions_ended",
    "twice",
)

_LONG_MODULES: Final = ("exhausted_epochs",)


def enter_all(*, long: bool = False) -> None:
    """Enter the conversations of all modules, with `long` also those that take minutes."""
    for name in (*_MODULES, *_LONG_MODULES) if long else _MODULES:
        import_module(f"{__name__}.{name}")
