"""What a fault is: which calls it matches, and what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from kafkalite_wire.apis import Api
    from kafkalite_wire.error_codes import ErrorCode
    from kafkalite_wire.schema import Versions

On = Literal["request", "reply"]
"""Where a fault acts: before the handler has run, or behind it, when there is a reply."""

ON: Final[tuple[On, ...]] = ("request", "reply")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A rule. What is None, or empty, matches everything; names may have ``*`` and ``?`` in them."""

    name: str

    # Which calls match

    apis: tuple[Api, ...] = ()
    version: Versions | None = None
    client_id: str | None = None
    group: str | None = None
    member: str | None = None
    """A member id, an instance id or a client id within a group."""
    topic: str | None = None
    partition: int | None = None
    since: float = 0.0
    """Seconds after the rule was added."""
    until: float = inf

    # Which of those it acts on

    nth: int | None = None
    """The only one, counted from 1."""
    skip: int = 0
    times: int | None = None
    probability: float = 1.0
    seed: int = 0

    # What is done

    on: On = "request"
    delay: float = 0.0
    """Seconds on the broker's clock."""
    hold: bool = False
    error: ErrorCode | None = None
    disconnect: bool = False
    drop: bool = False
    corrupt: bool = False
    throttle: float | None = None
    """Seconds that the client is asked to wait, and for which it is muted."""

    @property
    def chooses_parts(self) -> bool:
        """Whether it is about some partitions only, so that others in the same request go on."""
        return self.topic is not None or self.partition is not None

    def __str__(self) -> str:
        """Say what is done, in words."""
        done: list[str] = []
        if self.hold:
            done.append("held")
        if self.delay:
            done.append(f"delayed by {self.delay:g} s")
        if self.error is not None:
            done.append(f"answered {self.error.name}")
        if self.disconnect:
            done.append("disconnected")
        if self.drop:
            done.append("request lost" if self.on == "request" else "reply lost")
        if self.corrupt:
            done.append("CRC corrupted")
        if self.throttle is not None:
            done.append(f"throttled by {self.throttle:g} s")
        return ", ".join(done) + (", though handled" if self.on == "reply" and (self.error or self.disconnect) else "")
