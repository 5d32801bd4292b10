"""Types and rules of configuration values, shared by every table of configurations."""

import re
from collections.abc import Callable
from enum import IntEnum
from typing import Final

from kafkalite_storage.errors import InvalidConfig
from kafkalite_wire.values import value_class

ConfigValue = bool | int | float | str | tuple[str, ...]
#: Returns what is wrong with a value, or None.
Rule = Callable[[ConfigValue], str | None]

_INT_LIMITS: Final = {
    3: (-(1 << 31), (1 << 31) - 1),
    4: (-(1 << 15), (1 << 15) - 1),
    5: (-(1 << 63), (1 << 63) - 1),
}
_NUMBER: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")


class ConfigType(IntEnum):
    """A type of configuration, numbered as DescribeConfigs does."""

    BOOLEAN = 1
    STRING = 2
    INT = 3
    SHORT = 4
    LONG = 5
    DOUBLE = 6
    LIST = 7
    CLASS = 8
    PASSWORD = 9


def any_value(_: ConfigValue) -> str | None:
    """Allow everything that the type allows."""
    return None


@value_class
class Between:
    """Allow numbers from least to most, and the exceptions named."""

    least: float
    most: float | None = None
    exceptions: tuple[int, ...] = ()

    def __call__(self, value: ConfigValue) -> str | None:
        """Check one number."""
        if not isinstance(value, int | float) or value in self.exceptions:
            return None
        if value < self.least:
            return f"Value must be at least {self.least}"
        if self.most is not None and value > self.most:
            return f"Value must be no more than {self.most}"
        return None


@value_class
class OneOf:
    """Allow certain words, also as the items of a list, each once."""

    words: tuple[str, ...]

    def __call__(self, value: ConfigValue) -> str | None:
        """Check a word or a list of words."""
        items = value if isinstance(value, tuple) else (str(value),)
        if any(item not in self.words for item in items):
            return f"String must be one of: {', '.join(self.words)}"
        if len(set(items)) < len(items):
            return "must not name the same thing twice"
        return None


def parse_value(name: str, kind: ConfigType, text: str) -> ConfigValue:
    """Read the text of a configuration value; raises InvalidConfig."""
    text = text.strip()
    if kind is ConfigType.BOOLEAN:
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
        raise InvalidConfig(f"Invalid value {text} for configuration {name}: Expected value to be either true or false")
    if kind in (ConfigType.STRING, ConfigType.CLASS, ConfigType.PASSWORD):
        return text
    if kind is ConfigType.LIST:
        return tuple(item.strip() for item in text.split(",")) if text else ()
    try:
        if not _NUMBER.fullmatch(text):  # Python would also take 1_000, nan and foreign digits
            raise ValueError(text)
        number: int | float = float(text) if kind is ConfigType.DOUBLE else int(text)
    except ValueError as error:
        raise InvalidConfig(
            f"Invalid value {text} for configuration {name}: Not a number of type {kind.name}"
        ) from error
    limits = _INT_LIMITS.get(kind)
    if limits is not None and not limits[0] <= number <= limits[1]:
        raise InvalidConfig(f"Invalid value {text} for configuration {name}: Not a number of type {kind.name}")
    return number


def format_value(value: ConfigValue) -> str:
    """Write a value as Kafka does."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ",".join(value)
    if isinstance(value, float) and "e" in (text := repr(value)):
        digits, _, exponent = text.partition("e")
        return f"{digits if '.' in digits else digits + '.0'}E{int(exponent)}"
    return str(value)
