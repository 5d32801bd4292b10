"""What clients find around their requests: the time, the coordinator and the broker, or none of these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kafkalite.web.answers import BadInput
from kafkalite.web.routes.taken import Nothing
from kafkalite.web.routing import route

if TYPE_CHECKING:
    from kafkalite.testing import Handle
    from kafkalite.web.json_values import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class SomeGroups:
    """A group, or all of them."""

    group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """How far time is moved, and for whom heartbeats are taken for granted."""

    seconds: float
    keep_alive: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.seconds < 0:
            raise BadInput("'seconds' must not be negative: the broker's time has no way back")


@dataclass(frozen=True, slots=True, kw_only=True)
class Availability:
    """Whether clients may connect."""

    available: bool


def clock(handle: Handle, _: Nothing) -> Json:
    """Tell the broker's time, in milliseconds since 1970."""
    return {"now_ms": handle.clock.now_ms()}


def advance(handle: Handle, asked: Advance) -> Json:
    """Move the broker's time; members that are not in `keep_alive` are silent for so long."""
    handle.clock.advance(asked.seconds, keep_alive=asked.keep_alive)
    return {"now_ms": handle.clock.now_ms()}


def freeze(handle: Handle, _: Nothing) -> Json:
    """Let the broker's time stand still; it can be advanced meanwhile."""
    handle.clock.freeze()
    return {"now_ms": handle.clock.now_ms()}


def resume(handle: Handle, _: Nothing) -> Json:
    """Let the broker's time run on."""
    handle.clock.resume()
    return {"now_ms": handle.clock.now_ms()}


def away(handle: Handle, asked: SomeGroups) -> Json:
    """Answer requests of a group, by default of all, NOT_COORDINATOR, and do not tell where the coordinator is."""
    handle.coordinator.move_away(asked.group)
    return {}


def back(handle: Handle, asked: SomeGroups) -> Json:
    """Be the coordinator again, of what it was moved away from."""
    handle.coordinator.move_back(asked.group)
    return {}


def availability(handle: Handle, asked: Availability) -> Json:
    """Cut all clients off and let none in, or let them in again."""
    handle.set_available(asked.available)
    return {"available": asked.available}


def let_go(handle: Handle, _: Nothing) -> Json:
    """Undo what controls do now: no faults, no pins, time runs, the coordinator and the broker are here."""
    handle.let_go()
    return {}


ROUTES: Final = (
    route("GET", "/clock", Nothing, clock),
    route("POST", "/clock/advance", Advance, advance),
    route("POST", "/clock/freeze", Nothing, freeze),
    route("POST", "/clock/resume", Nothing, resume),
    route("POST", "/coordinator/away", SomeGroups, away),
    route("POST", "/coordinator/back", SomeGroups, back),
    route("POST", "/availability", Availability, availability),
    route("POST", "/let-go", Nothing, let_go),
)
