"""The errors of the controls. The HTTP server turns each into a status, and the remote client turns it back."""

from __future__ import annotations


class WaitTimeout(TimeoutError):  # noqa: N818
    """A wait ended without its result; the message describes the current state and its recent history."""


class NotOnThisBroker(Exception):  # noqa: N818 - reads as the state it reports
    """This kind of broker does not have the control: see the message for the one that does."""


class BrokerFailed(Exception):  # noqa: N818
    """The broker stopped, or an exception in it was not handled; see the cause."""


class NotFound(LookupError):  # noqa: N818
    """There is no object of this name; the message lists the existing ones."""


class InvalidRequest(ValueError):  # noqa: N818
    """An argument is missing, unknown, of the wrong type or out of range; the message names it."""


class Conflict(InvalidRequest):
    """The broker refuses the request in its current state."""
