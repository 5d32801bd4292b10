"""The log of commands that run until they are stopped: one line an event, on standard error."""

from __future__ import annotations

import logging
import time

import click


class OneLine(logging.Formatter):
    """Write each event on one line, even if a client put line breaks into it; only tracebacks take more."""

    default_msec_format = "%s.%03dZ"
    default_time_format = "%Y-%m-%dT%H:%M:%S"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self.converter = time.gmtime

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  (logging's name)
        """Format the event itself, without its traceback."""
        return super().formatMessage(record).replace("\r", "\\r").replace("\n", "\\n")


def log_to_stderr(*, quiet: bool, verbose: bool) -> None:
    """Log what the options of a command ask for."""
    if quiet and verbose:
        raise click.UsageError("--quiet and --verbose exclude each other.")
    handler = logging.StreamHandler()
    handler.setFormatter(OneLine())
    logging.basicConfig(
        level=logging.WARNING if quiet else logging.DEBUG if verbose else logging.INFO, handlers=[handler]
    )
