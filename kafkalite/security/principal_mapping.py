"""``ssl.principal.mapping.rules``: from the subject of a client certificate to the name of its user (KIP-371).

Rules are tried in order. ``RULE:pattern/replacement/`` applies to subjects that the whole pattern matches, and an ``L``
or ``U`` behind it makes the name lower or upper case; ``DEFAULT`` is the subject itself. Patterns and replacements are
those of java.util.regex as far as Python has the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_RULE: Final = re.compile(
    r"\s*(?:(?P<default>DEFAULT)"
    r"|RULE:(?P<pattern>(?:\\.|[^\\/])*)/(?P<replacement>(?:\\.|[^\\/])*)/(?P<case>[LU]?)"
    r"|(?P<nothing>))\s*(?:,|\Z)",
    re.DOTALL,
)
_PIECE: Final = re.compile(r"\\(?P<escaped>.)|\$(?P<number>\d+)|\$\{(?P<name>\w+)\}|(?P<bad>[\\$])|[^\\$]+", re.DOTALL)
_NAMED_GROUP: Final = re.compile(r"(?<!\\)\(\?<(?=[A-Za-z])")

_Piece = str | tuple[int | str]
"""Text, or the number or name of a group."""


class NoMatchingRule(Exception):  # noqa: N818  # the name reads as the state it reports
    """No rule applies to a subject."""


@dataclass(frozen=True, slots=True)
class _Rule:
    pattern: re.Pattern[str]
    replacement: Sequence[_Piece]
    case: str

    def apply(self, subject: str) -> str | None:
        if not self.pattern.fullmatch(subject):
            return None
        name = self.pattern.sub(self._replaced, subject)
        return {"L": name.lower(), "U": name.upper()}.get(self.case, name)

    def _replaced(self, match: re.Match[str]) -> str:
        return "".join(piece if isinstance(piece, str) else match[piece[0]] or "" for piece in self.replacement)


class PrincipalMapping:
    """The rules of a listener."""

    def __init__(self, text: str) -> None:
        """Read rules. Raises ValueError."""
        self._rules: list[_Rule | None] = []
        position = 0
        while position < len(text):
            found = _RULE.match(text, position)
            if found is None:
                raise ValueError(f"no rule of the form DEFAULT or RULE:PATTERN/REPLACEMENT/: {text[position:]}")
            position = found.end()
            if found["default"]:
                self._rules.append(None)
            elif found["pattern"] is not None:
                self._rules.append(_rule(found["pattern"], found["replacement"], found["case"]))

    def user(self, subject: str) -> str:
        """Return the name for a subject. Raises NoMatchingRule."""
        for rule in self._rules:
            name = subject if rule is None else rule.apply(subject)
            if name is not None:
                return name
        raise NoMatchingRule(f"no rule of ssl.principal.mapping.rules matches {subject}")


def _rule(pattern: str, replacement: str, case: str) -> _Rule:
    try:
        compiled = re.compile(_NAMED_GROUP.sub("(?P<", pattern), re.ASCII)
    except re.error as error:
        raise ValueError(f"{error}: {pattern}") from None
    return _Rule(compiled, tuple(_piece(each, compiled, replacement) for each in _PIECE.finditer(replacement)), case)


def _piece(found: re.Match[str], pattern: re.Pattern[str], replacement: str) -> _Piece:
    if found["escaped"] is not None:
        return found["escaped"]
    if found["number"] is not None:
        number = int(found["number"])
        if number <= pattern.groups:
            return (number,)
        if pattern.groups:
            return found[0]  # as it stands
    elif found["name"] is not None:
        if found["name"] in pattern.groupindex:
            return (found["name"],)
    elif found["bad"] is None:
        return found[0]
    raise ValueError(f"{found[0]} is no group of the pattern: {replacement}")
