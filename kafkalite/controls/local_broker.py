"""A broker or a proxy in this process, as the bodies of the controls act on it; for use in its loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from kafkalite.controls.watching import Watch

if TYPE_CHECKING:
    from kafkalite.background.timers import TimerQueue
    from kafkalite.broker import Broker
    from kafkalite.clock import SteerableClock
    from kafkalite.cluster.cluster import Cluster
    from kafkalite.requests.crash_guard import CrashGuard
    from kafkalite.requests.interceptors import InterceptorChain
    from kafkalite.requests.pipeline import Pipeline


class FaultTarget(Protocol):
    """What faults can be injected into: an open broker, or a proxy."""

    @property
    def pipeline(self) -> Pipeline:
        """What its requests go through."""
        ...

    @property
    def timers(self) -> TimerQueue:
        """Its time-outs."""
        ...

    @property
    def crash_guard(self) -> CrashGuard:
        """Handles unexpected exceptions."""
        ...

    def topic_name(self, key: str | bytes, /) -> str | None:
        """Return the name of a topic by its name or id, or None if it is not known."""
        ...


class Surroundings(Protocol):
    """What a request log needs to know besides the requests: a cluster knows it, or a proxy."""

    def now(self) -> float:
        """Return monotonic seconds."""
        ...

    def wall_ms(self) -> int:
        """Return milliseconds since 1970."""
        ...

    def topic_names(self) -> Mapping[bytes, str]:
        """Return the names of topics by their ids."""
        ...


class LocalServer(Protocol):
    """What faults and the request log need of a broker or a proxy."""

    @property
    def server(self) -> FaultTarget:
        """What faults are injected into."""
        ...

    @property
    def surroundings(self) -> Surroundings:
        """What the request log asks for times and names."""
        ...

    @property
    def interceptors(self) -> InterceptorChain:
        """The interceptors of its pipeline."""
        ...

    @property
    def on_restored(self) -> list[Callable[[], None]]:
        """Called when a snapshot has replaced the data."""
        ...


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

    @property
    def server(self) -> Broker:
        """What faults are injected into."""
        return self.broker

    @property
    def surroundings(self) -> Cluster:
        """What the request log asks for times and names."""
        return self.cluster

    @property
    def on_restored(self) -> list[Callable[[], None]]:
        """Called when a snapshot has replaced the data."""
        return self.broker.on_restored
