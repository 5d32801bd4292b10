"""Faults as a test injects them: which requests go wrong, how, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Any, TypedDict

from kafkalite.testing.model.errors import NotThere
from kafkalite.testing.model.wait import PATIENCE

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self, Unpack

    from kafkalite.controls.faults.fault import Fault, On
    from kafkalite.controls.faults.firings import Fired
    from kafkalite.testing.handles.backend import Backend
    from kafkalite.testing.handles.steering import FaultAtWork
    from kafkalite_wire.error_codes import ErrorCode

Apis = str | Collection[str]
"""The name of an API, such as "Produce", or several."""


class Which(TypedDict, total=False):
    """Which requests a fault acts on; what is left out matches all. Names may have ``*`` and ``?`` in them."""

    name: str
    """What the fault is called in the log."""
    version: int | str
    """9, "0-8" or "12+"."""
    client_id: str
    group: str
    member: str
    """A member of a group, by member id, instance id or client id."""
    topic: str
    partition: int
    nth: int
    """Only the n-th request that matches, counted from 1."""
    skip: int
    """So many requests that match go through first."""
    times: int
    """At most so many times."""
    probability: float
    seed: int
    """Makes another sequence of chance; without it the same runs meet the same faults."""
    since: float
    """Seconds on the broker's clock after the fault was added."""
    until: float


class Words(Which, total=False):
    """All that can be said of a fault."""

    api: Apis
    error: str | ErrorCode
    delay: float
    hold: bool
    disconnect: bool
    drop: bool
    corrupt: bool
    throttle: float
    on: On


class Faults:
    """Injects faults into a broker, and tells which requests they hit.

    Each method adds one fault and gives it back; used as ``with kafkalite.faults.error(...) as fault:`` it is removed
    at the end of the block. Of the faults that match a request the one that was added first acts. Requests that are
    wrong raise ValueError, which says what is allowed.

    ``on="request"`` acts before the broker has done what is asked, ``on="reply"`` afterwards, so that the request had
    its effect and the client does not know.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def error(
        self,
        api: Apis | None,
        error: str | ErrorCode,
        *,
        on: On = "request",
        delay: float = 0.0,
        **which: Unpack[Which],
    ) -> InjectedFault:
        """Answer with an error; with ``topic`` or ``partition`` for those only, while the others are really handled."""
        return self._add(which, api=api, error=error, on=on, delay=delay)

    def delay(self, api: Apis | None, seconds: float, *, on: On = "request", **which: Unpack[Which]) -> InjectedFault:
        """Let requests wait on the broker's clock; of the same connection, later replies wait behind theirs."""
        return self._add(which, api=api, delay=seconds, on=on)

    def hold(self, api: Apis | None, *, on: On = "request", **which: Unpack[Which]) -> InjectedFault:
        """Let requests wait until they are released, or the fault is removed."""
        return self._add(which, api=api, hold=True, on=on)

    def disconnect(
        self, api: Apis | None, *, on: On = "request", delay: float = 0.0, **which: Unpack[Which]
    ) -> InjectedFault:
        """Cut the client off in place of a reply."""
        return self._add(which, api=api, disconnect=True, on=on, delay=delay)

    def drop(self, api: Apis | None, *, on: On = "reply", **which: Unpack[Which]) -> InjectedFault:
        """Send no reply, with the connection left open; with ``on="request"`` nothing is done either."""
        return self._add(which, api=api, drop=True, on=on)

    def corrupt(self, **which: Unpack[Which]) -> InjectedFault:
        """Send fetched records with a wrong checksum; what is stored stays as it is."""
        return self._add(which, corrupt=True)

    def throttle(self, api: Apis | None, seconds: float, **which: Unpack[Which]) -> InjectedFault:
        """Tell clients in the reply to wait before they send more, and do not look at what they send all the same."""
        return self._add(which, api=api, throttle=seconds)

    def add(self, **words: Unpack[Words]) -> InjectedFault:
        """Add a fault that does several things at once, in the same words as a file's."""
        return self._add(words)

    def _add(self, which: Which | Words, **words: Any) -> InjectedFault:
        from kafkalite.controls.faults.words import fault_of

        return self.inject(fault_of({**which, **words}))

    def inject(self, fault: Fault) -> InjectedFault:
        """Add a fault that has been made already, as by reading a file."""
        return InjectedFault(self._backend.steering.faults.add(fault))

    def __iter__(self) -> Iterator[InjectedFault]:
        """Go through the faults that are there now, in the order in which they were added."""
        return map(InjectedFault, self._backend.steering.faults.at_work())

    def __getitem__(self, name: str) -> InjectedFault:
        """Find a fault that is there now. Raises LookupError."""
        for fault in self:
            if fault.name == name:
                return fault
        names = ", ".join(repr(fault.name) for fault in self) or "none"
        raise NotThere(f"there is no fault {name!r}; faults: {names}")

    @property
    def fired(self) -> tuple[Fired, ...]:
        """All that fired so far, oldest first."""
        return self._backend.steering.faults.fired()

    def on_fired(self, tell: Callable[[Fired], None]) -> None:
        """Have ``tell`` called, in the broker's thread, with each that fires."""
        self._backend.steering.faults.on_fired(tell)

    def clear(self) -> None:
        """Remove all faults."""
        self._backend.steering.faults.clear()


class InjectedFault:
    """A fault at work. As a context manager it is removed at the end of the block."""

    def __init__(self, at_work: FaultAtWork) -> None:
        self.at_work = at_work

    @property
    def name(self) -> str:
        """What it is called in the log."""
        return self.at_work.name

    @property
    def fired(self) -> tuple[Fired, ...]:
        """The requests that it acted on so far, oldest first."""
        return self.at_work.fired()

    @property
    def held(self) -> int:
        """How many requests it holds now."""
        return self.at_work.held

    def await_fired(self, count: int = 1, *, timeout: float = PATIENCE) -> tuple[Fired, ...]:
        """Wait until it has acted on ``count`` requests. Raises NotInTime, which shows all that fired."""
        return self.at_work.until(count).result(timeout)

    def release(self, count: int | None = None) -> int:
        """Let requests go on that it holds, by default all; tells how many did."""
        return self.at_work.release(count)

    def remove(self) -> None:
        """Remove it, and release what it holds; nothing happens if it has been removed."""
        self.at_work.remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.remove()

    def __repr__(self) -> str:
        return f"<fault {self.name!r}, fired {len(self.fired)} time(s)>"
