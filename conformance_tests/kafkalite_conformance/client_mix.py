"""Which clients can run together on this machine."""

import os

import pytest

from kafkalite_conformance.scenario import is_available


def available_clients(names: list[str]) -> list[str]:
    """Return those of the clients that can run here; skip where most cannot, and fail in CI where any cannot."""
    missing = {name: reason for name in names if (reason := is_available(name)) is not None}
    if missing and os.environ.get("CI") == "true":
        pytest.fail(f"in CI every client must run, but: {missing}")
    present = [name for name in names if name not in missing]
    if len(present) < 2 or 2 * len(present) < len(names):
        pytest.skip(f"this scenario needs more clients than {present}: {missing}")
    return present
