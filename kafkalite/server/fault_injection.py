"""The ways of faults into a broker: its clock, its names of topics, and chance that can be repeated."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from kafkalite.controls.faults.injector import Injector

if TYPE_CHECKING:
    from collections.abc import Callable

    from kafkalite.cluster.cluster import Cluster
    from kafkalite.controls.faults.fetched import FetchedPartitions
    from kafkalite.requests.interceptors import InterceptorChain


def injector(
    cluster: Callable[[], Cluster], interceptors: InterceptorChain, *, fetched: FetchedPartitions | None = None
) -> Injector:
    """Return the injector of a broker, whose ``cluster`` is replaced by a restore; ``fetched`` is as Injector's."""
    deadlines = cluster().timers  # the broker's own, which a restore does not replace
    return Injector(
        interceptors,
        now=deadlines.now,
        call_at=deadlines.call_at,
        guard=cluster().crash_guard.guard,
        topic_name=lambda key: cluster().topic_name(key),
        chances=lambda seed: Random(seed).random,  # noqa: S311 - chance that can be repeated is what is wanted
        fetched=fetched,
    )
