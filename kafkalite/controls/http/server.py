"""`kafkalite serve --controls`: a broker on a clock that can be steered, and its controls over HTTP beside it.

Everything runs in the broker's loop: a request is a call of a control, and a wait is a task that ends with its client.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from ipaddress import ip_address
from logging import getLogger
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote

import trio

from kafkalite import program
from kafkalite.addresses import HostPort
from kafkalite.clock import SteerableClock
from kafkalite.controls.controls import ROUTES, Controls, subject_of
from kafkalite.controls.errors import BrokerFailed, Conflict, InvalidRequest, NotFound, WaitTimeout
from kafkalite.controls.http.access import ControlsAccess
from kafkalite.controls.http.connection import MAX_TRANSFER, Connection, HttpError, Request, Response
from kafkalite.controls.local_broker import LocalBroker
from kafkalite.controls.serialization import decode_arguments, encode, parse_object
from kafkalite.server.listener import open_socket
from kafkalite_storage.errors import StorageError

if TYPE_CHECKING:
    from kafkalite.broker import Broker
    from kafkalite.config import BrokerConfig
    from kafkalite.controls.definition import Control
    from kafkalite.controls.faults.fault import Fault
    from kafkalite_storage.files.filesystem import FileSystem

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


def run(
    config: BrokerConfig,
    controls: HostPort,
    *,
    on_ready: Callable[[tuple[tuple[str, int], ...], HostPort], None],
    file_system: FileSystem | None = None,
    faults: Sequence[Fault] = (),
    attachments: Sequence[program.Attachment] = (),
    access: ControlsAccess = OPEN,
) -> None:
    """Run a broker and its controls as a program. Raises StartError when one of them cannot listen."""
    clock = SteerableClock()
    listening = open_socket(controls.host, controls.port)
    try:
        address = HostPort(*listening.getsockname()[:2])
        program.run(
            config,
            on_ready=lambda addresses: on_ready(addresses, address),
            clock=clock,
            file_system=file_system,
            attachments=attachments,
            beside=partial(serve, clock=clock, listening=listening, host=controls.host, faults=faults, access=access),
        )
    finally:
        listening.close()


async def serve(
    broker: Broker,
    *,
    clock: SteerableClock,
    listening: socket.socket,
    host: str,
    faults: Sequence[Fault] = (),
    access: ControlsAccess = OPEN,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve the controls of an open broker, which goes by ``clock``, on a listening socket, until cancelled.

    ``host`` is the host that the socket was told to listen on; ``faults`` are injected before the first connection.
    """
    controls = Controls(None, LocalBroker(broker, clock))
    controls.faults.listen(lambda fired: log.info("%s", fired))
    for fault in faults:
        controls.faults.inject_now(fault)
    server = Server(controls, host, access)
    listener = trio.SocketListener(trio.socket.from_stdlib_socket(listening))
    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_listeners, server.serve, [listener])
        task_status.started()


class Server:
    """Serves the controls of one broker; ``host`` is the host under which clients ask for it."""

    def __init__(self, controls: Controls, host: str, access: ControlsAccess = OPEN) -> None:
        self._access = access
        self._controls = controls
        self._host = host
        self._connections = 0

    async def serve(self, stream: trio.SocketStream) -> None:
        """Serve one connection."""
        if self._connections >= MAX_CONNECTIONS:
            log.warning("refusing a client of the controls: %d are connected", self._connections)
            await stream.aclose()
            return
        self._connections += 1
        try:
            await Connection(await self._secured(stream), self.respond).serve()
        except (trio.BrokenResourceError, trio.TooSlowError) as error:
            log.debug("a handshake failed: %s", error)
        finally:
            self._connections -= 1

    async def _secured(self, stream: trio.SocketStream) -> trio.abc.Stream:
        """Return the stream, after the handshake where the controls have TLS."""
        if self._access.tls is None:
            return stream
        secured = trio.SSLStream(stream, self._access.tls, server_side=True, https_compatible=True)
        try:
            with trio.fail_after(MAX_TRANSFER):
                await secured.do_handshake()
        except BaseException:
            await trio.aclose_forcefully(stream)
            raise
        return secured

    async def respond(self, request: Request) -> Response:
        """Return the response to a request. Raises HttpError."""
        check_host(request.host, self._host)
        self._access.check(request.authorization)
        check_content_type(request.method, request.content_type)
        control, texts = find_route(request.method, request.target)
        result = None
        try:
            arguments = decode_arguments(control.signature, control.hints, parse_object(request.body), texts)
            _check_timeout(arguments)
            # A client that closes the connection ends its wait, but leaves nothing else half done.
            with trio.CancelScope(shield="timeout" not in control.signature.parameters):
                result = encode(await control.run(subject_of(self._controls, control), arguments))
            return Response.json({control.result: result} if control.result else {} if result is None else result)
        except tuple(STATUSES) as error:
            status = next(status for kind, status in STATUSES.items() if isinstance(error, kind))
            return Response.json({"error": str(error)}, status)
        except Exception:
            log.exception("%s %s failed", request.method, request.target)
            return Response.json(
                {"error": "internal error; see the log of kafkalite"}, HTTPStatus.INTERNAL_SERVER_ERROR
            )


def find_route(method: str, target: str) -> tuple[Control[..., Any], dict[str, str]]:
    """Return the control of a route, and the parameters in the path and the query. Raises HttpError."""
    path, _, query = target.partition("?")
    segments = [unquote(segment, errors="replace") for segment in path.split("/")]
    allowed: list[str] = []
    for control in ROUTES:
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
