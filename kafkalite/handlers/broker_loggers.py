"""The loggers of this process as configurations of the broker, with the names that log4j gives to levels (KIP-412)."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Final

from kafkalite.config.description import ConfigDescription, ConfigSource
from kafkalite.errors import RefusedError
from kafkalite_wire.error_codes import ErrorCode

ROOT: Final = "root"
_OURS: Final = "kafkalite"
_TRACE: Final = 5
_LEVELS: Final = {
    "TRACE": _TRACE,
    "DEBUG": logging.DEBUG,
    "INFO": logging.INFO,
    "WARN": logging.WARNING,
    "ERROR": logging.ERROR,
    "FATAL": logging.CRITICAL,
}


def describe_loggers() -> Iterator[ConfigDescription]:
    """Describe the root logger and those of the broker, with the level in effect."""
    for name in _names():
        yield ConfigDescription(
            name=name,
            value=_level_name(logging.getLogger(None if name == ROOT else name).getEffectiveLevel()),
            source=ConfigSource.DYNAMIC_BROKER_LOGGER_CONFIG,
            type=None,
            doc=None,
            synonyms=(),
            read_only=False,
            sensitive=False,
        )


def alter_loggers(changes: Mapping[str, str | None], *, validate_only: bool) -> None:
    """Set levels by logger, or with None inherit them; all or none. Raises RefusedError."""
    known = set(_names())
    levels: dict[str, int] = {}
    for name, value in changes.items():
        if name not in known:
            raise RefusedError(ErrorCode.INVALID_CONFIG, f"Logger {name} does not exist!")
        if value is None:
            if name == ROOT:
                raise RefusedError(
                    ErrorCode.INVALID_REQUEST, "Removing the log level of the root logger is not allowed"
                )
            levels[name] = logging.NOTSET
        elif value in _LEVELS:
            levels[name] = _LEVELS[value]
        else:
            raise RefusedError(
                ErrorCode.INVALID_CONFIG,
                f"Cannot set the log level of {name} to {value}; valid levels are {', '.join(_LEVELS)}",
            )
    if not validate_only:
        for name, level in levels.items():
            logging.getLogger(None if name == ROOT else name).setLevel(level)


def _names() -> list[str]:
    loggers = logging.Logger.manager.loggerDict
    ours = sorted(
        name
        for name, logger in loggers.items()
        if name.partition(".")[0] == _OURS and isinstance(logger, logging.Logger)
    )
    return [ROOT, *ours]


def _level_name(level: int) -> str:
    return next((name for name, number in _LEVELS.items() if level <= number), "FATAL")
