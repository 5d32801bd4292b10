"""Ask the controls of a broker, in calls that block and in waits."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from kafkalite.testing.model.errors import BrokerFailed, NotInTime, NotPossible, NotThere
from kafkalite.testing.model.wait import Wait

T = TypeVar("T")
Told = dict[str, Any]
"""A JSON object."""

_LONGEST_CALL: Final = 120.0
_LONGEST_WAIT: Final = 600.0
"""Seconds; what is awaited longer than that is given up by the broker."""
_ERRORS: Final[dict[int, type[Exception]]] = {
    HTTPStatus.BAD_REQUEST: NotPossible,
    HTTPStatus.NOT_FOUND: NotThere,
    HTTPStatus.CONFLICT: NotPossible,
    HTTPStatus.GATEWAY_TIMEOUT: NotInTime,
}
_HEADERS: Final = {
    "Content-Type": "application/json",
    # Whatever name led here: that it is no domain of somebody's is what the broker wants to know.
    "Host": "localhost",
    "Connection": "close",
}


class Controls:
    """The controls at a URL, such as ``http://127.0.0.1:9093``. Safe to call from any thread.

    Methods raise OSError where nobody listens, NotThere, NotPossible and NotInTime where the broker says so, and
    BrokerFailed for all other answers.
    """

    def __init__(self, url: str) -> None:
        """Remember where the controls are. Raises ValueError for what is no URL of any."""
        parts = urlsplit(url)
        if parts.scheme != "http" or parts.hostname is None or parts.port is None or parts.path.strip("/"):
            raise NotPossible(f"controls are at a URL such as http://127.0.0.1:9093, not at {url!r}")
        self.url = f"http://{parts.netloc}"
        self._host, self._port = parts.hostname, parts.port

    def get(self, path: str, **query: object) -> Told:
        """Ask for something; what is None in the query is left out."""
        return self._call("GET", f"{path}?{urlencode({k: v for k, v in query.items() if v is not None})}", None)

    def post(self, path: str, **fields: object) -> Told:
        """Have something done."""
        return self._call("POST", path, fields)

    def delete(self, path: str) -> Told:
        """Have something removed."""
        return self._call("DELETE", path, {})

    def wait(self, path: str, fields: Told, read: Callable[[Told], T]) -> Wait[T]:
        """Have something awaited; what comes is what ``read`` makes of the answer."""
        future: Future[T] = Future()
        connection = self._connect(_LONGEST_WAIT + _LONGEST_CALL)
        line = connection.sock

        def ask() -> None:
            try:
                came = read(self._ask(connection, "POST", path, {**fields, "timeout": _LONGEST_WAIT}))
            except Exception as error:  # noqa: BLE001  # the future raises it
                with suppress(InvalidStateError):  # nobody waits for it any more
                    future.set_exception(error)
            else:
                with suppress(InvalidStateError):
                    future.set_result(came)

        def abandon() -> None:
            with suppress(OSError):  # it is closed already
                line.shutdown(socket.SHUT_RDWR)

        def give_up() -> str:
            abandon()
            try:
                self.post(path, **fields, timeout=0)
            except NotInTime as error:
                return str(error).partition(": ")[2]
            return "it came just then"

        threading.Thread(target=ask, name="kafkalite-wait", daemon=True).start()
        return Wait(future, give_up, abandon)

    def _call(self, method: str, path: str, fields: Told | None) -> Told:
        return self._ask(self._connect(_LONGEST_CALL), method, path, fields)

    def _connect(self, timeout: float) -> HTTPConnection:
        connection = HTTPConnection(self._host, self._port, timeout=timeout)
        connection.connect()
        return connection

    def _ask(self, connection: HTTPConnection, method: str, path: str, fields: Told | None) -> Told:
        body = None if fields is None else json.dumps({k: v for k, v in fields.items() if v is not None})
        try:
            connection.request(method, path, body, _HEADERS)
            answer = connection.getresponse()
            told: Told = json.loads(answer.read())
        except (HTTPException, ValueError) as error:
            raise BrokerFailed(f"the controls at {self.url} do not answer as kafkalite's do: {error!r}") from None
        finally:
            connection.close()
        if answer.status == HTTPStatus.OK:
            return told
        kind = _ERRORS.get(answer.status, BrokerFailed)
        raise kind(told.get("error", f"the controls at {self.url} answered {answer.status}"))


def segment(name: str) -> str:
    """Write a name as a part of a path."""
    return quote(name, safe="")
