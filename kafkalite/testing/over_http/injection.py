"""The faults of a broker elsewhere."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

from kafkalite.testing.model.errors import NotOnThisBroker, NotThere
from kafkalite.testing.over_http import reading
from kafkalite.testing.over_http.controls import segment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kafkalite.controls.faults.fault import Fault
    from kafkalite.controls.faults.firings import Fired
    from kafkalite.testing.model.wait import Wait
    from kafkalite.testing.over_http.controls import Controls, Told


class HttpInjection:
    """Adds faults to a broker, and shows what fired."""

    def __init__(self, controls: Controls) -> None:
        self._controls = controls

    def add(self, fault: Fault) -> HttpFault:
        """Add a fault."""
        from kafkalite.controls.faults.words import words_of

        return HttpFault(self._controls, self._controls.post("/faults", **words_of(fault)))

    def at_work(self) -> Iterator[HttpFault]:
        """Give the faults that are there now, in the order in which they were added."""
        return (HttpFault(self._controls, told) for told in self._controls.get("/faults")["faults"])

    def clear(self) -> None:
        """Take all faults away."""
        self._controls.delete("/faults")

    def fired(self) -> tuple[Fired, ...]:
        """Give all that fired, oldest first."""
        return reading.fired(self._controls.get("/fired")["fired"])

    def on_fired(self, tell: Callable[[Fired], None]) -> NoReturn:
        """Raise NotOnThisBroker: it calls nobody."""
        del tell
        raise NotOnThisBroker("on_fired works only with a broker in the test's process; elsewhere ask for `fired`")


class HttpFault:
    """A fault of a broker elsewhere, by its name, which no other has while the log of faults shows it."""

    def __init__(self, controls: Controls, told: Told) -> None:
        self._controls = controls
        self.name: str = told["name"]
        self.does: str = told["does"]
        self._path = f"/faults/{segment(self.name)}"

    @property
    def held(self) -> int:
        """How many requests it holds now."""
        held = 0
        with suppress(NotThere):  # it was removed, and holds nothing
            held = self._controls.get(self._path)["held"]
        return held

    def fired(self) -> tuple[Fired, ...]:
        """Give the requests that it acted on, oldest first."""
        all_fired = reading.fired(self._controls.get("/fired")["fired"])
        return tuple(fired for fired in all_fired if fired.rule == self.name)

    def until(self, count: int) -> Wait[tuple[Fired, ...]]:
        """Wait until it has fired so often."""
        asked = {"fault": self.name, "count": count}
        return self._controls.wait("/await/fired", asked, lambda told: reading.fired(told["fired"]))

    def release(self, count: int | None) -> int:
        """Let calls go on that are held; tells how many did."""
        released: int = self._controls.post(f"{self._path}/release", count=count)["released"]
        return released

    def remove(self) -> None:
        """Take it away, and release what it holds; nothing happens if it is gone."""
        with suppress(NotThere):
            self._controls.delete(self._path)
