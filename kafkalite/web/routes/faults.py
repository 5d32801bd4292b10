"""Faults: which requests go wrong, and what came of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from kafkalite.controls.faults.words import FaultError, fault_of
from kafkalite.web import shown
from kafkalite.web.answers import BadInput
from kafkalite.web.routes.taken import Nothing, Patient
from kafkalite.web.routing import route

if TYPE_CHECKING:
    from kafkalite.testing import Handle
    from kafkalite.web.json_values import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultWords:
    """A fault, in the words of a file's."""

    name: str | None = None
    api: str | tuple[str, ...] | None = None
    version: int | str | None = None
    client_id: str | None = None
    group: str | None = None
    member: str | None = None
    topic: str | None = None
    partition: int | None = None
    nth: int | None = None
    skip: int | None = None
    times: int | None = None
    probability: float | None = None
    seed: int | None = None
    since: float | None = None
    until: float | None = None
    error: str | None = None
    delay: float | None = None
    hold: bool | None = None
    disconnect: bool | None = None
    drop: bool | None = None
    corrupt: bool | None = None
    throttle: float | None = None
    on: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OneFault:
    """A fault, by its name."""

    fault: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Requests that a fault holds: so many of them, by default all."""

    fault: str
    count: int | None = None

    def __post_init__(self) -> None:
        if self.count is not None and self.count < 1:
            raise BadInput("'count' must be at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class HasFired(Patient):
    """How often a fault has fired."""

    fault: str
    count: int = 1


def faults(handle: Handle, _: Nothing) -> Json:
    """Show the faults that are injected now, and what each has done so far."""
    return {"faults": [shown.fault(injected) for injected in handle.faults]}


def fault(handle: Handle, asked: OneFault) -> Json:
    """Show one fault."""
    return shown.fault(handle.faults[asked.fault])


def add_fault(handle: Handle, asked: FaultWords) -> Json:
    """Inject a fault, in [the words of a file's](faults.md)."""
    words = {name: value for name, value in asdict(asked).items() if value is not None}
    try:
        return shown.fault(handle.faults.inject(fault_of(words)))
    except FaultError as error:
        raise BadInput(str(error)) from None


def remove_fault(handle: Handle, asked: OneFault) -> Json:
    """Remove a fault, and release what it holds."""
    handle.faults[asked.fault].remove()
    return {}


def clear_faults(handle: Handle, _: Nothing) -> Json:
    """Remove all faults."""
    handle.faults.clear()
    return {}


def fired(handle: Handle, _: Nothing) -> Json:
    """Show what all faults have done so far, those that were removed as well, oldest first."""
    return {"fired": [shown.fired(each) for each in handle.faults.fired]}


def release(handle: Handle, asked: Release) -> Json:
    """Let requests go on that a fault holds, by default all of them; tells how many did."""
    return {"released": handle.faults[asked.fault].release(asked.count)}


def await_fired(handle: Handle, asked: HasFired) -> Json:
    """Wait until a fault has acted on `count` requests."""
    injected = handle.faults[asked.fault]
    injected.await_fired(asked.count, timeout=asked.timeout)
    return shown.fault(injected)


ROUTES: Final = (
    route("GET", "/faults", Nothing, faults),
    route("POST", "/faults", FaultWords, add_fault),
    route("DELETE", "/faults", Nothing, clear_faults),
    route("GET", "/faults/{fault}", OneFault, fault),
    route("DELETE", "/faults/{fault}", OneFault, remove_fault),
    route("POST", "/faults/{fault}/release", Release, release),
    route("GET", "/fired", Nothing, fired),
    route("POST", "/await/fired", HasFired, await_fired),
)
