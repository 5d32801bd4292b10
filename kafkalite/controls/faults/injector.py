"""Adds faults to an engine, and takes them away again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from kafkalite.controls.faults.fetched import FetchedPartitions
from kafkalite.controls.faults.firings import Firings
from kafkalite.controls.faults.rule import CallAt, FaultRule, Guard, Surroundings

if TYPE_CHECKING:
    from kafkalite.controls.engine import Engine
    from kafkalite.controls.faults.fault import Fault
    from kafkalite.controls.faults.matching import TopicName


class Injector:
    """The faults of one engine; of those that match a call, the one that was added first acts.

    ``now`` and ``call_at`` tell the time that delays and windows go by; ``guard`` makes the calls that are released;
    ``chances`` makes a source of numbers in [0, 1) of a seed. ``fetched`` has observed the engine since before the
    first client was there, because fetch sessions say only once what they are about; without it, the injector itself
    must be as early.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        now: Callable[[], float],
        call_at: CallAt,
        guard: Guard,
        topic_name: TopicName,
        chances: Callable[[int], Callable[[], float]],
        fetched: FetchedPartitions | None = None,
    ) -> None:
        self._engine = engine
        self.firings = Firings(now)
        if fetched is None:
            fetched = FetchedPartitions()
            engine.observers.append(fetched.observe)
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
        self._engine.rules.append(rule)
        return rule

    def remove(self, rule: FaultRule) -> None:
        """Take a fault away, and release what it holds; nothing happens if it is gone already."""
        if rule in self._rules:
            self._rules.remove(rule)
            self._engine.rules.remove(rule)
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
