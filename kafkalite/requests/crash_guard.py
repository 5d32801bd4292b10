"""The one place that handles unexpected exceptions: it logs them, and what they interrupted ends, not the broker."""

from __future__ import annotations

from collections.abc import Callable
from logging import getLogger

from kafkalite.errors import RequestError

log = getLogger("kafkalite.crash_guard")


class CrashGuard:
    """Runs callbacks, and turns an exception from one into a log entry and the end of what it belonged to."""

    def __init__(self) -> None:
        self.on_crash: Callable[[Exception], None] | None = None
        """Called with each unexpected exception, besides the log; tests fail through it."""

    def note(self, what: str, error: Exception) -> str:
        """Log an unexpected exception with its traceback. Return the reason for closing what it interrupted."""
        log.error("%s failed", what, exc_info=error)
        if self.on_crash is not None:
            self.on_crash(error)
        return f"{what} failed here; the traceback is above"

    def guard(self, what: str, call: Callable[[], None], fail: Callable[[str], None]) -> None:
        """Call ``call``; if it raises, call ``fail`` with the reason."""
        try:
            call()
        except RequestError as error:
            fail(str(error))
        except Exception as error:  # noqa: BLE001  # the guard turns a crash into a failed response
            fail(self.note(what, error))
