"""Answers: a status and JSON; and what a failure of the handle is as one."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

from kafkalite.testing.model.errors import BrokerFailed, NotInTime, NotPossible, NotThere

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kafkalite.web.json_values import Json
    from kafkalite_storage.errors import StorageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is sent back."""

    status: HTTPStatus = HTTPStatus.OK
    body: Json
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


class Refused(Exception):  # noqa: N818 - it reads as what happened
    """A request is not served; the message is for whoever sent it."""

    def __init__(self, status: HTTPStatus, message: str, **headers: str) -> None:
        super().__init__(message)
        self.answer = Answer(status=status, body={"error": message}, headers=headers)


class BadInput(Refused):
    """Something that was sent is not what is wanted; the message names it."""

    def __init__(self, message: str) -> None:
        super().__init__(HTTPStatus.BAD_REQUEST, message)


def failure(error: NotInTime | BrokerFailed | NotThere | NotPossible | StorageError) -> Answer:
    """Say what the handle says: not in time, stopped, not there, or refused by the broker."""
    if isinstance(error, NotInTime):
        status = HTTPStatus.GATEWAY_TIMEOUT  # not 408, which some clients take as a reason to ask again
    elif isinstance(error, BrokerFailed):
        status = HTTPStatus.SERVICE_UNAVAILABLE
    else:
        status = HTTPStatus.NOT_FOUND if isinstance(error, NotThere) else HTTPStatus.CONFLICT
    return Answer(status=status, body={"error": str(error)})
