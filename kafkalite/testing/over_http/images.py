"""Snapshots of a broker elsewhere, which it keeps itself."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from kafkalite.testing.model.errors import NotOnThisBroker, NotPossible, NotThere
from kafkalite.testing.over_http.controls import segment

if TYPE_CHECKING:
    from kafkalite.testing.over_http.controls import Controls


@dataclass(frozen=True, slots=True)
class NamedImage:
    """An image as the broker calls it."""

    controls: Controls
    name: str


class HttpImages:
    """What can be done with the images of one broker."""

    def __init__(self, controls: Controls) -> None:
        self._controls = controls

    def take(self) -> NamedImage:
        """Take an image, between two requests; nothing changes by it."""
        return NamedImage(self._controls, self._controls.post("/snapshots")["name"])

    def restore(self, image: NamedImage) -> None:
        """Go back to an image, at the same address. Raises ValueError for one of another broker, or a discarded one."""
        if image.controls is not self._controls:
            raise NotPossible(f"snapshot {image.name!r} is of another broker")
        try:
            self._controls.post(f"/snapshots/{segment(image.name)}/restore")
        except NotThere as error:
            raise NotPossible(f"the snapshot was discarded: {error}") from None

    def save(self, image: NamedImage, path: str | os.PathLike[str]) -> NoReturn:
        """Raise NotOnThisBroker: its files are not ours to read."""
        raise NotOnThisBroker(f"saving {image.name!r} to {path} works only with a broker in the test's process")

    def remove(self, image: NamedImage) -> None:
        """Give back what an image takes; nothing happens if it is gone."""
        with suppress(NotThere):
            self._controls.delete(f"/snapshots/{segment(image.name)}")
