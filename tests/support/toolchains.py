"""Programs of other languages that tests run."""

import os
import shutil
from typing import NoReturn

import pytest


def program(name: str) -> str:
    """Return where a program of this machine is; without it, the test is skipped, on CI it fails."""
    return shutil.which(name) or missing(f"there is no {name} on the path")


def missing(what: str) -> NoReturn:
    """Skip a test for want of something; on CI, where nothing may be missing, let it fail."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)
