"""The page of the controls over HTTP is current, and its blocks print what they show."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer

from kafkalite.controls.http.reference import with_reference
from tests.support.toolchains import program

PAGE = Path(__file__).parents[2] / "docs" / "controls" / "http.md"


def test_the_routes_are_current() -> None:
    page = PAGE.read_text()
    assert page == with_reference(page), "run: python -m kafkalite.controls.http.reference docs/controls/http.md"


@pytest.fixture
def addresses(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Start what the first block starts, on free ports; gives what stands for the ports of the page."""
    _, *options = shlex.split(shown()[0][0].replace(":9092", ":0").replace(":9093", ":0"))
    command = [sys.executable, "-m", "kafkalite", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as broker:
        try:
            assert broker.stdout is not None
            printed = "".join(broker.stdout.readline() for _ in range(3))
            clients, controls = re.findall(r"127\.0\.0\.1:\d+", printed)[:2]
            yield {"127.0.0.1:9092": clients, "127.0.0.1:9093": controls}
        finally:
            broker.terminate()
    assert list(tmp_path.iterdir()) == []


def test_the_blocks_print_what_they_show(addresses: dict[str, str]) -> None:
    stopping = threading.Event()
    threads = [threading.Thread(target=read, args=[addresses, name, stopping]) for name in ("anna", "ben")]
    try:
        for command, expected in shown()[1:]:
            if "await/stable" in command and threads[0].ident is None:
                for thread in threads:
                    thread.start()
            for stands, real in addresses.items():
                command = command.replace(stands, real)
            curl = [program("curl"), "--silent", "--show-error", *shlex.split(command)[1:]]
            printed = subprocess.run(curl, capture_output=True, text=True, check=True).stdout
            pattern = re.escape(expected).replace(re.escape("..."), ".*")
            assert re.fullmatch(pattern, printed), f"{command}\n{printed}"
    finally:
        stopping.set()
        for thread in threads:
            if thread.ident is not None:
                thread.join()


def shown() -> list[tuple[str, str]]:
    """Return the commands of the page and the output that it shows for them."""
    blocks = "".join(re.findall(r"```console\n(.*?)```", PAGE.read_text(), flags=re.DOTALL))
    return re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", blocks, flags=re.MULTILINE)


def read(addresses: dict[str, str], name: str, stopping: threading.Event) -> None:
    consumer = Consumer(
        {
            "bootstrap.servers": addresses["127.0.0.1:9092"],
            "group.id": "billing",
            "client.id": name,
            "group.instance.id": name,
            "heartbeat.interval.ms": 100,
            "log_level": 0,
        }
    )
    consumer.subscribe(["clicks"])
    while not stopping.is_set():
        consumer.poll(0.05)
    consumer.close()
