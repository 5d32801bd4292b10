"""What the protocol code raises when bytes are not what the protocol says."""


class WireError(Exception):
    """A frame that does not decode as the message it claims to be.

    ``offset`` counts bytes from the start of the buffer, of a request's frame for example; ``path`` names the
    field, such as ``topics[2].partitions[0].index``. Both are best effort where a frame ends early.
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


class FrameLengthError(WireError):
    """A frame whose length is negative or too large; its peer does not speak Kafka's protocol."""


class UnsupportedVersionError(WireError):
    """A version outside the declared range of its API, or an API that is not declared at all."""
