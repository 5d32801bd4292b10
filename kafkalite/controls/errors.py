"""The errors of the controls. The HTTP server turns each into a status, and the remote client turns it back."""

# ruff: noqa: N818 - a test reads better with the state that an error reports: `pytest.raises(NotFound)`

from __future__ import annotations


class WaitTimeout(TimeoutError):
    """A wait ended without its result; the message describes the current state and its recent history."""


class NotOnThisBroker(Exception):
    """This kind of broker does not have the control: see the message for the one that does."""


class BrokerFailed(Exception):
    """The broker stopped, or an exception in it was not handled; see the cause."""


class NotFound(LookupError):
    """There is no object of this name; the message lists the existing ones."""


class InvalidRequest(ValueError):
    """An argument is missing, unknown, of the wrong type or out of range; the message names it."""


class Conflict(InvalidRequest):
    """The broker refuses the request in its current state."""
