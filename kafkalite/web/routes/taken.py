"""What routes of several subjects take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kafkalite.testing.model.wait import PATIENCE
from kafkalite.web.answers import BadInput

_LONGEST: Final = 600.0
"""Seconds that may be waited for anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """Nothing at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """Something that is waited for, so many seconds."""

    timeout: float = PATIENCE

    def __post_init__(self) -> None:
        check_timeout(self.timeout)


def check_timeout(timeout: float) -> None:
    """Check how long something is waited for. Raises BadInput."""
    if not 0 <= timeout <= _LONGEST:
        raise BadInput(f"'timeout' must be from 0 to {_LONGEST:g} seconds")
