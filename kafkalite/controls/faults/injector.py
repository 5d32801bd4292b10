"""The interceptor that injects faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from kafkalite.controls.faults.fetched import FetchedPartitions
from kafkalite.controls.faults.firings import Firings
from kafkalite.controls.faults.rule import CallAt, FaultRule, Guard, Surroundings
from kafkalite.requests.interceptors import Interceptor, Stage

if TYPE_CHECKING:
    from kafkalite.controls.faults.fault import Fault
    from kafkalite.controls.faults.matching import TopicName
    from kafkalite.requests.context import RequestContext
    from kafkalite.requests.interceptors import Forward, InterceptorChain
    from kafkalite.requests.response_handle import ResponseHandle
    from kafkalite_wire.apis import Api


class Injector(Interceptor):
    """The faults of one pipeline; of those that match a request, the one that was added first acts.

    ``now`` and ``call_at`` tell the time that delays and windows go by; ``guard`` makes the calls that are released;
    ``chances`` makes a source of numbers in [0, 1) of a seed. ``fetched`` has observed requests since before the
    first client was there, because fetch sessions say only once what they are about; without it, the injector itself
    must be as early.
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
        self.firings = Firings(now)
        if fetched is None:
            fetched = FetchedPartitions()
            interceptors.add(fetched)
        self._surroundings = Surroundings(
            now=now,
            call_at=call_at,
            guard=guard,
            topic_name=topic_name,
            chances=chances,
            fetched=fetched,
            firings=self.firings,
        )
        self._rules: list[FaultRule] = []
        self._known: WeakValueDictionary[str, FaultRule] = WeakValueDictionary()  # by name
        interceptors.add(self)

    def wants(self, api: Api, version: int) -> bool:
        """Return whether any fault may act on requests of an API and version."""
        return any(rule.wants(api, version) for rule in self._rules)

    def intercept(self, request: Any, context: RequestContext, response: ResponseHandle[Any], forward: Forward) -> None:
        """Let the first fault act that matches."""
        for rule in self._rules:
            if rule.matches(request, context):
                rule.act(request, context, response, forward)
                return
        forward()

    @property
    def rules(self) -> tuple[FaultRule, ...]:
        """The faults that are there now, in the order in which they were added."""
        return tuple(self._rules)

    def add(self, fault: Fault) -> FaultRule:
        """Add a fault; one without a name, or with one that is taken, gets a name of its own.

        A name is taken as long as anybody knows the fault that has it, or the log of faults shows it.
        """
        rule = FaultRule(replace(fault, name=self._own_name(fault)), self._surroundings)
        self._known[rule.fault.name] = rule
        self._rules.append(rule)
        self._interceptors.refresh()
        return rule

    def remove(self, rule: FaultRule) -> None:
        """Take a fault away, and release what it holds; nothing happens if it is gone already."""
        if rule in self._rules:
            self._rules.remove(rule)
            self._interceptors.refresh()
        rule.end()

    def clear(self) -> None:
        """Take all faults away."""
        for rule in self.rules:
            self.remove(rule)

    def _own_name(self, fault: Fault) -> str:
        wanted = fault.name or f"{', '.join(api.name for api in fault.apis) or 'any request'}: {fault}"
        name, number = wanted, 1
        while name in self._known or self.firings.shows(name):
            number += 1
            name = f"{wanted} #{number}"
        return name
