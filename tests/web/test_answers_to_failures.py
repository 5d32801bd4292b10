"""An exception of a control becomes a status: expected ones carry their message, all others are logged."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kafkalite.controls.controls import ROUTES, Controls
from kafkalite.controls.http.connection import Request
from kafkalite.controls.http.server import Server
from kafkalite.testing import Conflict, InvalidRequest, NotFound
from kafkalite_storage.errors import StorageFailure


class FailingBroker:
    """A broker of which everything fails."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    @property
    def cluster(self) -> object:
        raise self.error


async def ask(error: Exception) -> tuple[int, str]:
    controls = Controls(None)
    local: Any = FailingBroker(error)
    controls.groups._local_or_none = local
    request = Request(method="GET", target="/groups", host="localhost", content_type="", body=b"")
    response = await Server(controls, ROUTES, "localhost").respond(request)
    assert response.content_type == "application/json"
    return response.status, response.body.decode()


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotFound("there is none"), 404),
        (Conflict("it is on"), 409),
        (InvalidRequest("it is wrong"), 400),
        (StorageFailure("the disk is full"), 409),
    ],
)
async def test_what_is_raised_on_purpose_is_told(
    error: Exception, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    assert await ask(error) == (status, json.dumps({"error": str(error)}) + "\n")
    assert not caplog.records


@pytest.mark.parametrize("kind", [LookupError, KeyError, IndexError, ValueError, UnicodeError, ZeroDivisionError])
async def test_an_unexpected_exception_is_logged_and_not_told(
    kind: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    status, body = await ask(kind("a detail"))
    assert status == 500
    assert "a detail" not in body
    (line,) = caplog.records
    assert line.getMessage() == "GET /groups failed"
    assert line.exc_info is not None
