"""Regular expressions that members subscribe to, and the topics that match.

Kafka reads them with RE2/J, which has no look-around and no back-references, and takes time in proportion to the
input. With the package ``google-re2`` installed, the same engine is used here. Without it, Python's ``re`` is, and what
RE2 does not have is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

_NOT_IN_RE2: Final = re.compile(r"\(\?(?:[=!>(#]|<[=!]|P=)|\\[1-9]|(?:[*+?}])\+")


class InvalidRegexError(ValueError):
    """A regular expression that RE2 does not accept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedRegex:
    """The topics that match, and when this was found, in milliseconds since 1970."""

    topics: frozenset[str]
    version: int
    timestamp: int


def compiled(regex: str) -> Callable[[str], bool]:
    """Return a function that says whether a topic's whole name matches. Raises InvalidRegexError."""
    engine = _engine()
    if engine is re and _NOT_IN_RE2.search(re.sub(r"\\\\|\[[^\]]*\]", "", regex)):
        raise InvalidRegexError(f"invalid or unsupported syntax in `{regex}`")
    try:
        pattern = engine.compile(regex)
    except engine.error as error:
        raise InvalidRegexError(str(error)) from None
    return lambda name: pattern.fullmatch(name) is not None


def matching(regex: str, topics: Iterable[str]) -> frozenset[str]:
    """Return the topics whose whole names match. Raises InvalidRegexError."""
    return frozenset(filter(compiled(regex), topics))


def _engine() -> Any:
    try:
        return import_module("re2")
    except ImportError:
        return re
