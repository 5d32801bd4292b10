"""Snapshots: the broker as it was, to come back to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kafkalite.web.routes.taken import Nothing
from kafkalite.web.routing import route

if TYPE_CHECKING:
    from kafkalite.testing import Handle
    from kafkalite.web.json_values import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What a snapshot is to be called, by default a number."""

    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OneSnapshot:
    """A snapshot, by its name."""

    snapshot: str


def snapshots(handle: Handle, _: Nothing) -> Json:
    """Name all snapshots."""
    return {"snapshots": [snapshot.name for snapshot in handle.snapshots]}


def take(handle: Handle, asked: Named) -> Json:
    """Take a snapshot of all that the broker keeps."""
    return {"name": handle.snapshots.take(asked.name).name}


def restore(handle: Handle, asked: OneSnapshot) -> Json:
    """Go back to a snapshot, at the same address; clients are cut off and connect again."""
    snapshot = handle.snapshots[asked.snapshot]
    handle.snapshots.restore(snapshot)
    return {"name": snapshot.name}


def discard(handle: Handle, asked: OneSnapshot) -> Json:
    """Give back what a snapshot takes."""
    handle.snapshots[asked.snapshot].discard()
    return {}


ROUTES: Final = (
    route("GET", "/snapshots", Nothing, snapshots),
    route("POST", "/snapshots", Named, take),
    route("POST", "/snapshots/{snapshot}/restore", OneSnapshot, restore),
    route("DELETE", "/snapshots/{snapshot}", OneSnapshot, discard),
)
