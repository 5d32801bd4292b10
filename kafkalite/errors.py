"""Errors that the program raises at its own borders."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kafkalite_wire.error_codes import ErrorCode


class StartError(Exception):
    """The broker cannot start; the message is for the user who started it."""


class RequestError(Exception):
    """A request that has no truthful response; the connection is closed, and the message is logged as the reason."""


class RefusedError(Exception):
    """A part of a request, such as a topic or a resource, that is answered with an error code of its own."""

    def __init__(self, code: ErrorCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
