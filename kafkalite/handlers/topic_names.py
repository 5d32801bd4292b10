"""Which names a topic may have, and which two names may not stand side by side."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_LEGAL: Final = re.compile(r"[a-zA-Z0-9._-]+")
_LONGEST: Final = 249


def why_invalid(name: str) -> str | None:
    """Say what is wrong with a topic's name, or None if nothing is."""
    if not name:
        return "Topic name is invalid: the empty string is not allowed"
    if name in (".", ".."):
        return f"Topic name is invalid: '{name}' is not allowed"
    if len(name) > _LONGEST:
        return f"Topic name is invalid: it has {len(name)} characters, {_LONGEST} are allowed"
    if not _LEGAL.fullmatch(name):
        return f"Topic name is invalid: {name!r} has characters other than ASCII letters, digits, '.', '_' and '-'"
    return None


def colliding(name: str, others: Iterable[str]) -> str | None:
    """Find a topic whose metrics would have the same name: '.' and '_' are one character there."""
    if "." not in name and "_" not in name:
        return None
    flat = name.replace(".", "_")
    return next((other for other in others if other != name and other.replace(".", "_") == flat), None)
