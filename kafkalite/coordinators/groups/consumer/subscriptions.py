"""Regular expressions that members subscribe to, and the topics that match.

Kafka reads them with RE2/J, which has no look-around and no back-references, and takes time in proportion to the
input. With the package ``google-re2`` installed (the extra ``re2``) RE2 is used here too. Without it, Python's ``re``
is: what RE2 does not have is refused, and so is what could take long to match, because all clients would wait for it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

_NOT_IN_RE2: Final = re.compile(r"\(\?(?:[=!>(#]|<[=!]|P=)|\\[1-9]|(?:[*+?}])\+")
_LITERAL: Final = re.compile(r"\\[^1-9]|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_GROUP_START: Final = re.compile(r"\(\?(?:[a-zA-Z-]*:|P?<\w+>)|\(\?[a-zA-Z-]+(?=\))")
_QUANTIFIER: Final = re.compile(r"(?:[*+?]|\{[0-9,]+\})\??")
_MOST_CHOICES: Final = 3
_LONGEST: Final = 500


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
    pattern = _compiled_by_re2(regex) or _compiled_by_python(regex)
    return lambda name: pattern.fullmatch(name) is not None


def matching(regex: str, topics: Iterable[str]) -> frozenset[str]:
    """Return the topics whose whole names match; none of them if the regular expression is invalid here.

    That is so for one that another broker or another engine accepted, and wrote to the log.
    """
    try:
        return frozenset(filter(compiled(regex), topics))
    except InvalidRegexError:
        return frozenset()


def _compiled_by_re2(regex: str) -> Any | None:
    try:
        re2 = import_module("re2")
    except ImportError:
        return None
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(regex, options=options)
    except re2.error as error:
        (reason,) = error.args
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise InvalidRegexError(text) from None


def _compiled_by_python(regex: str) -> re.Pattern[str]:
    """Compile what needs little time to match: Python's engine backtracks."""
    syntax = _GROUP_START.sub("(", _LITERAL.sub("x", regex))
    if _NOT_IN_RE2.search(_LITERAL.sub("x", regex)):
        raise InvalidRegexError("invalid or unsupported syntax")
    if len(regex) > _LONGEST or _choices(syntax) > _MOST_CHOICES:
        raise InvalidRegexError("too complex for a broker without google-re2 (the extra re2)")
    try:
        return re.compile(regex)
    except (re.error, OverflowError, RecursionError) as error:
        raise InvalidRegexError(str(error)) from None


def _choices(syntax: str) -> float:
    """Return the most quantifiers on one way through a regular expression; infinite if a choice is repeated.

    The time to match a name is at most about its length to the power of this.
    """
    done: list[list[int]] = []  # of the groups around: the choices of each alternative
    here, position = [0], 0
    while position < len(syntax):
        character = syntax[position]
        quantifier = _QUANTIFIER.match(syntax, position + 1)
        if character == "(":
            done.append(here)
            here, quantifier = [0], None
        elif character == "|":
            here.append(0)
            quantifier = None
        elif character == ")" and done:
            inner, here = here, done.pop()
            if quantifier is not None and (len(inner) > 1 or inner[0]):
                return math.inf
            here[-1] += max(inner)
        if quantifier is not None:
            here[-1] += 1
        position = position + 1 if quantifier is None else quantifier.end()
    return max(here)
