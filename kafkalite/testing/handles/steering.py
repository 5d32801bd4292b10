"""What a handle steers a broker by, wherever the broker is: its time, groups, faults, request log and images."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import os

    from kafkalite.controls.faults.fault import Fault
    from kafkalite.controls.faults.firings import Fired
    from kafkalite.controls.request_log.criteria import Criteria
    from kafkalite.controls.request_log.exchange import Exchange
    from kafkalite.controls.request_log.log import Bounds
    from kafkalite.testing.model.wait import Wait


class Steering(Protocol):
    """The controls over one broker."""

    @property
    def faults(self) -> Injection:
        """What makes requests go wrong."""
        ...

    @property
    def recorder(self) -> Recorder:
        """What records requests."""
        ...

    def now_ms(self) -> int:
        """Tell the broker's time: milliseconds since 1970."""
        ...

    def freeze(self) -> None:
        """Let the broker's time stand still."""
        ...

    def resume(self) -> None:
        """Let the broker's time run on."""
        ...

    def advance(self, seconds: float, keep_alive: Collection[str]) -> None:
        """Move the broker's time. Raises LookupError for members to be kept alive that are not there."""
        ...

    def expire(self, group_id: str, member: str) -> None:
        """Let a member's session end now. Raises LookupError unless exactly one member is called so."""
        ...

    def fence(self, group_id: str, member: str) -> None:
        """Take a static member's place away for good. Raises as `expire` does, and ValueError for a dynamic one."""
        ...

    def rebalance(self, group_id: str) -> None:
        """Have all members of a group join again. Raises LookupError if it has none."""
        ...

    def pin(self, group_id: str, owners: Mapping[tuple[str, int], str]) -> None:
        """Give partitions to members for good. Raises LookupError where a topic has no such partition."""
        ...

    def unpin(self, group_id: str) -> None:
        """Let the leader of a group assign again."""
        ...

    def move_coordinator_away(self, group_id: str | None) -> None:
        """Let the coordinator of a group, with None of all, be nowhere."""
        ...

    def move_coordinator_back(self, group_id: str | None) -> None:
        """Let the coordinator be here again."""
        ...

    def set_available(self, available: bool) -> None:
        """Cut all clients off and let none in, or let them in again."""
        ...

    def let_go(self) -> None:
        """Undo what is steered now."""
        ...


class Injection(Protocol):
    """The faults of one broker."""

    def add(self, fault: Fault) -> FaultAtWork:
        """Add a fault; one without a name gets one, and so does one whose name is taken."""
        ...

    def at_work(self) -> Iterable[FaultAtWork]:
        """Give the faults that are there now, in the order in which they were added."""
        ...

    def clear(self) -> None:
        """Take all faults away."""
        ...

    def fired(self) -> tuple[Fired, ...]:
        """Give all that fired, oldest first."""
        ...

    def on_fired(self, tell: Callable[[Fired], None]) -> None:
        """Have ``tell`` called with each that fires. Raises NotOnThisBroker where nobody can."""
        ...


class FaultAtWork(Protocol):
    """One fault, from when it was added."""

    @property
    def name(self) -> str:
        """What it is called in the log."""
        ...

    @property
    def does(self) -> str:
        """What it does, in words."""
        ...

    @property
    def held(self) -> int:
        """How many requests it holds now."""
        ...

    def fired(self) -> tuple[Fired, ...]:
        """Give the requests that it acted on, oldest first."""
        ...

    def until(self, count: int) -> Wait[tuple[Fired, ...]]:
        """Wait until it has fired so often."""
        ...

    def release(self, count: int | None) -> int:
        """Let calls go on that are held; tells how many did."""
        ...

    def remove(self) -> None:
        """Take it away, and release what it holds; nothing happens if it is gone."""
        ...


class RecordedLog(Protocol):
    """A request log, as far as it is numbers. Only the recorder that it comes from can show what is in it."""

    @property
    def seen(self) -> int:
        """How many calls there have been; also the number of the last one."""
        ...

    @property
    def dropped(self) -> int:
        """How many of them had to make room for newer ones."""
        ...


class Recorder(Protocol):
    """What keeps a request log while somebody wants one."""

    @property
    def is_on(self) -> bool:
        """Whether requests are being recorded."""
        ...

    @property
    def begun(self) -> int:
        """How many logs have been begun."""
        ...

    @property
    def log(self) -> RecordedLog:
        """The log that records, or recorded last. Raises LookupError if there never was one."""
        ...

    def start(self, bounds: Bounds) -> None:
        """Begin an empty log. Raises ValueError if one is being recorded."""
        ...

    def stop(self) -> None:
        """Record no more calls; what has been recorded stays."""
        ...

    def clear(self) -> None:
        """Forget what has been recorded."""
        ...

    def exchanges(self, log: Any, *, since: int = 0, until: int | None = None) -> list[Exchange]:
        """Show what a log of this recorder's has after a number, and up to another one, oldest first."""
        ...

    def until(self, criteria: Criteria) -> Wait[Exchange]:
        """Wait for an exchange that has ended; or, if its outcome is asked for, that has this one."""
        ...


class Images(Protocol):
    """What can be done with the images of one broker; what an image is, only this broker knows."""

    def take(self) -> object:
        """Take an image, between two requests; nothing changes by it. Raises StorageError."""
        ...

    def restore(self, image: Any) -> None:
        """Go back to an image, at the same address. Raises ValueError for one of another broker, and StorageError."""
        ...

    def save(self, image: Any, path: str | os.PathLike[str]) -> None:
        """Write an image as a data directory. Raises FileExistsError, ValueError, StorageError and NotOnThisBroker."""
        ...

    def remove(self, image: Any) -> None:
        """Give back what an image takes; nothing happens if it is gone."""
        ...
