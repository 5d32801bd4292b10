"""The well-used data directory, made once; a test that changes it changes a copy."""

from __future__ import annotations

import pytest

from tests.support.directory_with_history import Used, make


@pytest.fixture(scope="session")
def used(tmp_path_factory: pytest.TempPathFactory) -> Used:
    return make(tmp_path_factory.mktemp("used") / "data")
