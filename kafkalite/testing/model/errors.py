"""What a test is told when something cannot be had."""


class NotInTime(TimeoutError):  # noqa: N818 - it reads as what happened
    """What was awaited did not come; the message tells what is there instead, and how it came to that."""


class NotOnThisBroker(Exception):  # noqa: N818
    """A control that only a broker in the test's own process has was asked of another one."""


class BrokerFailed(Exception):  # noqa: N818
    """The broker failed on its thread, or a request failed in it in a way that nobody foresaw; see the cause."""


class NotThere(LookupError):  # noqa: N818
    """Nothing is called so; the message tells what there is."""


class NotPossible(ValueError):  # noqa: N818
    """It cannot be done, as things are or as it was asked for; the message tells why."""
