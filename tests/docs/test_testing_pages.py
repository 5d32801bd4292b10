"""The blocks of code in the pages about tests run, in a pytest of their own, all of a page in one file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(
    ("page", "tests"),
    [
        ("pytest.md", 4),
        ("controls/clock.md", 2),
        ("controls/groups.md", 4),
        ("controls/request-log.md", 4),
        ("controls/snapshots.md", 5),
    ],
)
def test_a_pages_code_runs(pytester: pytest.Pytester, page: str, tests: int) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)
    assert blocks
    pytester.makepyfile("\n\n".join(blocks))
    pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider").assert_outcomes(passed=tests)
