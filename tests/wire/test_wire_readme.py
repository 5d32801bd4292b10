"""The code blocks of wire's README run in order."""

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

README = Path(__file__).parents[2] / "wire" / "README.md"


def test_code_blocks_run(monkeypatch: pytest.MonkeyPatch) -> None:
    page = README.read_text()
    blocks = list(re.finditer(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL))
    module = ModuleType("wire_readme")
    monkeypatch.setitem(sys.modules, "wire_readme", module)
    assert len(blocks) == 7
    for block in blocks:
        line = page[: block.start(1)].count("\n")
        exec(compile("\n" * line + block[1], README, "exec"), vars(module))
