"""What becomes of an error that a call of the handle raises: told where it is meant for whoever asks, else logged."""

from __future__ import annotations

import json

import pytest

from kafkalite.testing import NotPossible, NotThere
from kafkalite.web.connection import Asked
from kafkalite.web.serving import Controls
from kafkalite_storage.errors import StorageFailure


class FailingHandle:
    """A handle of which everything fails."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    @property
    def groups(self) -> object:
        raise self.error


async def ask(error: Exception) -> tuple[int, str]:
    controls = Controls(FailingHandle(error), "localhost")  # type: ignore[arg-type]  # as far as these tests go
    asked = Asked(method="GET", target="/groups", host="localhost", content_type="", body=b"")
    answer = await controls.answer(asked)
    return answer.status, json.dumps(answer.body)


@pytest.mark.parametrize(
    ("error", "status"),
    [(NotThere("there is none"), 404), (NotPossible("it is on"), 409), (StorageFailure("the disk is full"), 409)],
)
async def test_what_is_raised_on_purpose_is_told(
    error: Exception, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    assert await ask(error) == (status, json.dumps({"error": str(error)}))
    assert not caplog.records


@pytest.mark.parametrize("kind", [LookupError, KeyError, IndexError, ValueError, UnicodeError, ZeroDivisionError])
async def test_what_nobody_foresaw_is_logged_and_not_told(
    kind: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    status, body = await ask(kind("a detail"))
    assert status == 500
    assert "a detail" not in body
    (line,) = caplog.records
    assert line.getMessage() == "GET /groups failed"
    assert line.exc_info is not None
