"""The commands on the page about `kafkalite log` print what stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from kafkalite_storage.files.filesystem import OsFileSystem
from tests.support.storage.used_directory import fill

PAGE = Path(__file__).parents[2] / "docs" / "log-tools.md"


def test_every_command_of_the_page_prints_what_stands_below_it(tmp_path: Path) -> None:
    fill(OsFileSystem(), str(tmp_path / "kafkalite-data"))
    blocks = re.findall(r"```console\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    steps = re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", "".join(blocks), flags=re.MULTILINE)
    assert len(steps) == 7
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for command, printed in steps:
        done = subprocess.run(
            command,
            shell=True,
            cwd=tmp_path,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (command, done.stdout, done.stderr) == (command, printed, "")
