"""The protocol by hand: frames, fields and one record batch, written out rather than encoded by any library."""

import socket
import struct
import time
from collections.abc import Sequence
from typing import Final

API_PRODUCE: Final = 0
API_FETCH: Final = 1
API_LIST_OFFSETS: Final = 2
API_METADATA: Final = 3
API_OFFSET_COMMIT: Final = 8
API_OFFSET_FETCH: Final = 9
API_FIND_COORDINATOR: Final = 10
API_JOIN_GROUP: Final = 11
API_HEARTBEAT: Final = 12
API_LEAVE_GROUP: Final = 13
API_SYNC_GROUP: Final = 14
API_API_VERSIONS: Final = 18
API_INIT_PRODUCER_ID: Final = 22


def int8(value: int) -> bytes:
    """Return one signed byte."""
    return struct.pack(">b", value)


def int16(value: int) -> bytes:
    """Return two bytes, big-endian, signed."""
    return struct.pack(">h", value)


def int32(value: int) -> bytes:
    """Return four bytes, big-endian, signed."""
    return struct.pack(">i", value)


def int64(value: int) -> bytes:
    """Return eight bytes, big-endian, signed."""
    return struct.pack(">q", value)


def string(value: str | None) -> bytes:
    """Return a string with a length of two bytes; -1 long for null."""
    return int16(-1) if value is None else int16(len(value.encode())) + value.encode()


def bytes32(value: bytes | None) -> bytes:
    """Return bytes with a length of four bytes; -1 long for null."""
    return int32(-1) if value is None else int32(len(value)) + value


def array(items: Sequence[bytes]) -> bytes:
    """Return an array with a count of four bytes."""
    return int32(len(items)) + b"".join(items)


class Reader:
    """Reads fields from a response."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def _unpack(self, form: str) -> int:
        (value,) = struct.unpack_from(form, self._data, self._at)
        self._at += struct.calcsize(form)
        return int(value)

    def int16(self) -> int:
        """Read two bytes."""
        return self._unpack(">h")

    def int32(self) -> int:
        """Read four bytes."""
        return self._unpack(">i")

    def int64(self) -> int:
        """Read eight bytes."""
        return self._unpack(">q")

    def string(self) -> str | None:
        """Read a string or null."""
        length = self.int16()
        return None if length < 0 else self.take(length).decode()

    def bytes32(self) -> bytes | None:
        """Read bytes or null."""
        length = self.int32()
        return None if length < 0 else self.take(length)

    def take(self, length: int) -> bytes:
        """Read that many bytes. ValueError when the response ends before."""
        part = self._data[self._at : self._at + length]
        if len(part) != length:
            raise ValueError(f"the response ends after {len(part)} of {length} bytes")
        self._at += length
        return part

    @property
    def left(self) -> int:
        """How many bytes are unread."""
        return len(self._data) - self._at


class RawConnection:
    """A TCP connection that sends exactly the given bytes."""

    def __init__(self, bootstrap: str) -> None:
        host, _, port = bootstrap.rpartition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=60)
        self._correlation = 100

    def __enter__(self) -> "RawConnection":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._socket.sendall(data)

    def end_sending(self) -> None:
        """Say that nothing more comes; answers may still be read."""
        self._socket.shutdown(socket.SHUT_WR)

    def start(
        self, api: int, version: int, body: bytes, *, client_id: str | None = "by-hand", tagged: bool = False
    ) -> int:
        """Send a request and return its correlation id; `tagged` for a header of version 2."""
        self._correlation += 1
        header = (
            int16(api) + int16(version) + int32(self._correlation) + string(client_id) + (b"\x00" if tagged else b"")
        )
        self.send(int32(len(header + body)) + header + body)
        return self._correlation

    def receive(self, *, within: float = 60) -> tuple[int, Reader]:
        """Read one response and return its correlation id and what follows it. TimeoutError after `within` seconds."""
        reader = Reader(self.receive_frame(within=within))
        return reader.int32(), reader

    def receive_frame(self, *, within: float = 60) -> bytes:
        """Read one response with its header, without its length. TimeoutError after `within` seconds."""
        self._socket.settimeout(within)
        (size,) = struct.unpack(">i", self._exactly(4))
        return self._exactly(size)

    def ask(self, api: int, version: int, body: bytes, *, tagged: bool = False) -> Reader:
        """Send a request and return the body of its response; the response's header is version 0."""
        wanted = self.start(api, version, body, tagged=tagged)
        correlation, reader = self.receive()
        assert correlation == wanted
        return reader

    def offered_apis(self) -> set[int]:
        """Ask which APIs the broker offers (ApiVersions 0)."""
        answer = self.ask(18, 0, b"")
        assert answer.int16() == 0
        offered: set[int] = set()
        for _ in range(answer.int32()):
            offered.add(answer.int16())
            answer.take(4)
        return offered

    def is_closed_by_the_broker(self, *, within: float = 60) -> bool:
        """Return whether the broker closes the connection; bytes that it still sends are ignored."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            self._socket.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                if not self._socket.recv(65536):
                    return True
            except TimeoutError:
                return False
            except OSError:
                return True
        return False

    def hears_nothing(self, *, within: float) -> bool:
        """Return whether the broker sends nothing for a while."""
        self._socket.settimeout(within)
        try:
            return not self._socket.recv(1)
        except TimeoutError:
            return True
        finally:
            self._socket.settimeout(60)

    def _exactly(self, count: int) -> bytes:
        parts = b""
        while len(parts) < count:
            part = self._socket.recv(count - len(parts))
            if not part:
                raise ConnectionError(f"closed after {len(parts)} of {count} bytes")
            parts += part
        return parts


def crc32c(data: bytes) -> int:
    """Return the Castagnoli checksum, bit by bit."""
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


def record_batch(
    value: bytes,
    *,
    producer_id: int = -1,
    producer_epoch: int = -1,
    sequence: int = -1,
    checksum: int | None = None,
    magic: int = 2,
) -> bytes:
    """Return a batch of one record with a value of fewer than 50 bytes, as the protocol guide lays it out."""
    # Zigzag of a number below 64 is its double. attributes, timestamp delta, offset delta, no key, value, no headers.
    fields = b"\x00\x00\x00\x01" + bytes([2 * len(value)]) + value + b"\x00"
    record = bytes([2 * len(fields)]) + fields
    moment = int64(int(time.time() * 1000))
    after_checksum = (
        int16(0)
        + int32(0)
        + moment
        + moment
        + int64(producer_id)
        + int16(producer_epoch)
        + int32(sequence)
        + int32(1)
        + record
    )
    actual = crc32c(after_checksum) if checksum is None else checksum
    after_length = int32(-1) + int8(magic) + struct.pack(">I", actual) + after_checksum
    return int64(0) + int32(len(after_length)) + after_length


def produce_v3(topic: str, records: bytes | None, *, acks: int = -1, partition: int = 0) -> bytes:
    """Return a Produce request v3 for one partition."""
    data = array([int32(partition) + bytes32(records)])
    return string(None) + int16(acks) + int32(5000) + array([string(topic) + data])


def produce_outcome(response: Reader) -> tuple[int, int]:
    """Return the error code and the base offset of a Produce response v3 for one partition."""
    assert response.int32() == 1
    response.string()
    assert response.int32() == 1
    response.int32()
    return response.int16(), response.int64()
