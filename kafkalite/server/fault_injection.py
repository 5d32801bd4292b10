"""The ways of faults into a broker: its clock, its names of topics, and chance that can be repeated."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from kafkalite.controls.faults.injector import Injector

if TYPE_CHECKING:
    from collections.abc import Callable

    from kafkalite.controls.faults.fetched import FetchedPartitions
    from kafkalite.node import Node
    from kafkalite.requests.interceptors import InterceptorChain


def injector(
    node: Callable[[], Node], interceptors: InterceptorChain, *, fetched: FetchedPartitions | None = None
) -> Injector:
    """Make what injects faults into a broker, whose ``node`` may be another one later; ``fetched`` is as Injector's."""
    deadlines = node().timers  # the broker's, whichever node it has
    return Injector(
        interceptors,
        now=deadlines.now,
        call_at=deadlines.call_at,
        guard=node().crash_guard.guard,
        topic_name=lambda key: node().topic_name(key),
        chances=lambda seed: Random(seed).random,  # noqa: S311 - chance that can be repeated is what is wanted
        fetched=fetched,
    )
