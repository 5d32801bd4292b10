"""What is asked: one module for each part of the protocol; importing this package enters them all.

The modules use `conversation`, `talk`, and builders of requests; they know of no broker in particular.
"""

from kafkalite_conformance.differential.conversations import (
    administration,
    commits,
    fetching,
    frames,
    group_administration,
    group_members,
    group_rebalances,
    group_static_members,
    group_times,
    metadata,
    offsets,
    producing,
)

__all__ = [
    "administration",
    "commits",
    "fetching",
    "frames",
    "group_administration",
    "group_members",
    "group_rebalances",
    "group_static_members",
    "group_times",
    "metadata",
    "offsets",
    "producing",
]
