"""One direction of a connection, with the toxics that act on it one after the other. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Final, Literal, cast

from kafkalite.shaping.toxics import Ending, Stage, ToxicError

if TYPE_CHECKING:
    from kafkalite.shaping.toxics import Chance, Toxic

Direction = Literal["upstream", "downstream"]
"""From the client to the server, or back."""

CAPACITY: Final = 4 << 20
"""Bytes that a direction holds before its sender is no longer read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedToxic:
    """A toxic under a name, in one direction of a share of all connections. Raises ToxicError."""

    name: str
    toxic: Toxic
    direction: Direction = "downstream"
    toxicity: float = 1.0
    """The probability that it acts on a connection, from 0 to 1."""

    def __post_init__(self) -> None:
        given = cast("object", self.toxicity)  # as HTTP has it
        if not isinstance(given, int | float) or isinstance(given, bool) or not given < inf:
            raise ToxicError(f"toxicity must be a number from 0 to 1, and is {self.toxicity!r}")

    def stage(self, chance: Chance, now: float) -> Stage:
        """Begin to act on one direction of a connection, or, by chance, to do nothing."""
        return self.toxic.stage(chance, now) if chance() < self.toxicity else Stage()


class ShapedStream:
    """What has been received and is not sent yet."""

    def __init__(self, chance: Chance) -> None:
        self._chance = chance
        self._stages: dict[str, Stage] = {}
        self._entry = Stage()  # what has come before the first toxic has taken it
        self._ready: list[bytes] = []
        self.ending: Ending | None = None
        """How the direction ends, once everything that :meth:`take` returned has been sent."""

    @property
    def is_plain(self) -> bool:
        """Whether nothing acts on the stream, and it holds nothing."""
        return not self._stages and not self._ready and self.ending is None

    @property
    def has_room(self) -> bool:
        """Whether more may be received."""
        return self.size < CAPACITY

    @property
    def size(self) -> int:
        """Bytes that toxics hold."""
        return sum(stage.size for stage in self._stages.values())

    def put(self, data: bytes, now: float) -> None:
        """Take in bytes that were received."""
        self._chain()[0].put(data, now)

    def put_end(self, now: float) -> None:
        """Take in the end of the stream."""
        self._chain()[0].put_end(Ending.END_OF_STREAM, now)

    def take(self, now: float) -> list[bytes]:
        """Return what is due to be sent by ``now``, and set :attr:`ending` if that is all."""
        chain = self._chain()
        for number, stage in enumerate(chain):
            following = chain[number + 1] if number + 1 < len(chain) else None
            for due, data in stage.take(now):
                if following is None:
                    self._ready.append(data)
                else:
                    following.put(data, due)
            end = stage.take_end(now)
            if end is None:
                continue
            when, ending = end
            if following is None:
                self.ending = ending
            else:
                following.put_end(ending, when)
        ready, self._ready = self._ready, []
        return ready

    def next_due(self) -> float:
        """Return when something is due next, infinite if nothing is."""
        return min((stage.next_due() for stage in self._chain()), default=inf)

    def add(self, toxic: NamedToxic, now: float) -> None:
        """Add a toxic, after the others."""
        self._stages[toxic.name] = toxic.stage(self._chance, now)

    def replace(self, toxic: NamedToxic, now: float) -> None:
        """Replace the toxic of the same name; what the old one held goes on at once."""
        self._settle(toxic.name, now)
        self._stages[toxic.name] = toxic.stage(self._chance, now)

    def remove(self, toxic: NamedToxic, now: float) -> None:
        """End a toxic; what it held goes on at once."""
        self._settle(toxic.name, now)
        del self._stages[toxic.name]
        if toxic.toxic.ends_when_removed:
            self.ending = self.ending or Ending.CLOSE

    def _settle(self, name: str, now: float) -> None:
        names = list(self._stages)
        following = names[names.index(name) + 1 :]
        stage = self._stages[name]
        data, ending = stage.flush(), stage.pending_end()
        if following:
            target = self._stages[following[0]]
            if data:
                target.put(data, now)
            if ending is Ending.END_OF_STREAM:
                target.put_end(ending, now)
        else:
            if data:
                self._ready.append(data)
            if ending is Ending.END_OF_STREAM:
                self.ending = ending

    def _chain(self) -> list[Stage]:
        return list(self._stages.values()) or [self._entry]
