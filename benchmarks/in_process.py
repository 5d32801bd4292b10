"""How long a broker beside a test takes to start, to answer and to stop: `python -m benchmarks.in_process`."""

from __future__ import annotations

import socket
import statistics
import struct
import tempfile
import time
from pathlib import Path

from kafkalite.config import HostPort
from kafkalite.testing import run

_ROUNDS = 30
_METADATA = bytes.fromhex("0000000f000300010000000700017800000000")


def main() -> None:
    """Print medians and maxima in milliseconds, the first round apart: it imports what it needs."""
    with tempfile.TemporaryDirectory() as directory:
        for name, folder in (("in memory", None), ("on disk", Path(directory))):
            rounds = [_round(None if folder is None else folder / str(number)) for number in range(_ROUNDS)]
            first, others = rounds[0], rounds[1:]
            for index, what in enumerate(("start to first Metadata reply", "stop")):
                values = [one[index] for one in others]
                print(
                    f"{name:10} {what:30} first {first[index]:6.1f} ms, "
                    f"median {statistics.median(values):6.1f} ms, longest {max(values):6.1f} ms"
                )


def _round(folder: Path | None) -> tuple[float, float]:
    began = time.perf_counter()
    with run(data=folder) as broker:
        address = HostPort.parse(broker.bootstrap)
        with socket.create_connection((address.host, address.port)) as connection:
            connection.sendall(_METADATA)
            (length,) = struct.unpack(">i", connection.recv(4))
            assert len(connection.recv(length)) == length
        answered = time.perf_counter()
    return (answered - began) * 1000, (time.perf_counter() - answered) * 1000


if __name__ == "__main__":
    main()
