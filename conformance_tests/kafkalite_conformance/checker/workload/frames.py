"""Frames on their way through the proxy, and what may change them."""

from dataclasses import dataclass, field

from kafkalite_wire.headers import read_request_prefix


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFrame:
    """A request as it came from a client, without the length before it."""

    api_key: int
    version: int
    correlation_id: int
    frame: bytes
    body: int
    """Where the client id ends; tagged fields of a flexible header follow, then the message."""

    @classmethod
    def read(cls, frame: bytes) -> "RequestFrame":
        """Read the prefix of a frame. Raises WireError."""
        prefix = read_request_prefix(memoryview(frame))
        return cls(
            api_key=prefix.api_key,
            version=prefix.api_version,
            correlation_id=prefix.correlation_id,
            frame=frame,
            body=prefix.end,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What becomes of a request: frames for the broker, and frames for the client that are sent at once."""

    to_broker: tuple[bytes, ...] = ()
    to_client: tuple[bytes, ...] = ()


@dataclass(slots=True)
class Meddler:
    """Passes everything on; subclasses make a broken broker of a good one. One proxy uses one."""

    changed: int = field(default=0, init=False)
    """How often it made a fault."""

    def request(self, request: RequestFrame) -> Exchange:
        """Return what becomes of a request."""
        return Exchange(to_broker=(request.frame,))

    def response(self, request: RequestFrame, frame: bytes) -> bytes:
        """Return the response that the client receives for a request, without its length."""
        del request
        return frame
