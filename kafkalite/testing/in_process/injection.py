"""The faults of a broker of this process; safe to call from any other thread."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from kafkalite.controls.faults.fetched import FetchedPartitions
from kafkalite.testing.in_process.waits import Waits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kafkalite.broker import Broker
    from kafkalite.controls.faults.fault import Fault
    from kafkalite.controls.faults.firings import Fired
    from kafkalite.controls.faults.injector import Injector
    from kafkalite.controls.faults.rule import FaultRule
    from kafkalite.requests.interceptors import InterceptorChain
    from kafkalite.testing.in_process.portal import Portal
    from kafkalite.testing.model.wait import Wait


class Injection:
    """Adds faults to a broker, shows what fired, and waits for it."""

    def __init__(self, broker: Broker, interceptors: InterceptorChain, portal: Portal) -> None:
        self._broker = broker
        self._interceptors = interceptors
        self._portal = portal
        self._waits: Waits[Fired] = Waits(portal)
        self._fetched = FetchedPartitions()
        interceptors.add(self._fetched)
        broker.on_restored.append(self._restored)

    def _restored(self) -> None:
        if self._is_used:
            for rule in self._injector.rules:
                rule.forget_held()

    @property
    def _is_used(self) -> bool:
        return "_injector" in self.__dict__

    @cached_property
    def _injector(self) -> Injector:
        """What adds faults; imported when the first one is, because most tests need none."""
        from kafkalite.server.fault_injection import injector

        made = injector(lambda: self._broker.cluster, self._interceptors, fetched=self._fetched)
        made.firings.told.append(lambda _: self._waits.check())
        return made

    def add(self, fault: Fault) -> LocalFault:
        """Add a fault."""
        return LocalFault(self, self._portal.call(lambda: self._injector.add(fault)))

    def at_work(self) -> Iterator[LocalFault]:
        """Give the faults that are there now, in the order in which they were added."""
        return (LocalFault(self, rule) for rule in self._portal.call(lambda: self._injector.rules))

    def clear(self) -> None:
        """Take all faults away."""
        self._portal.call(lambda: self._injector.clear() if self._is_used else None)

    def forget(self) -> None:
        """Take all faults away, and forget what they did; their names are free again."""

        def forget() -> None:
            if self._is_used:
                self._injector.clear()
                self._injector.firings.forget()

        self._portal.call(forget)

    def fired(self, rule: FaultRule | None = None) -> tuple[Fired, ...]:
        """Give what fired, by default of all rules, oldest first."""
        return self._portal.call(lambda: self._fired(rule))

    def on_fired(self, tell: Callable[[Fired], None]) -> None:
        """Have ``tell`` called in the broker's loop with each that fires."""
        self._portal.call(lambda: self._injector.firings.told.append(tell))

    def remove(self, rule: FaultRule) -> None:
        """Take a fault away, and release what it holds."""
        self._portal.call(lambda: self._injector.remove(rule))

    def release(self, rule: FaultRule, count: int | None) -> int:
        """Let calls go on that are held; tells how many did."""
        return self._portal.call(lambda: rule.release(count))

    def until(self, rule: FaultRule, count: int) -> Wait[tuple[Fired, ...]]:
        """Wait until a rule has fired so often."""

        def seen(_: Fired | None) -> tuple[Fired, ...] | None:
            fired = self._fired(rule)
            return fired if len(fired) >= count else None

        return self._waits.wait(seen, lambda: self._missing(rule, count))

    def _fired(self, rule: FaultRule | None) -> tuple[Fired, ...]:
        return tuple(fired for fired in self._injector.firings.all() if rule is None or fired.rule == rule.fault.name)

    def _missing(self, rule: FaultRule, count: int) -> str:
        lines = "\n".join(f"  {fired.at:+10.3f} s  {fired}" for fired in self._injector.firings.all())
        name, times = rule.fault.name, len(self._fired(rule))
        return (
            f"waited for the fault {name!r} to fire {count} time(s); it fired {times}\n"
            f"all that fired (the broker's time):\n{lines or '  nothing'}"
        )


class LocalFault:
    """A fault of this broker's, as a handle has it."""

    def __init__(self, injection: Injection, rule: FaultRule) -> None:
        self._injection = injection
        self._rule = rule

    @property
    def name(self) -> str:
        """What it is called in the log."""
        return self._rule.fault.name

    @property
    def does(self) -> str:
        """What it does, in words."""
        return str(self._rule.fault)

    @property
    def held(self) -> int:
        """How many requests it holds now."""
        return self._rule.held

    def fired(self) -> tuple[Fired, ...]:
        """Give the requests that it acted on, oldest first."""
        return self._injection.fired(self._rule)

    def until(self, count: int) -> Wait[tuple[Fired, ...]]:
        """Wait until it has fired so often."""
        return self._injection.until(self._rule, count)

    def release(self, count: int | None) -> int:
        """Let calls go on that are held; tells how many did."""
        return self._injection.release(self._rule, count)

    def remove(self) -> None:
        """Take it away, and release what it holds; nothing happens if it is gone."""
        self._injection.remove(self._rule)
