"""The controls of faults: added, listed, awaited, released and removed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

from kafkalite.controls.definition import Subject, delete, get, local_only, post, taking
from kafkalite.controls.errors import InvalidRequest, NotFound
from kafkalite.controls.faults.fault import Apis, Fault
from kafkalite.controls.faults.fault_log import Fired
from kafkalite.controls.waiting import DEFAULT_TIMEOUT, Waiters, within

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from kafkalite.controls.definition import Transport
    from kafkalite.controls.faults.injector import Injector
    from kafkalite.controls.local_broker import LocalServer

P = ParamSpec("P")


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultStatus:
    """A fault, what it does, how many requests it holds now, and what it has acted on."""

    name: str
    does: str
    held: int
    fired: tuple[Fired, ...]


_Fields = dict[str, Any]
_Method = Callable[["Faults", _Fields], "InjectedFault"]


def _with_fields_of(_: Callable[P, Fault]) -> Callable[[_Method], Callable[Concatenate[Faults, P], InjectedFault]]:
    """Make a method take the fields of a fault, and pass it those that are given."""

    def decorate(method: _Method) -> Callable[Concatenate[Faults, P], InjectedFault]:
        @wraps(method)
        def call(self: Faults, /, *args: P.args, **fields: P.kwargs) -> InjectedFault:
            return method(self, {**dict(zip(("api", "error"), args, strict=False)), **fields})

        return call

    return decorate


def _with_seconds_and_fields_of(
    _: Callable[P, Fault],
) -> Callable[
    [Callable[[Faults, float, _Fields], InjectedFault]],
    Callable[Concatenate[Faults, Apis | None, float, P], InjectedFault],
]:
    def decorate(
        method: Callable[[Faults, float, _Fields], InjectedFault],
    ) -> Callable[Concatenate[Faults, Apis | None, float, P], InjectedFault]:
        @wraps(method)
        def call(self: Faults, api: Apis | None, seconds: float, /, *_: P.args, **fields: P.kwargs) -> InjectedFault:
            return method(self, seconds, {"api": api, **fields})

        return call

    return decorate


class Faults(Subject):
    """Faults that are injected into a broker, and the log of the requests that they hit.

    Each method adds one fault and returns it; as ``with kafkalite.faults.error(...) as fault:`` it is removed at the
    end of the block. If several faults match a request, the one that was added first acts. A fault that is not possible
    raises ValueError, which says what is allowed.

    ``on="request"`` acts before the broker has handled the request, ``on="reply"`` afterwards, so that the request had
    its effect and the client does not know.
    """

    def __init__(self, transport: Transport | None, local: LocalServer | None = None) -> None:
        super().__init__(transport, local)
        self._injector_or_none: Injector | None = None
        self.waiters: Waiters[None] = Waiters()
        if local is not None:
            from kafkalite.controls.faults.fetched import FetchedPartitions

            # From the start, because a fetch session names its partitions only once.
            self._fetched = FetchedPartitions()
            local.interceptors.add(self._fetched)
            local.on_restored.append(self._restored)

    # Controls

    @get("/faults", result="faults")
    def active(self) -> list[FaultStatus]:
        """Return the faults that are injected now, and what each has acted on."""
        return [self._status(rule.name) for rule in self._injector.rules]

    @post("/faults")
    @taking(Fault)
    def _add(self, fault: Fault) -> FaultStatus:
        """Inject a fault, with [the keys of a file](faults.md)."""
        return self._status(self._injector.add(fault).name)

    @delete("/faults")
    def clear(self) -> None:
        """Remove all faults."""
        self._injector.clear()

    @get("/faults/{fault}")
    def describe(self, fault: str) -> FaultStatus:
        """Return one fault."""
        self._injector.rule(fault)
        return self._status(fault)

    @delete("/faults/{fault}")
    def remove(self, fault: str) -> None:
        """Remove a fault, and release the requests that it holds."""
        self._injector.remove(self._injector.rule(fault))

    @post("/faults/{fault}/release", result="released")
    def release(self, fault: str, count: int | None = None) -> int:
        """Release requests that a fault holds, by default all of them; return their number."""
        if count is not None and count < 1:
            raise InvalidRequest("'count' must be at least 1")
        return self._injector.rule(fault).release(count)

    @get("/fired", result="fired")
    def log(self) -> list[Fired]:
        """Return what all faults have acted on, those that were removed as well, oldest first."""
        return list(self._injector.log.all())

    @post("/await/fired")
    async def await_fired(self, fault: str, count: int = 1, *, timeout: float = DEFAULT_TIMEOUT) -> FaultStatus:
        """Wait until a fault has acted on `count` requests."""
        if not self._fired(fault):
            self._injector.rule(fault)

        def look(_: None) -> bool | None:
            return len(self._fired(fault)) >= count or None

        await within(timeout, self.waiters.until(look), lambda: self._missing(fault, count))
        return self._status(fault)

    @local_only("calling on_fired")
    def on_fired(self, listener: Callable[[Fired], None]) -> None:
        """Call ``listener``, in the broker's thread, with each entry of the fault log."""
        self._injector.log.listeners.append(listener)

    # What tests call

    @_with_fields_of(Fault)
    def error(self, fields: _Fields) -> InjectedFault:
        """Answer with an error; with ``topic`` or ``partition`` for those only, while the others are handled."""
        return self._inject(fields)

    @_with_seconds_and_fields_of(Fault)
    def delay(self, seconds: float, fields: _Fields) -> InjectedFault:
        """Delay requests on the broker's clock; later replies of the same connection wait behind theirs."""
        return self._inject(fields, delay=seconds)

    @_with_fields_of(Fault)
    def hold(self, fields: _Fields) -> InjectedFault:
        """Hold requests until they are released, or the fault is removed."""
        return self._inject(fields, hold=True)

    @_with_fields_of(Fault)
    def disconnect(self, fields: _Fields) -> InjectedFault:
        """Close the connection in place of a reply."""
        return self._inject(fields, disconnect=True)

    @_with_fields_of(Fault)
    def drop(self, fields: _Fields) -> InjectedFault:
        """Send no reply, and leave the connection open; with ``on="request"`` the request is not handled either."""
        return self._inject(fields, drop=True)

    @_with_fields_of(Fault)
    def corrupt(self, fields: _Fields) -> InjectedFault:
        """Send fetched records with a wrong checksum; the log stays as it is."""
        return self._inject(fields, corrupt=True)

    @_with_seconds_and_fields_of(Fault)
    def throttle(self, seconds: float, fields: _Fields) -> InjectedFault:
        """Ask clients in the reply to wait, and read nothing from them until then."""
        return self._inject(fields, throttle=seconds)

    @_with_fields_of(Fault)
    def add(self, fields: _Fields) -> InjectedFault:
        """Add a fault that does several things at once."""
        return self._inject(fields)

    def inject(self, fault: Fault) -> InjectedFault:
        """Add a fault that was made before, as by reading a file."""
        return InjectedFault(self, self._add(**fault.as_json()).name)  # type: ignore[arg-type]

    def _inject(self, fields: _Fields, **actions: Any) -> InjectedFault:
        return self.inject(Fault(**{**fields, **actions}))

    def __iter__(self) -> Iterator[InjectedFault]:
        """Iterate over the faults that are injected now, in the order in which they were added."""
        return (InjectedFault(self, status.name) for status in self.active())

    def __getitem__(self, name: str) -> InjectedFault:
        """Return a fault that is injected now. Raises LookupError."""
        return InjectedFault(self, self.describe(name).name)

    @property
    def fired(self) -> tuple[Fired, ...]:
        """The log of faults, oldest first."""
        return tuple(self.log())

    # In the broker's loop

    def inject_now(self, fault: Fault) -> None:
        """Add a fault."""
        self._injector.add(fault)

    def listen(self, listener: Callable[[Fired], None]) -> None:
        """Call ``listener`` with each entry of the fault log."""
        self._injector.log.listeners.append(listener)

    def forget(self) -> None:
        """Remove all faults, and what they have done from the log; their names are free again."""
        if self._injector_or_none is not None:
            self._injector_or_none.clear()
            self._injector_or_none.log.clear()

    @property
    def _injector(self) -> Injector:
        """Made when the first fault is: importing it takes time, and most tests have no faults."""
        if self._injector_or_none is None:
            from kafkalite.controls.faults.injector import injector_for

            self._injector_or_none = injector_for(self._local_server.server, fetched=self._fetched)
            self._injector_or_none.log.listeners.append(lambda _: self.waiters.check())
        return self._injector_or_none

    def _restored(self) -> None:
        if self._injector_or_none is not None:
            for rule in self._injector_or_none.rules:
                rule.drop_held()

    def _fired(self, name: str) -> tuple[Fired, ...]:
        return tuple(fired for fired in self._injector.log.all() if fired.rule == name)

    def _status(self, name: str) -> FaultStatus:
        fired = self._fired(name)
        rule = next((rule for rule in self._injector.rules if rule.name == name), None)
        if rule is None:
            return FaultStatus(name=name, does=fired[-1].did, held=0, fired=fired)
        return FaultStatus(name=name, does=str(rule.fault), held=rule.held, fired=fired)

    def _missing(self, name: str, count: int) -> str:
        lines = "\n".join(f"  {fired.at:+10.3f} s  {fired}" for fired in self._injector.log.all())
        return (
            f"waited for the fault {name!r} to act {count} time(s); it acted {len(self._fired(name))}\n"
            f"the log of faults (the broker's time):\n{lines or '  nothing'}"
        )


class InjectedFault:
    """A fault that was injected. As a context manager it is removed at the end of the block."""

    def __init__(self, faults: Faults, name: str) -> None:
        self._faults = faults
        self.name = name
        """What it is called in the log of faults."""

    @property
    def fired(self) -> tuple[Fired, ...]:
        """The requests that it acted on, oldest first."""
        return tuple(fired for fired in self._faults.log() if fired.rule == self.name)

    @property
    def held(self) -> int:
        """The number of requests that it holds now."""
        held = 0
        with suppress(NotFound):  # it was removed, and holds nothing
            held = self._faults.describe(self.name).held
        return held

    def await_fired(self, count: int = 1, *, timeout: float = DEFAULT_TIMEOUT) -> tuple[Fired, ...]:
        """Wait until it has acted on ``count`` requests. Raises WaitTimeout, which lists the log of faults."""
        return self._faults.await_fired(self.name, count, timeout=timeout).fired

    def release(self, count: int | None = None) -> int:
        """Release requests that it holds, by default all; return their number."""
        released = 0
        with suppress(NotFound):
            released = self._faults.release(self.name, count)
        return released

    def remove(self) -> None:
        """Remove it, and release what it holds; no effect if it was removed."""
        with suppress(NotFound):
            self._faults.remove(self.name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.remove()

    def __repr__(self) -> str:
        return f"<fault {self.name!r}, fired {len(self.fired)} time(s)>"
