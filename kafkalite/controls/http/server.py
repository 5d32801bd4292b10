"""The controls of a broker or a proxy over HTTP.

Everything runs in its loop: a request is a call of a control, and a wait is a task that ends with its client.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from ipaddress import ip_address
from logging import getLogger
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote

import trio

from kafkalite.controls.errors import BrokerFailed, Conflict, InvalidRequest, NotFound, WaitTimeout
from kafkalite.controls.http.access import ControlsAccess
from kafkalite.controls.http.connection import MAX_TRANSFER, Connection, HttpError, Request, Response
from kafkalite.controls.serialization import decode_arguments, encode, parse_object
from kafkalite_storage.errors import StorageError

if TYPE_CHECKING:
    import ssl

    from kafkalite.controls.definition import Control, Routes, Subject

log = getLogger("kafkalite.controls")

OPEN: Final = ControlsAccess()
"""For everyone who can connect."""
MAX_CONNECTIONS: Final = 64
_LONGEST_WAIT: Final = 600.0
STATUSES: Final[Mapping[type[Exception], HTTPStatus]] = {
    Conflict: HTTPStatus.CONFLICT,
    StorageError: HTTPStatus.CONFLICT,
    InvalidRequest: HTTPStatus.BAD_REQUEST,
    NotFound: HTTPStatus.NOT_FOUND,
    BrokerFailed: HTTPStatus.SERVICE_UNAVAILABLE,
    WaitTimeout: HTTPStatus.GATEWAY_TIMEOUT,  # not 408, after which some clients send the request again
}
"""The status of each error; the first class that an error is of counts."""


class HttpServer:
    """Serves connections, with a bound on their number. ``respond`` is cancelled when its client leaves."""

    def __init__(self, respond: Callable[[Request], Awaitable[Response]], tls: ssl.SSLContext | None = None) -> None:
        self._respond = respond
        self._tls = tls
        self._connections = 0

    async def serve(self, stream: trio.SocketStream) -> None:
        """Serve one connection."""
        if self._connections >= MAX_CONNECTIONS:
            log.warning("refusing a client of the controls: %d are connected", self._connections)
            await stream.aclose()
            return
        self._connections += 1
        try:
            await Connection(await self._secured(stream), self._respond).serve()
        except (trio.BrokenResourceError, trio.TooSlowError) as error:
            log.debug("a handshake failed: %s", error)
        finally:
            self._connections -= 1

    async def _secured(self, stream: trio.SocketStream) -> trio.abc.Stream:
        """Return the stream, after the handshake where there is TLS."""
        if self._tls is None:
            return stream
        secured = trio.SSLStream(stream, self._tls, server_side=True, https_compatible=True)
        try:
            with trio.fail_after(MAX_TRANSFER):
                await secured.do_handshake()
        except BaseException:
            await trio.aclose_forcefully(stream)
            raise
        return secured


class Server(HttpServer):
    """Serves controls that have routes; ``host`` is the host under which clients ask for them."""

    def __init__(self, controls: Subject, routes: Routes, host: str, access: ControlsAccess = OPEN) -> None:
        super().__init__(self.respond, access.tls)
        self._access = access
        self._controls = controls
        self._routes = routes
        self._host = host

    async def respond(self, request: Request) -> Response:
        """Return the response to a request. Raises HttpError."""
        check_host(request.host, self._host)
        self._access.check(request.authorization)
        check_content_type(request.method, request.content_type)
        control, texts = find_route(self._routes, request.method, request.target)
        try:
            arguments = decode_arguments(control.signature, control.hints, parse_object(request.body), texts)
            _check_timeout(arguments)
            # A client that closes the connection ends its wait, but leaves nothing else half done.
            result: object = None
            with trio.CancelScope(shield="timeout" not in control.signature.parameters):
                result = await control.run(self._routes.subject_of(self._controls, control), arguments)
            shown = encode(result)
            body = {control.result: shown} if control.result else {} if shown is None else shown
            return Response.json(body, getattr(result, "http_status", HTTPStatus.OK))
        except tuple(STATUSES) as error:
            status = next(status for kind, status in STATUSES.items() if isinstance(error, kind))
            return Response.json({"error": str(error)}, status)
        except Exception:
            log.exception("%s %s failed", request.method, request.target)
            return Response.json(
                {"error": "internal error; see the log of kafkalite"}, HTTPStatus.INTERNAL_SERVER_ERROR
            )


def find_route(routes: Routes, method: str, target: str) -> tuple[Control[..., Any], dict[str, str]]:
    """Return the control of a route, and the parameters in the path and the query. Raises HttpError."""
    path, _, query = target.partition("?")
    segments = [unquote(segment, errors="replace") for segment in path.split("/")]
    allowed: list[str] = []
    for control in routes:
        names = _match(control.path.split("/"), segments)
        if names is None:
            continue
        if control.method == method:
            return control, _with_query(names, query)
        allowed.append(control.method)
    if not allowed:
        raise HttpError(HTTPStatus.NOT_FOUND, f"there is nothing at {path}; GET / lists the routes")
    methods = ", ".join(sorted(allowed))
    raise HttpError(HTTPStatus.METHOD_NOT_ALLOWED, f"{path} takes {methods}, not {method}", Allow=methods)


def _match(template: list[str], segments: list[str]) -> dict[str, str] | None:
    if len(template) != len(segments):
        return None
    names: dict[str, str] = {}
    for wanted, segment in zip(template, segments, strict=True):
        if wanted.startswith("{"):
            names[wanted.strip("{}")] = segment
        elif wanted != segment:
            return None
    return names


def _with_query(names: dict[str, str], query: str) -> dict[str, str]:
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in names:
            raise HttpError(HTTPStatus.BAD_REQUEST, f"{name!r} is given twice")
        names[name] = value
    return names


def _check_timeout(arguments: Mapping[str, Any]) -> None:
    if not 0 <= arguments.get("timeout", 0) <= _LONGEST_WAIT:
        raise InvalidRequest(f"'timeout' must be from 0 to {_LONGEST_WAIT:g} seconds")


def check_host(host: str, own: str) -> None:
    """Check that a Host header does not name a domain of the Internet. Raises HttpError.

    A web page can have its own name point at this machine (DNS rebinding), and then its scripts count as local. An
    address cannot be pointed elsewhere, and no one can register a name without a dot (``localhost``, a service of a
    container network). ``own`` is the host that the controls were told to listen on.
    """
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
    name = name.removeprefix("[").removesuffix("]").lower()
    if name == own.lower() or ("." not in name and ":" not in name) or _is_address(name):
        return
    raise HttpError(
        HTTPStatus.FORBIDDEN, f"the Host header names {host!r}: ask by address, as localhost, or as {own!r}"
    )


def check_content_type(method: str, content_type: str) -> None:
    """Check that what changes something is sent as JSON. Raises HttpError.

    A page of another origin can send a form without a preflight request, but not JSON; and preflights are refused.
    """
    if method in ("GET", "HEAD", "OPTIONS"):
        return
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise HttpError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"{method} needs the header Content-Type: application/json")


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
