"""Snapshots, which are kept under names here, because a client cannot hold them in its hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kafkalite.web.routes.taken import Nothing
from kafkalite.web.routing import Route, route

if TYPE_CHECKING:
    from kafkalite.testing.handle import Handle
    from kafkalite.testing.snapshots import Snapshot
    from kafkalite.web.json_values import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSnapshot:
    """A snapshot that is to be taken."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OneSnapshot:
    """A snapshot, by its name."""

    snapshot: str


class Shelf:
    """The snapshots of one broker, by name."""

    def __init__(self) -> None:
        self._snapshots: dict[str, Snapshot] = {}

    def names(self, _handle: Handle, _: Nothing) -> Json:
        """Name the snapshots that there are."""
        return {"snapshots": list(self._snapshots)}

    def take(self, handle: Handle, asked: NewSnapshot) -> Json:
        """Take a snapshot of all that the broker keeps; nothing changes by it."""
        if asked.name in self._snapshots:
            raise ValueError(f"there is a snapshot {asked.name!r} already")
        self._snapshots[asked.name] = handle.snapshots.take()
        return {}

    def restore(self, handle: Handle, asked: OneSnapshot) -> Json:
        """Go back to a snapshot, as often as is wanted."""
        handle.snapshots.restore(self._find(asked.snapshot))
        return {}

    def discard(self, _handle: Handle, asked: OneSnapshot) -> Json:
        """Give back what a snapshot takes; else it goes with the broker."""
        self._find(asked.snapshot).discard()
        del self._snapshots[asked.snapshot]
        return {}

    def _find(self, name: str) -> Snapshot:
        if name not in self._snapshots:
            names = ", ".join(map(repr, self._snapshots)) or "none"
            raise LookupError(f"there is no snapshot {name!r}; snapshots: {names}")
        return self._snapshots[name]

    def routes(self) -> tuple[Route, ...]:
        """Give the routes to this shelf."""
        return (
            route("GET", "/snapshots", Nothing, self.names),
            route("POST", "/snapshots", NewSnapshot, self.take),
            route("DELETE", "/snapshots/{snapshot}", OneSnapshot, self.discard),
            route("POST", "/snapshots/{snapshot}/restore", OneSnapshot, self.restore),
        )
