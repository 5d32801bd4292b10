"""Payloads in memory and in files. A payload in a file is sent without being read into memory."""

from __future__ import annotations

from typing import Protocol, cast

from kafkalite_wire.schema import Buffer, Payload


class FileSender(Protocol):
    """Sends ranges of files to a client."""

    def send_file(self, descriptor: int, position: int, size: int) -> int:
        """Send up to ``size`` bytes of an open file from ``position`` on; return how many were sent."""
        ...


class StoredPayload(Payload, Protocol):
    """A range of a file, or of an object that behaves like one."""

    @property
    def has_descriptor(self) -> bool:
        """Whether the file is one of the operating system, so that :meth:`send_to` works."""
        ...

    def read(self, size: int | None = None) -> bytes:
        """Return the bytes, or the first ``size`` of them. Raises OSError."""
        ...

    def send_to(self, sender: FileSender, start: int) -> int:
        """Send bytes from ``start`` on, as many as the sender takes now; return how many. Raises OSError."""
        ...


def is_stored(payload: Payload) -> bool:
    """Return whether a payload is a StoredPayload; all others are buffers."""
    return not isinstance(payload, bytes | bytearray | memoryview)


def read_payload(payload: Payload, size: int | None = None) -> bytes:
    """Return the bytes of any payload, or the first ``size`` of them. Raises OSError."""
    if is_stored(payload):
        return cast("StoredPayload", payload).read(size)
    return bytes(memoryview(cast("Buffer", payload))[:size])
