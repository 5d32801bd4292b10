"""The controls of a broker elsewhere: each call is a request to its route."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from kafkalite.controls.definition import in_a_thread
from kafkalite.controls.errors import BrokerFailed, Conflict, InvalidRequest, NotFound, NotOnThisBroker, WaitTimeout
from kafkalite.controls.serialization import decode, encode_arguments
from kafkalite.controls.waiting import DEFAULT_TIMEOUT

if TYPE_CHECKING:
    from pathlib import Path

    from kafkalite.controls.definition import Arguments, Call, Control, Subject

T = TypeVar("T")

_LONGEST_CALL: Final = 120.0
"""Seconds, beside the time-out of a wait."""
_ERRORS: Final[Mapping[int, type[Exception]]] = {
    HTTPStatus.BAD_REQUEST: InvalidRequest,
    HTTPStatus.UNAUTHORIZED: InvalidRequest,
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.CONFLICT: Conflict,
    HTTPStatus.GATEWAY_TIMEOUT: WaitTimeout,
}
_RESULTS: Final = (HTTPStatus.SERVICE_UNAVAILABLE,)
"""Statuses that a result may have, such as that of a proxy that is not healthy."""
_HEADERS: Final = {
    "Content-Type": "application/json",
    # Whatever name the URL has: the server wants to know that it is not the domain of a web page.
    "Host": "localhost",
    "Connection": "close",
}


class HttpTransport:
    """The controls at a URL such as ``http://127.0.0.1:9093``, or ``https://``. Safe to call from any thread.

    ``token`` is what they ask for, and ``ca`` a file with the certificate authorities of theirs, as PEM.

    Methods raise OSError if the server does not accept connections, the errors of the controls where it answers with
    their status, and BrokerFailed for all other answers.
    """

    def __init__(self, bootstrap: str, url: str, *, token: str | None = None, ca: str | Path | None = None) -> None:
        """Remember where the controls are. Raises ValueError for another kind of URL."""
        parts = urlsplit(url)
        if (
            parts.scheme not in ("http", "https")
            or parts.hostname is None
            or parts.port is None
            or parts.path.strip("/")
        ):
            raise InvalidRequest(f"controls are at a URL such as http://127.0.0.1:9093, not at {url!r}")
        self.bootstrap = bootstrap
        self._url = f"{parts.scheme}://{parts.netloc}"
        self._headers = _HEADERS if token is None else {**_HEADERS, "Authorization": f"Bearer {token}"}
        self._tls = None
        if parts.scheme == "https":
            import ssl

            self._tls = ssl.create_default_context(cafile=ca)
        self._host, self._port = parts.hostname, parts.port

    def call(self, subject: Subject, control: Control[..., T], arguments: Arguments) -> T:
        """Send the request and return its result."""
        del subject
        path, body = _request(control, arguments)
        return self._exchange(self._connect(arguments), control, path, body)

    def start(self, subject: Subject, control: Control[..., T], arguments: Arguments) -> Call[T]:
        """Send the request in a thread. Cancellation closes the connection, which ends a wait at the broker, too."""
        del subject
        path, body = _request(control, arguments)
        connection = self._connect(arguments)
        line = connection.sock

        def cancel() -> None:
            with suppress(OSError):  # it is closed already
                line.shutdown(socket.SHUT_RDWR)

        return in_a_thread(lambda: self._exchange(connection, control, path, body), cancel)

    def fork(self, snapshot_of: object) -> NoReturn:
        """Raise NotOnThisBroker: clients here could not reach a second broker there."""
        del snapshot_of
        raise NotOnThisBroker("forks run only beside a broker in the test's process")

    def _connect(self, arguments: Arguments) -> HTTPConnection:
        timeout = _LONGEST_CALL + arguments.get("timeout", DEFAULT_TIMEOUT)
        if self._tls is None:
            connection = HTTPConnection(self._host, self._port, timeout=timeout)
        else:
            connection = HTTPSConnection(self._host, self._port, timeout=timeout, context=self._tls)
        connection.connect()
        return connection

    def _exchange(self, connection: HTTPConnection, control: Control[..., T], path: str, body: str | None) -> T:
        try:
            connection.request(control.method, path, body, self._headers)
            response = connection.getresponse()
            given: dict[str, Any] = json.loads(response.read())
        except (HTTPException, ValueError) as error:
            raise BrokerFailed(f"the controls at {self._url} do not answer as kafkalite's do: {error!r}") from None
        finally:
            connection.close()
        if response.status != HTTPStatus.OK and (response.status not in _RESULTS or "error" in given):
            kind = _ERRORS.get(response.status, BrokerFailed)
            raise kind(given.get("error", f"the controls at {self._url} answered {response.status}"))
        hint = control.hints["return"]
        value = given[control.result] if control.result else None if hint is type(None) else given
        result: T = decode(hint, value, control.result or control.name)
        return result


def _request(control: Control[..., Any], arguments: Arguments) -> tuple[str, str | None]:
    """Return the path and the body of a request."""
    if not control.path:
        raise NotOnThisBroker(f"{control.result} works only with a broker in the test's process")
    members = encode_arguments(arguments, control.hints)
    path = re.sub(r"{(\w+)}", lambda name: quote(str(members.pop(name[1])), safe=""), control.path)
    if control.method == "GET":
        return f"{path}?{urlencode(members)}", None
    return path, json.dumps(members)
