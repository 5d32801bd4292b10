"""Exceptions for bytes that do not follow the protocol, and for versions that are not supported."""


class WireError(Exception):
    """Bytes that do not decode as a message.

    ``offset`` counts bytes from the start of the buffer, such as a request's frame; ``path`` names the field, such as
    ``topics[2].partitions[0].index``. Both are approximate where a frame ends early.
    """

    def __init__(self, reason: str, *, message: str = "", version: int = -1, offset: int = -1, path: str = "") -> None:
        self.reason = reason
        self.message = message
        self.version = version
        self.offset = offset
        self.path = path
        where = f"{message} v{version}: " if message else ""
        place = f" at byte {offset}" if offset >= 0 else ""
        field = f" in {path}" if path else ""
        super().__init__(f"{where}{reason}{field}{place}")


class MalformedError(WireError):
    """Bytes that cannot be read, raised where the field that they belong to is not known."""

    def __init__(self) -> None:
        super().__init__("malformed bytes")


class FrameLengthError(WireError):
    """A frame length that is negative or too large: the peer does not speak Kafka's protocol."""


class UnsupportedVersionError(WireError):
    """A version outside the declared range of its API, or an API that is not declared."""
