"""The README's claims that can be run are run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from kafkalite import __version__

README = Path(__file__).parents[2] / "README.md"


pytest_plugins = ["pytester"]


def python_blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)


def test_the_test_of_the_readme_passes(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(python_blocks()[0])
    pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider").assert_outcomes(passed=1)


def test_the_trio_program_of_the_readme_runs(tmp_path: Path) -> None:
    [_, program] = python_blocks()
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"bootstrap\.servers=127\.0\.0\.1:\d+\n", done.stdout)
    assert (tmp_path / "kafkalite-data" / "meta.properties").exists()


def test_the_readme_shows_what_this_version_prints() -> None:
    assert f"kafkalite {__version__} is listening on 127.0.0.1:9092, data in ./kafkalite-data" in README.read_text()


def test_links_of_the_docs_lead_somewhere() -> None:
    docs = README.parent / "docs"
    pages = [README, *docs.rglob("*.md"), *(README.parent / "examples").glob("*.md")]
    broken = [
        f"{page.name}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert broken == []
