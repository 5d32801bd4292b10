"""A broker in this process, as the bodies of the controls act on it; for use in its loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kafkalite.controls.watching import Watch

if TYPE_CHECKING:
    from kafkalite.broker import Broker
    from kafkalite.clock import SteerableClock
    from kafkalite.cluster.cluster import Cluster


class LocalBroker:
    """A broker, the clock that it goes by, and what observes it. To be made in its loop, once it is open."""

    def __init__(self, broker: Broker, clock: SteerableClock) -> None:
        self.broker = broker
        self.clock = clock
        self.interceptors = broker.pipeline.interceptors
        self.watch = Watch(broker, self.interceptors)

    @property
    def cluster(self) -> Cluster:
        """The broker's state, which a restored snapshot replaces."""
        return self.broker.cluster
