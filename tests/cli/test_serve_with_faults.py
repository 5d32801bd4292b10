"""`kafkalite serve --faults FILE`: a mistake keeps it from starting, and what fires is logged."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner
from confluent_kafka import Producer

from kafkalite.tools.cli.commands import kafkalite

FAULTS = """
[[fault]]
name = "the leader has moved"
api = "Produce"
topic = "orders"
times = 1
error = "NOT_LEADER_OR_FOLLOWER"
"""


def test_a_mistake_is_one_of_usage_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "faults.toml"
    file.write_text('[[fault]]\napi = "Produce"\neror = "X"\n')
    result = CliRunner().invoke(kafkalite, ["serve", "--faults", str(file)])
    assert result.exit_code == 2
    assert f"Error: {file}:3: eror: no such key; did you mean error?" in result.stderr


def test_a_fault_of_a_file_fires_and_is_logged_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "faults.toml").write_text(FAULTS)
    command = [sys.executable, "-m", "kafkalite", "serve", "--listen=127.0.0.1:0", "--faults=faults.toml"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = re.search(r"listening on (\S+:\d+)", process.stdout.readline())
        assert found is not None
        producer = Producer({"bootstrap.servers": found.group(1), "retry.backoff.ms": 10, "client.id": "shop"})
        producer.produce("orders", b"one", partition=0)
        assert producer.flush(60) == 0
        process.terminate()
        _, logged = process.communicate(timeout=60)
    assert "WARNING kafkalite.serve: requests will fail on purpose: 1 fault(s) from faults.toml" in logged
    (line,) = [line for line in logged.splitlines() if "INFO kafkalite.faults" in line]
    assert re.search(
        r"INFO kafkalite\.faults: Produce v\d+ \(orders-0\) of shop at 127\.0\.0\.1:\d+ .*: "
        r"answered NOT_LEADER_OR_FOLLOWER \[the leader has moved\]$",
        line,
    )


def test_a_broker_without_faults_does_not_import_them() -> None:
    source = "import sys, kafkalite.broker, kafkalite.tools.cli.serve; print([m for m in sys.modules if 'faults' in m])"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_broker_stops_cleanly_while_requests_are_held(tmp_path: Path) -> None:
    (tmp_path / "faults.toml").write_text('[[fault]]\napi = "Produce"\nhold = true\n')
    command = [sys.executable, "-m", "kafkalite", "serve", "--listen=127.0.0.1:0", "--faults=faults.toml"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        found = re.search(r"listening on (\S+:\d+)", process.stdout.readline())
        assert found is not None
        producer = Producer({"bootstrap.servers": found.group(1), "log_level": 0})
        producer.produce("orders", b"one", partition=0)
        while "held" not in process.stderr.readline():
            pass
        process.terminate()
        _, logged = process.communicate(timeout=60)
        producer.purge()
    assert process.returncode == 0
    assert "Traceback" not in logged
    written = [file for file in tmp_path.glob("kafkalite-data/orders-0/*.log") if file.stat().st_size]
    assert not written, "nothing is done any more once the broker has ended"
