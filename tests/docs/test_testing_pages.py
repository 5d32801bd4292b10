"""The blocks of code in the pages about tests run, in a pytest of their own, all of a page in one file."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from confluent_kafka import Producer

pytest_plugins = ["pytester"]

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(
    ("page", "tests"),
    [
        ("pytest.md", 4),
        ("security.md", 4),
        ("proxy.md", 1),
        ("interceptors.md", 1),
        ("controls/clock.md", 2),
        ("controls/groups.md", 5),
        ("controls/request-log.md", 5),
        ("controls/snapshots.md", 5),
        ("controls/faults.md", 6),
        ("controls/http.md", 1),
    ],
)
def test_a_pages_code_runs(pytester: pytest.Pytester, page: str, tests: int) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)
    assert blocks
    pytester.makepyfile("\n\n".join(blocks))
    pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider").assert_outcomes(passed=tests)


def test_the_file_of_faults_works(tmp_path: Path) -> None:
    (source,) = re.findall(r"^```toml\n(.*?)^```$", (DOCS / "controls/faults.md").read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "faults.toml").write_text(source)
    command = [sys.executable, "-m", "kafkalite", "serve", "--listen=127.0.0.1:0", "--faults=faults.toml"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as broker:
        assert broker.stdout is not None
        found = re.search(r"listening on (\S+:\d+)", broker.stdout.readline())
        assert found is not None
        producer = Producer({"bootstrap.servers": found.group(1), "retry.backoff.ms": 10})
        producer.produce("orders", b"one")
        assert producer.flush(30) == 0
        broker.terminate()
        _, logged = broker.communicate(timeout=60)
    assert logged.count("answered NOT_LEADER_OR_FOLLOWER [the leader has moved]") == 2


def test_a_mistake_in_a_file_of_faults_is_told_as_the_page_says(tmp_path: Path) -> None:
    page = (DOCS / "controls/faults.md").read_text()
    (source,) = re.findall(r"^```toml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "faults.toml").write_text(source.replace("times = 2", "times = 0"))
    command = [sys.executable, "-m", "kafkalite", "serve", "--faults=faults.toml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    (told,) = re.findall(r"`(faults\.toml:\d+: [^`]+)`", page)
    assert done.returncode == 2
    assert f"Error: {told}\n" in done.stderr
