"""The one place that catches errors nobody foresaw: they are logged, and end what they belong to, not the broker."""

from __future__ import annotations

from collections.abc import Callable
from logging import getLogger

from kafkalite.errors import RequestError

log = getLogger("kafkalite.unforeseen")


class Unforeseen:
    """What becomes of errors that nobody foresaw."""

    def __init__(self) -> None:
        self.tell: Callable[[Exception], None] | None = None
        """Told of each, besides the log: tests shall fail of them."""

    def note(self, what: str, error: Exception) -> str:
        """Log an error with its traceback; gives the reason for whoever is cut off because of it."""
        log.error("%s failed", what, exc_info=error)
        if self.tell is not None:
            self.tell(error)
        return f"{what} failed here; the traceback is above"

    def guard(self, what: str, call: Callable[[], None], fail: Callable[[str], None]) -> None:
        """Make a call for somebody who does not ask at the moment; should it fail, ``fail`` is given the reason."""
        try:
            call()
        except RequestError as error:
            fail(str(error))
        except Exception as error:
            fail(self.note(what, error))
