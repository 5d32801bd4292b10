"""`kafkalite serve --controls` as a program."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from served import Served, Start


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a broker with its controls, with further options."""
    started: list[subprocess.Popen[str]] = []

    def start(*options: str) -> Served:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("KAFKALITE_")}
        command = [sys.executable, "-m", "kafkalite", "serve", "--quiet", "--in-memory", *options]
        process = subprocess.Popen(
            [*command, "--listen", "127.0.0.1:0", "--controls", "127.0.0.1:0"],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(process)
        assert process.stdout is not None
        said = "".join(process.stdout.readline() for _ in range(3))
        listening = re.search(r"listening on (\S+), data in memory\nControls are at (\S+)\n", said)
        assert listening is not None, said
        return Served(listening.group(1), listening.group(2), process)

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def served(start: Start) -> Iterator[Served]:
    """Give a broker that ends well."""
    broker = start()
    yield broker
    broker.stop()
