"""All routes, in the order of the documentation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kafkalite import __version__
from kafkalite.web.routes import faults, groups, requests, snapshots, surroundings, topics
from kafkalite.web.routes.taken import Nothing
from kafkalite.web.routing import Route, route

if TYPE_CHECKING:
    from kafkalite.testing import Handle
    from kafkalite.web.json_values import Json


def index(handle: Handle, _: Nothing) -> Json:
    """Tell where clients find the broker, and what can be asked here."""
    routes = [f"{each.method} {each.path}" for each in ROUTES]
    return {"kafkalite": __version__, "bootstrap": handle.bootstrap, "routes": routes}


ROUTES: Final[tuple[Route, ...]] = (
    route("GET", "/", Nothing, index),
    *topics.ROUTES,
    *groups.ROUTES,
    *surroundings.ROUTES,
    *faults.ROUTES,
    *requests.ROUTES,
    *snapshots.ROUTES,
)
