"""The request log's ways into a broker: its clock, its topics, its files; and out of it, into a file of JSON lines."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from logging import getLogger
from typing import TYPE_CHECKING, Final

from kafkalite.controls.request_log.json_lines import line_of
from kafkalite.controls.request_log.log import Bounds, LoggedCall, RequestLog
from kafkalite.errors import StartError

if TYPE_CHECKING:
    from pathlib import Path

    from kafkalite.controls.local_broker import Surroundings
    from kafkalite.controls.request_log.exchange import Exchange
    from kafkalite.requests.interceptors import InterceptorChain

log = getLogger("kafkalite.requests")

_JUST_THE_NEWEST: Final = Bounds(calls=1, size_bytes=0, records_bytes=64 << 10)


def request_log(
    surroundings: Callable[[], Surroundings],
    *,
    bounds: Bounds | None = None,
    on_change: Callable[[LoggedCall], None] | None = None,
) -> RequestLog:
    """Return a request log, whose surroundings a restored snapshot may replace.

    It keeps nothing before it is attached to a pipeline's interceptors.
    """
    return RequestLog(
        now=lambda: surroundings().now(),
        wall_ms=lambda: surroundings().wall_ms(),
        topic_names=lambda: surroundings().topic_names(),
        bounds=bounds,
        on_change=on_change,
    )


class RequestLogFile:
    """Writes each request of a pipeline to the end of a file, as one JSON line, once it has ended.

    A file that cannot be written any more ends the logging with an error in the program's log, not the program. Raises
    StartError if it cannot be opened.
    """

    def __init__(
        self,
        path: Path,
        surroundings: Callable[[], Surroundings],
        interceptors: InterceptorChain,
        *,
        bounds: Bounds = _JUST_THE_NEWEST,
    ) -> None:
        """``bounds`` say how much of a message is written."""
        try:
            # Write a line at a time, so that a reader of the file sees complete lines.
            self._file = path.open("a", buffering=1, encoding="utf-8")
        except OSError as error:
            raise StartError(f"cannot write the request log {path}: {error.strerror}") from None
        self._path = path
        self._log = request_log(surroundings, bounds=bounds, on_change=self._changed)
        self._interceptors = interceptors
        self._log.attach(interceptors)

    def close(self) -> None:
        """Write no more."""
        self._log.detach(self._interceptors)
        with suppress(OSError):  # whatever could not be written has been told already
            self._file.close()

    def line_of(self, exchange: Exchange) -> str:
        """Return the line of an exchange."""
        return line_of(exchange)

    def _changed(self, logged: LoggedCall) -> None:
        if logged.end is None or self._file.closed:
            return
        try:
            self._file.write(self.line_of(self._log.exchange(logged)))
        except OSError as error:
            log.error("%s: no requests are logged any more: %s", self._path, error.strerror)
            self.close()
