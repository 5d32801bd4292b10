"""Programs of other toolchains that tests run."""

import os
import shutil
from typing import NoReturn

import pytest


def program(name: str) -> str:
    """Return the path of a program. Without it the test is skipped, or on CI fails."""
    return shutil.which(name) or missing(f"{name} is not on the PATH")


def missing(reason: str) -> NoReturn:
    """Skip the test, because a toolchain is missing; on CI, fail it."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
