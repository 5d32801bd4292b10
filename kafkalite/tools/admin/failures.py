"""Failures of administration: a message for people and an exit code for scripts."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from enum import IntEnum
from importlib import import_module

from kafkalite_wire.error_codes import ErrorCode


class Why(IntEnum):
    """The kinds of failure; their values are the exit codes of the command line."""

    REFUSED = 1
    """The broker was asked and said no, or said it to a part of what was asked."""
    UNREACHABLE = 3
    """No broker answered in time."""
    NOT_FOUND = 4
    """The topic, group, partition or broker does not exist."""


class AdminError(Exception):
    """A failure for the person at the command line; `hint` says what to try."""

    def __init__(self, why: Why, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.why = why
        self.hint = hint


def not_found(kind: str, name: str, known: Iterable[str]) -> AdminError:
    """Return the error of a name that does not exist, with similar names."""
    # Only imported on the way out.
    from difflib import get_close_matches

    near = get_close_matches(name, sorted(known), n=3, cutoff=0.7)
    hint = f"Did you mean {' or '.join(near)}?" if near else ""
    return AdminError(Why.NOT_FOUND, f"there is no {kind} {name!r}", hint=hint)


def refused(what: str, code: int, message: str | None = None) -> AdminError:
    """Return the error of a response with an error code."""
    kind = Why.NOT_FOUND if code in _NOT_FOUND else Why.REFUSED
    name = name_of(code)
    return AdminError(kind, f"{what}: {message} ({name})" if message else f"{what}: {name}")


def name_of(code: int) -> str:
    """Name an error code as Kafka's documentation does."""
    return ErrorCode(code).name if code in _CODES else f"error code {code}"


@contextmanager
def translated(what: str, bootstrap: str, *, hint: str = "") -> Generator[None]:
    """Turn the exceptions of kafka-python into AdminError; `what` says what was attempted."""
    errors = import_module("kafka.errors")
    try:
        yield
    except errors.KafkaError as problem:
        error = _translation(what, bootstrap, problem)
        error.hint = f"{hint}\n{error.hint}".strip()
        raise error from problem


def _translation(what: str, bootstrap: str, problem: Exception) -> AdminError:
    errors = import_module("kafka.errors")
    hint = f"`kafkalite doctor {bootstrap}` looks for the reason."
    timeouts = (
        errors.KafkaTimeoutError, errors.KafkaConnectionError, errors.NodeNotReadyError, errors.RequestTimedOutError,
    )  # fmt: skip
    if isinstance(problem, timeouts):
        return AdminError(Why.UNREACHABLE, f"{what}: no answer from {bootstrap} in time", hint=hint)
    if isinstance(problem, errors.IncompatibleBrokerVersion):
        return AdminError(Why.REFUSED, f"{what}: this broker is too old or too new for it ({problem})", hint=hint)
    if isinstance(problem, errors.BrokerResponseError):
        code = getattr(problem, "errno", None)
        if isinstance(code, int):
            return refused(what, code)
    return AdminError(Why.REFUSED, f"{what}: {without_class(str(problem))}")


def without_class(message: str) -> str:
    """Leave out the number and the class that kafka-python puts before a broker's words."""
    return re.sub(r"^(\[Error \w+\] )?\w+Error: ", "", message)


_CODES = frozenset(int(code) for code in ErrorCode)
_NOT_FOUND = frozenset((ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.UNKNOWN_TOPIC_ID, ErrorCode.GROUP_ID_NOT_FOUND))
