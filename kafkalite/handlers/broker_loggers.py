"""The loggers of this process as configurations of the broker, with the names that log4j gives to levels (KIP-412)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from kafkalite.config.description import ConfigDescription, ConfigSource
from kafkalite.errors import RefusedError
from kafkalite_wire.error_codes import ErrorCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kafkalite.handlers.config_changes import Step

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


def alter_loggers(steps: Sequence[Step], *, set_: int, delete: int, validate_only: bool) -> None:
    """Set levels, or with the operation ``delete`` inherit them; all or none. Raises RefusedError."""
    known = set(_names())
    levels: dict[str, int] = {}
    for step in steps:
        if step.operation not in (set_, delete):
            raise RefusedError(
                ErrorCode.INVALID_REQUEST, f"Operation {step.operation} is not allowed for the BROKER_LOGGER resource"
            )
        if step.name not in known:
            raise RefusedError(ErrorCode.INVALID_CONFIG, f"Logger {step.name} does not exist!")
        if step.operation == delete:
            if step.name == ROOT:
                raise RefusedError(
                    ErrorCode.INVALID_REQUEST, "Removing the log level of the root logger is not allowed"
                )
            levels[step.name] = logging.NOTSET
        elif step.value in _LEVELS:
            levels[step.name] = _LEVELS[step.value]
        else:
            raise RefusedError(
                ErrorCode.INVALID_CONFIG,
                f"Cannot set the log level of {step.name} to {step.value}; valid levels are {', '.join(_LEVELS)}",
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
