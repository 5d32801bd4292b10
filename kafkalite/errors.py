"""Errors that the program raises at its own borders."""


class StartError(Exception):
    """The broker cannot start; the message is meant for the person who started it."""


class RequestError(Exception):
    """A request that cannot be answered with a response of its own: the connection is closed with this reason."""
