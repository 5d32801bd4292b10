"""Kafka's ``sasl.jaas.config``: one login module with its options.

    org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="secret" user_bob="secret";

Words, quotes, escapes and comments are those of java.io.StreamTokenizer, with which Kafka reads it. Options hold
passwords: messages of errors say where the mistake is, and quote nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kafkalite.config.listener_properties import ListenerProperties

JAAS: Final = "sasl.jaas.config"

_TOKEN: Final = re.compile(
    r"""\s+ | //[^\n\r]* | /\*.*?\*/
    | (?P<word> [A-Za-z_$\u00a0-\U0010ffff][\w.$\-\u00a0-\U0010ffff]* )
    | "(?P<double> (?:[^"\\\n\r]|\\.)* )" | '(?P<single> (?:[^'\\\n\r]|\\.)* )'
    | (?P<other> . )""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_ESCAPE: Final = re.compile(r"\\([0-3]?[0-7]{1,2}|.)", re.DOTALL)
_ESCAPED: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_FLAGS: Final = frozenset(("required", "requisite", "sufficient", "optional"))


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginModule:
    """A Java class and its options."""

    name: str
    options: Mapping[str, str] = field(repr=False)


def parse_jaas(text: str) -> LoginModule:
    """Read a configuration of exactly one login module. Raises ValueError, whose message names no option."""
    tokens = _tokens(text)
    name = _word(next(tokens, None))
    if name is None:
        raise ValueError("there is no login module")
    if (_word(next(tokens, None)) or "").lower() not in _FLAGS:
        raise ValueError(f"after the login module there has to be one of {', '.join(sorted(_FLAGS))}")
    options: dict[str, str] = {}
    for key in tokens:
        if key == (False, ";"):
            break
        number = len(options) + 1
        option = _word(key)
        if option is None or next(tokens, None) != (False, "="):
            raise ValueError(f'option {number} is not of the form NAME="VALUE"')
        value = _word(next(tokens, None))
        if value is None:
            raise ValueError(f"the value of option {number} has to be in quotes")
        options[option] = value
    else:
        raise ValueError("there is no semicolon at the end")
    if next(tokens, None) is not None:
        raise ValueError("there is more than one login module")
    return LoginModule(name=name, options=MappingProxyType(options))


def _tokens(text: str) -> Iterator[tuple[bool, str]]:
    """Yield words and quoted texts, marked True, and other characters."""
    for match in _TOKEN.finditer(text):
        if match["word"] is not None:
            yield True, match["word"]
        elif match["other"] is not None:
            yield False, match["other"]
        else:
            quoted = match["double"] if match["double"] is not None else match["single"]
            if quoted is not None:
                yield True, _ESCAPE.sub(_unescaped, quoted)


def _unescaped(match: re.Match[str]) -> str:
    escaped = match[1]
    return chr(int(escaped, 8)) if escaped.isdigit() and escaped < "8" else _ESCAPED.get(escaped, escaped)


def _word(token: tuple[bool, str] | None) -> str | None:
    return token[1] if token is not None and token[0] else None


def login_module(properties: ListenerProperties) -> LoginModule | None:
    """Return the login module of a listener's mechanism, if one is set. Raises ConfigError."""
    setting = properties.setting(JAAS)
    if setting is None:
        return None
    try:
        return parse_jaas(setting.text)
    except ValueError as error:
        raise properties.problem(JAAS, str(error)) from None
