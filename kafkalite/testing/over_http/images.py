"""Snapshots of a broker elsewhere, which it keeps itself."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

from kafkalite.testing.model.errors import NotOnThisBroker, NotPossible, NotThere
from kafkalite.testing.over_http.controls import segment

if TYPE_CHECKING:
    from kafkalite.testing.over_http.controls import Controls


class HttpImages:
    """What can be done with the images of one broker, which are names here."""

    def __init__(self, controls: Controls) -> None:
        self._controls = controls

    def take(self) -> str:
        """Take an image, between two requests; nothing changes by it."""
        name: str = self._controls.post("/snapshots")["name"]
        return name

    def restore(self, image: str) -> None:
        """Go back to an image, at the same address. Raises ValueError for a discarded one."""
        try:
            self._controls.post(f"/snapshots/{segment(image)}/restore")
        except NotThere as error:
            raise NotPossible(f"the snapshot was discarded: {error}") from None

    def save(self, image: str, path: str | os.PathLike[str]) -> NoReturn:
        """Raise NotOnThisBroker: its files are not ours to read."""
        raise NotOnThisBroker(f"saving {image!r} to {path} works only with a broker in the test's process")

    def remove(self, image: str) -> None:
        """Give back what an image takes; nothing happens if it is gone."""
        with suppress(NotThere):
            self._controls.delete(f"/snapshots/{segment(image)}")
