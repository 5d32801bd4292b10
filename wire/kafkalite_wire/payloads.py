"""Payloads that are not in memory: they are read, or sent from their file, without a codec looking at them."""

from __future__ import annotations

from typing import Protocol, cast

from kafkalite_wire.schema import Buffer, Payload


class FileSender(Protocol):
    """What sends a part of a file to a client."""

    def send_file(self, descriptor: int, position: int, size: int) -> int:
        """Send up to ``size`` bytes of an open file from ``position`` on. Return how many were sent."""
        ...


class StoredPayload(Payload, Protocol):
    """Bytes that lie in a file, or in what stands for one."""

    @property
    def has_descriptor(self) -> bool:
        """Whether it lies in a file of the operating system, so that :meth:`send_to` works."""
        ...

    def read(self, size: int | None = None) -> bytes:
        """Return the bytes, or the first ``size`` of them. Raises OSError."""
        ...

    def send_to(self, sender: FileSender, start: int) -> int:
        """Send the bytes from ``start`` on, as many as are taken now. Return how many. Raises OSError."""
        ...


def is_stored(payload: Payload) -> bool:
    """Return whether a payload is a StoredPayload; every other one is a buffer."""
    return not isinstance(payload, bytes | bytearray | memoryview)


def read_payload(payload: Payload, size: int | None = None) -> bytes:
    """Return the bytes of any payload, or the first ``size`` of them. Raises OSError if they cannot be read."""
    if is_stored(payload):
        return cast("StoredPayload", payload).read(size)
    return bytes(memoryview(cast("Buffer", payload))[:size])
