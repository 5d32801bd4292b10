"""The interceptor that injects faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from kafkalite.controls.errors import NotFound
from kafkalite.controls.faults.fault_log import FaultLog
from kafkalite.controls.faults.fetched import FetchedPartitions
from kafkalite.controls.faults.rule import CallAt, Environment, FaultRule, Guard
from kafkalite.requests.interceptors import Interceptor, Stage

if TYPE_CHECKING:
    from kafkalite.controls.faults.fault import Fault
    from kafkalite.controls.faults.matching import TopicName
    from kafkalite.controls.local_broker import FaultTarget
    from kafkalite.requests.context import RequestContext
    from kafkalite.requests.interceptors import Forward, InterceptorChain
    from kafkalite.requests.response_handle import ResponseHandle
    from kafkalite_wire.apis import Api


class Injector(Interceptor):
    """The faults of one pipeline; if several match a request, the one that was added first acts.

    Delays and windows go by ``now`` and ``call_at``; ``guard`` makes the calls that were held; ``chances`` returns a
    source of numbers in [0, 1) for a seed. ``fetched`` must have observed all requests, because a fetch session names
    its partitions only once; without it the injector must be made before the first client connects.
    """

    stage = Stage.FAULTS

    def __init__(
        self,
        interceptors: InterceptorChain,
        *,
        now: Callable[[], float],
        call_at: CallAt,
        guard: Guard,
        topic_name: TopicName,
        chances: Callable[[int], Callable[[], float]],
        fetched: FetchedPartitions | None = None,
    ) -> None:
        self._interceptors = interceptors
        self.log = FaultLog(now)
        if fetched is None:
            fetched = FetchedPartitions()
            interceptors.add(fetched)
        self._environment = Environment(
            now=now,
            call_at=call_at,
            guard=guard,
            topic_name=topic_name,
            chances=chances,
            fetched=fetched,
            log=self.log,
        )
        self._rules: list[FaultRule] = []
        self._known: WeakValueDictionary[str, FaultRule] = WeakValueDictionary()  # by name
        interceptors.add(self)

    def wants(self, api: Api, version: int) -> bool:
        """Return whether any fault may act on requests of an API and version."""
        return any(rule.wants(api, version) for rule in self._rules)

    def intercept(self, request: Any, context: RequestContext, response: ResponseHandle[Any], forward: Forward) -> None:
        """Apply the first fault that matches."""
        for rule in self._rules:
            if rule.matches(request, context):
                rule.act(request, context, response, forward)
                return
        forward()

    @property
    def rules(self) -> tuple[FaultRule, ...]:
        """The faults that are injected now, in the order in which they were added."""
        return tuple(self._rules)

    def add(self, fault: Fault) -> FaultRule:
        """Add a fault. Without a name, or with one that is taken, it gets a name of its own.

        A name is taken while the fault exists or has an entry in the log of faults.
        """
        rule = FaultRule(replace(fault, name=self._own_name(fault)), self._environment)
        self._known[rule.name] = rule
        self._rules.append(rule)
        self._interceptors.refresh()
        return rule

    def rule(self, name: str) -> FaultRule:
        """Return the fault of a name. Raises LookupError."""
        for rule in self._rules:
            if rule.name == name:
                return rule
        names = ", ".join(repr(rule.name) for rule in self._rules) or "none"
        raise NotFound(f"there is no fault {name!r}; faults: {names}")

    def remove(self, rule: FaultRule) -> None:
        """Remove a fault, and release what it holds; no effect if it was removed."""
        if rule in self._rules:
            self._rules.remove(rule)
            self._interceptors.refresh()
        rule.end()

    def clear(self) -> None:
        """Remove all faults."""
        for rule in self.rules:
            self.remove(rule)

    def _own_name(self, fault: Fault) -> str:
        wanted = fault.name or f"{', '.join(api.name for api in fault.apis) or 'any request'}: {fault}"
        name, number = wanted, 1
        while name in self._known or self.log.shows(name):
            number += 1
            name = f"{wanted} #{number}"
        return name


def injector_for(server: FaultTarget, *, fetched: FetchedPartitions | None = None) -> Injector:
    """Return an injector for a broker or a proxy."""
    return Injector(
        server.pipeline.interceptors,
        now=server.timers.now,
        call_at=server.timers.call_at,
        guard=server.crash_guard.guard,
        topic_name=server.topic_name,
        chances=lambda seed: Random(seed).random,  # noqa: S311 - the same seed gives the same numbers
        fetched=fetched,
    )
