"""Leaves the comparison out where one broker alone is judged: it is a test of kafkalite, and starts both itself."""

from pathlib import Path

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take the conversations out of a run that is about Apache Kafka, or about a broker given by its address."""
    if not config.getoption("--bootstrap") and config.getoption("--broker") != "kafka":
        return
    here = Path(__file__).parent
    out = [item for item in items if item.path.is_relative_to(here)]
    if out:
        items[:] = [item for item in items if item not in out]
        config.hook.pytest_deselected(items=out)
