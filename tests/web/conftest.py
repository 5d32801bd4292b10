"""`kafkalite serve --controls` as a program."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from served import Served


@pytest.fixture
def served() -> Iterator[Served]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("KAFKALITE_")}
    command = [sys.executable, "-m", "kafkalite", "serve", "--quiet", "--in-memory"]
    process = subprocess.Popen(
        [*command, "--listen", "127.0.0.1:0", "--controls", "127.0.0.1:0"],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        said = "".join(process.stdout.readline() for _ in range(3))
        listening = re.search(r"listening on (\S+), data in memory\nControls are at (\S+)\n", said)
        assert listening is not None, said
        broker = Served(listening.group(1), listening.group(2), process)
        yield broker
        broker.stop()
    finally:
        process.kill()
        process.wait()
