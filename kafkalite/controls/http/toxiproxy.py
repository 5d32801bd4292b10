"""Toxiproxy's HTTP API, version 2: test suites that were written for Toxiproxy use it unchanged, in any language.

The proxy's own listeners are proxies of it: ``kafka``, where clients begin, and ``kafka-1`` for the broker with id 1. A
proxy that is created here forwards bytes, as Toxiproxy does, and rewrites no addresses.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from logging import getLogger
from typing import TYPE_CHECKING, Any, Final, Protocol, cast
from urllib.parse import unquote

import trio

from kafkalite import __version__
from kafkalite.addresses import HostPort
from kafkalite.controls.http.connection import Response
from kafkalite.controls.http.endpoint import Endpoint
from kafkalite.controls.http.server import HttpServer, check_host
from kafkalite.errors import StartError
from kafkalite.shaping.forwarder import Forwarder
from kafkalite.shaping.link import Shaping
from kafkalite.shaping.relayed import relay_through
from kafkalite.shaping.stream import NamedToxic
from kafkalite.shaping.toxics import TOXICS, ToxicError

if TYPE_CHECKING:
    from kafkalite.background.timers import TimerQueue
    from kafkalite.controls.http.connection import Request
    from kafkalite.controls.serialization import Json
    from kafkalite.proxy.proxy import Proxy
    from kafkalite.server.listener import Listener

log = getLogger("kafkalite.toxiproxy")

API_VERSION: Final = "2.5.0"
"""The Toxiproxy whose API this is."""
OWN: Final = "kafka"
_MOST_PROXIES: Final = 1000
_ANY_PORT: Final = HostPort("127.0.0.1", 0)

_Object = Mapping[str, Any]


class ApiError(Exception):
    """An answer with an error, as Toxiproxy words it."""

    def __init__(self, message: str, status: HTTPStatus) -> None:
        super().__init__(message)
        self.status = status


class Target(Protocol):
    """What toxics act on: a listener of the proxy, or a forwarder."""

    @property
    def listen(self) -> str:
        """Where clients connect."""
        ...

    @property
    def upstream(self) -> str:
        """Where their bytes go."""
        ...

    @property
    def enabled(self) -> bool:
        """Whether clients can connect."""
        ...

    def enable(self, enabled: bool, /) -> None:
        """Accept clients, or close their connections. Raises StartError."""
        ...

    def move(self, listen: str, upstream: str, /) -> None:
        """Change the addresses; where they change, the target is stopped. Raises ApiError."""
        ...


class ShapedListener:
    """A listener of the proxy."""

    def __init__(self, listener: Listener, shaping: Shaping, upstream: Callable[[], HostPort]) -> None:
        self._listener = listener
        self._upstream = upstream
        self.enabled = True
        listener.relay = partial(relay_through, shaping)

    @property
    def listen(self) -> str:
        """Where clients connect."""
        return str(HostPort(*self._listener.address))

    @property
    def upstream(self) -> str:
        """The broker, or the first one of the cluster."""
        return str(self._upstream())

    def enable(self, enabled: bool) -> None:
        """Accept clients, or close their connections; the port stays bound."""
        self.enabled = enabled
        self._listener.set_available(enabled)

    def move(self, listen: str, upstream: str) -> None:
        """Refuse other addresses."""
        if (listen, upstream) != (self.listen, self.upstream):
            raise ApiError("the addresses of the proxy's own listeners are options of kafkalite", HTTPStatus.CONFLICT)


class ForwardedPort:
    """A forwarder that was created over HTTP."""

    def __init__(self, listen: str, upstream: str, shaping: Shaping, nursery: trio.Nursery) -> None:
        """Do not listen yet. Raises ApiError."""
        self._forwarder = Forwarder(_address(listen), _address(upstream), shaping, nursery)

    @property
    def listen(self) -> str:
        """Where clients connect."""
        return str(self._forwarder.listen)

    @property
    def upstream(self) -> str:
        """Where their bytes go."""
        return str(self._forwarder.upstream)

    @property
    def enabled(self) -> bool:
        """Whether clients can connect."""
        return self._forwarder.is_started

    def enable(self, enabled: bool) -> None:
        """Listen, or stop listening and close all connections. Raises StartError."""
        if enabled and not self.enabled:
            self._forwarder.start()
        elif not enabled:
            self._forwarder.stop()

    def move(self, listen: str, upstream: str) -> None:
        """Stop, and have other addresses from the next start on. Raises ApiError."""
        if (listen, upstream) != (self.listen, self.upstream):
            new = _address(listen), _address(upstream)
            self._forwarder.stop()
            self._forwarder.listen, self._forwarder.upstream = new


class ToxicProxy:
    """A proxy of Toxiproxy's kind: a target with a name, and its toxics."""

    def __init__(self, name: str, target: Target, shaping: Shaping) -> None:
        self.name = name
        self.target = target
        self.shaping = shaping

    def as_json(self) -> dict[str, Json]:
        """Return the members of its JSON object."""
        return {
            "name": self.name,
            "listen": self.target.listen,
            "upstream": self.target.upstream,
            "enabled": self.target.enabled,
            "toxics": [_toxic_as_json(toxic) for toxic in self.shaping.toxics],
        }


class Toxiproxy:
    """The proxies and what can be done to them over HTTP."""

    def __init__(self, timers: TimerQueue, nursery: trio.Nursery) -> None:
        self._timers = timers
        self._nursery = nursery
        self._proxies: dict[str, ToxicProxy] = {}

    def attach(self, proxy: Proxy) -> None:
        """Show the listeners of a proxy, also those that it opens later."""

        def shape(listener: Listener) -> None:
            node_id = listener.broker

            def upstream() -> HostPort:
                return proxy.config.upstream[0] if node_id is None else proxy.addresses.upstream_of(node_id)

            name = OWN if node_id is None else f"{OWN}-{node_id}"
            shaping = Shaping(self._timers)
            self._proxies[name] = ToxicProxy(name, ShapedListener(listener, shaping, upstream), shaping)

        proxy.on_listener(shape)

    def answer(self, method: str, target: str, body: bytes) -> Response:
        """Return the response to a request."""
        segments = [unquote(part) for part in target.partition("?")[0].strip("/").split("/")]
        try:
            status, result = self._answer(method, segments, body)
        except ApiError as error:
            return Response.json({"error": str(error), "status": int(error.status)}, error.status)
        except StartError as error:
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            return Response.json({"error": str(error), "status": int(status)}, status)
        return Response(status=status, body=b"") if result is None else Response.json(result, status)

    def _answer(self, method: str, segments: list[str], body: bytes) -> tuple[HTTPStatus, Json]:
        match (method, segments):
            case "GET", ["version"]:
                return HTTPStatus.OK, {"version": API_VERSION, "server": f"kafkalite {__version__}"}
            case "POST", ["reset"]:
                return self._reset()
            case "POST", ["populate"]:
                return self._populate(_parsed(body, list))
            case "GET", ["proxies"]:
                return HTTPStatus.OK, {name: proxy.as_json() for name, proxy in self._proxies.items()}
            case "POST", ["proxies"]:
                return HTTPStatus.CREATED, self._create(_parsed(body, dict)).as_json()
            case _, ["proxies", name]:
                return self._on_proxy(method, self._proxy(name), body)
            case _, ["proxies", name, "toxics"]:
                return self._on_toxics(method, self._proxy(name).shaping, body)
            case _, ["proxies", name, "toxics", toxic]:
                return self._on_toxic(method, self._proxy(name).shaping, toxic, body)
            case _:
                raise ApiError("not found", HTTPStatus.NOT_FOUND)

    def _proxy(self, name: str) -> ToxicProxy:
        if name not in self._proxies:
            raise ApiError("proxy not found", HTTPStatus.NOT_FOUND)
        return self._proxies[name]

    def _reset(self) -> tuple[HTTPStatus, Json]:
        for proxy in self._proxies.values():
            proxy.target.enable(True)
            proxy.shaping.clear()
        return HTTPStatus.NO_CONTENT, None

    def _create(self, given: _Object) -> ToxicProxy:
        name, listen, upstream = (_text(given, key) for key in ("name", "listen", "upstream"))
        for key, value in (("name", name), ("upstream", upstream)):
            if not value:
                raise ApiError(f"missing required field: {key}", HTTPStatus.BAD_REQUEST)
        if name in self._proxies:
            raise ApiError("proxy already exists", HTTPStatus.CONFLICT)
        if len(self._proxies) >= _MOST_PROXIES:
            raise ApiError(f"there are {_MOST_PROXIES} proxies", HTTPStatus.CONFLICT)
        shaping = Shaping(self._timers)
        target = ForwardedPort(listen, upstream, shaping, self._nursery)
        if _boolean(given, "enabled", default=True):
            target.enable(True)
        proxy = self._proxies[name] = ToxicProxy(name, target, shaping)
        log.info("%s: %s is forwarded to %s", name, target.listen, target.upstream)
        return proxy

    def _populate(self, given: list[Any]) -> tuple[HTTPStatus, Json]:
        for number, each in enumerate(given, 1):
            if not isinstance(each, dict):
                raise ApiError("bad request body: a proxy is an object", HTTPStatus.BAD_REQUEST)
            for key in ("name", "upstream"):
                if not _text(cast("_Object", each), key):
                    raise ApiError(f"missing required field: {key} at proxy {number}", HTTPStatus.BAD_REQUEST)
        shown: list[Json] = []
        for each in cast("list[_Object]", given):
            known = self._proxies.get(each["name"])
            wanted = (_text(each, "listen"), each["upstream"])
            if known is not None and (known.target.listen, known.target.upstream) != wanted:
                self._delete(known)
                known = None
            shown.append((known or self._create(each)).as_json())
        return HTTPStatus.CREATED, {"proxies": shown}

    def _delete(self, proxy: ToxicProxy) -> None:
        if not isinstance(proxy.target, ForwardedPort):
            raise ApiError(f"{proxy.name} is a listener of kafkalite: disable it instead", HTTPStatus.CONFLICT)
        proxy.target.enable(False)
        del self._proxies[proxy.name]

    def _on_proxy(self, method: str, proxy: ToxicProxy, body: bytes) -> tuple[HTTPStatus, Json]:
        match method:
            case "GET":
                pass
            case "POST" | "PATCH":
                given, target = _parsed(body, dict), proxy.target
                enabled = _boolean(given, "enabled", default=target.enabled)
                target.move(_text(given, "listen", target.listen), _text(given, "upstream", target.upstream))
                if enabled != target.enabled:
                    target.enable(enabled)
            case "DELETE":
                self._delete(proxy)
                return HTTPStatus.NO_CONTENT, None
            case _:
                raise _not_allowed()
        return HTTPStatus.OK, proxy.as_json()

    def _on_toxics(self, method: str, shaping: Shaping, body: bytes) -> tuple[HTTPStatus, Json]:
        match method:
            case "GET":
                return HTTPStatus.OK, [_toxic_as_json(toxic) for toxic in shaping.toxics]
            case "POST":
                toxic = _new_toxic(_parsed(body, dict))
                if shaping.toxic(toxic.name) is not None:
                    raise ApiError("toxic already exists", HTTPStatus.CONFLICT)
                shaping.add(toxic)
                return HTTPStatus.OK, _toxic_as_json(toxic)
            case _:
                raise _not_allowed()

    def _on_toxic(self, method: str, shaping: Shaping, name: str, body: bytes) -> tuple[HTTPStatus, Json]:
        toxic = shaping.toxic(name)
        if toxic is None:
            raise ApiError("toxic not found", HTTPStatus.NOT_FOUND)
        match method:
            case "GET":
                pass
            case "POST" | "PATCH":
                toxic = _changed_toxic(toxic, _parsed(body, dict))
                shaping.replace(toxic)
            case "DELETE":
                shaping.remove(name)
                return HTTPStatus.NO_CONTENT, None
            case _:
                raise _not_allowed()
        return HTTPStatus.OK, _toxic_as_json(toxic)


class ToxiproxyEndpoint(Endpoint):
    """Where Toxiproxy's API is served."""

    async def serve(self, proxy: Proxy, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve the API for an open proxy, and what is created with it, until cancelled."""
        async with trio.open_nursery() as nursery:
            api = Toxiproxy(proxy.timers, nursery)
            api.attach(proxy)

            async def respond(request: Request) -> Response:
                check_host(request.host, self.host)
                if request.user_agent.startswith("Mozilla/"):  # a script of a web page, as Toxiproxy says
                    return Response.json({"error": "User agent not allowed"}, HTTPStatus.FORBIDDEN)
                return api.answer(request.method, request.target, request.body)

            await self.serve_by(HttpServer(respond), task_status)


def _not_allowed() -> ApiError:
    return ApiError("method not allowed", HTTPStatus.METHOD_NOT_ALLOWED)


def _bad_body(problem: object) -> ApiError:
    return ApiError(f"bad request body: {problem}", HTTPStatus.BAD_REQUEST)


def _parsed(body: bytes, kind: type[Any]) -> Any:
    try:
        given = json.loads(body)
    except ValueError as error:
        raise _bad_body(error) from None
    if not isinstance(given, kind):
        raise _bad_body(f"it must be a JSON {'array' if kind is list else 'object'}")
    return given


def _text(given: _Object, key: str, default: str = "") -> str:
    value = given.get(key, default)
    if not isinstance(value, str):
        raise _bad_body(f"{key} must be a string")
    return value


def _boolean(given: _Object, key: str, *, default: bool) -> bool:
    value = given.get(key)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise _bad_body(f"{key} must be true or false")
    return value


def _address(text: str) -> HostPort:
    if not text:
        return _ANY_PORT
    try:
        return HostPort.parse(text)
    except ValueError as error:
        raise _bad_body(error) from None


def _new_toxic(given: _Object) -> NamedToxic:
    kind, direction = _text(given, "type"), _text(given, "stream", "downstream").lower()
    if direction not in ("upstream", "downstream"):
        raise ApiError("stream was invalid, can be either upstream or downstream", HTTPStatus.BAD_REQUEST)
    if kind not in TOXICS:
        raise ApiError("invalid toxic type", HTTPStatus.BAD_REQUEST)
    try:
        return NamedToxic(
            name=_text(given, "name") or f"{kind}_{direction}",
            toxic=TOXICS[kind](**_attributes(kind, given)),
            direction="upstream" if direction == "upstream" else "downstream",
            toxicity=given.get("toxicity", 1.0),
        )
    except ToxicError as error:
        raise _bad_body(error) from None


def _changed_toxic(toxic: NamedToxic, given: _Object) -> NamedToxic:
    kind = toxic.toxic.type
    try:
        changed = TOXICS[kind](**{**toxic.toxic.attributes(), **_attributes(kind, given)})
        toxicity = given.get("toxicity", toxic.toxicity)
        return NamedToxic(name=toxic.name, toxic=changed, direction=toxic.direction, toxicity=toxicity)
    except ToxicError as error:
        raise _bad_body(error) from None


def _attributes(kind: str, given: _Object) -> dict[str, Any]:
    attributes: object = given.get("attributes") or {}
    if not isinstance(attributes, dict):
        raise _bad_body("attributes must be an object")
    known = TOXICS[kind]().attributes()
    return {key: value for key, value in cast("_Object", attributes).items() if key in known}


def _toxic_as_json(toxic: NamedToxic) -> dict[str, Json]:
    return {
        "attributes": dict(toxic.toxic.attributes()),
        "name": toxic.name,
        "type": toxic.toxic.type,
        "stream": toxic.direction,
        "toxicity": toxic.toxicity,
    }
