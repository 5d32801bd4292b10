"""What the suite needs of a broker: an address, and for one that it started itself, a switch."""

import random
import socket
import struct
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Final, Protocol

# A Metadata request v1 for no topic, written by hand: size, key 3, version 1, correlation 7, client id "ready?".
_METADATA_REQUEST = bytes.fromhex("00000014 0003 0001 00000007 0006 7265616479 3f 00000000".replace(" ", ""))

_NOT_EPHEMERAL: Final = range(20_000, 32_000)
"""Ports outside the ephemeral range, which begins at 32768 or above."""

_held: Final[list[socket.socket]] = []
"""Sockets that reserve the returned ports until this process ends."""


class Broker(Protocol):
    """A running broker that the suite started."""

    @property
    def bootstrap(self) -> str:
        """Its address, `HOST:PORT`."""
        ...

    @property
    def pid(self) -> int:
        """The process id of the server itself."""
        ...

    def stop(self) -> int:
        """Stop it as an operator would (SIGTERM) and return its exit status."""
        ...

    def kill(self) -> None:
        """End it as a crash would (SIGKILL)."""
        ...

    def close(self) -> None:
        """End it for good, with what was started beside it."""
        ...

    def start_again(self) -> None:
        """Start it on the same data and the same port, and wait until it is ready."""
        ...


class BrokerStarter(Protocol):
    """A way to start brokers of one kind, each with its own data folder."""

    @property
    def name(self) -> str:
        """What the support table calls this kind of broker."""
        ...

    def start(self, data_dir: Path) -> Broker:
        """Start a broker and wait until it is ready."""
        ...


def free_port() -> int:
    """Return a loopback port that is not in use, and that is reserved until this process ends.

    Who listens there needs SO_REUSEADDR, as brokers have it to start again; until then connections are refused.
    """
    while True:
        # Not of `random` itself, which Hypothesis seeds alike in all processes.
        port = random.SystemRandom().choice(_NOT_EPHEMERAL)
        holding = socket.socket()
        try:
            holding.bind(("127.0.0.1", port))
        except OSError:
            holding.close()
            continue
        if sys.platform == "linux":
            # Bound exclusively first, to be sure that it is free; then shared with the server that will listen on it.
            holding.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            _held.append(holding)
        else:
            holding.close()
        return port


def serves_metadata(bootstrap: str) -> bool:
    """Return whether a Metadata response names at least one broker; an open port is not enough."""
    host, _, port = bootstrap.rpartition(":")
    try:
        with closing(socket.create_connection((host, int(port)), timeout=10)) as connection:
            connection.sendall(_METADATA_REQUEST)
            answer = b""
            while len(answer) < 12:
                part = connection.recv(4096)
                if not part:
                    return False
                answer += part
    except OSError:
        return False
    _size, correlation, brokers = struct.unpack_from(">iii", answer)
    return bool(correlation == 7 and brokers > 0)


def wait_until_ready(bootstrap: str, *, timeout: float, alive: "Liveness") -> None:
    """Wait until the broker serves metadata; TimeoutError after `timeout` seconds, RuntimeError if it ended."""
    deadline = time.monotonic() + timeout
    while not serves_metadata(bootstrap):
        if alive.exit_status is not None:
            raise RuntimeError(f"the broker ended with status {alive.exit_status} before it was ready")
        if time.monotonic() > deadline:
            raise TimeoutError(f"no Metadata answer from {bootstrap} within {timeout:.0f} s")
        time.sleep(0.02)


class Liveness(Protocol):
    """Something that may have ended."""

    @property
    def exit_status(self) -> int | None:
        """How it ended, or None while it runs."""
        ...
