"""The controls of a proxy: faults and requests as a broker's, its brokers, and whether they can be reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, cast

from kafkalite import __version__
from kafkalite.config.toml_file import TomlError
from kafkalite.controls.definition import Routes, Subject, get, post
from kafkalite.controls.errors import Conflict, InvalidRequest
from kafkalite.controls.faults.controls import Faults
from kafkalite.controls.request_log.controls import RequestLogControl
from kafkalite.security.client_access import ClientAccess, access_of
from kafkalite.security.ready_made import USER
from kafkalite.security.token_issuer import DEFAULT_LIFETIME

if TYPE_CHECKING:
    from kafkalite.controls.definition import Transport
    from kafkalite.proxy.proxy import Proxy
    from kafkalite.requests.interceptors import InterceptorChain


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyInfo:
    """What `GET /` of a proxy returns."""

    kafkalite: str
    bootstrap: str
    upstream: tuple[str, ...]
    routes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamBroker:
    """A broker that the proxy has connected to, or tried to."""

    address: str
    reachable: bool
    problem: str | None = None
    """Why it cannot be reached."""
    since_ms: int
    """When that began: milliseconds since 1970."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedBroker:
    """A broker of the cluster, and the port of the proxy that stands for it."""

    id: int
    upstream: str
    port: int
    pinned: bool
    """Whether the port is the same after each start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Whether the cluster can be reached, and what is known of its brokers."""

    healthy: bool
    """Whether one of the brokers to begin with accepts connections now."""
    connections: int
    """Connections of clients."""
    upstream: tuple[UpstreamBroker, ...]
    brokers: tuple[MappedBroker, ...]

    @property
    def http_status(self) -> HTTPStatus:
        """The status of the response over HTTP."""
        return HTTPStatus.OK if self.healthy else HTTPStatus.SERVICE_UNAVAILABLE


class LocalProxy:
    """A proxy in this process, as the bodies of its controls act on it."""

    def __init__(self, proxy: Proxy, reload: Callable[[], None] | None = None) -> None:
        """``reload`` reads the proxy's file again and puts it in force. Raises TomlError."""
        self.reload = reload
        self.server = proxy
        self.surroundings = proxy
        self.interceptors: InterceptorChain = proxy.pipeline.interceptors
        self.on_restored: list[Callable[[], None]] = []


class ProxyControls(Subject):
    """A proxy as a test or an operator sees it."""

    def __init__(self, transport: Transport | None, local: LocalProxy | None = None) -> None:
        super().__init__(transport, local)
        self.faults = Faults(transport, local)
        """Faults that the proxy injects."""
        self.requests = RequestLogControl(transport, local)
        """The requests that go through the proxy."""

    def __repr__(self) -> str:
        return f"<proxy at {self.bootstrap}>"

    @property
    def bootstrap(self) -> str:
        """Where clients connect, as ``bootstrap.servers`` wants it."""
        return self._transport.bootstrap

    @property
    def _proxy(self) -> Proxy:
        return cast("LocalProxy", self._local_server).server

    @get("/")
    def info(self) -> ProxyInfo:
        """Return the proxy's address, the brokers to begin with, its version and the routes here."""
        return ProxyInfo(
            kafkalite=__version__,
            bootstrap=self._proxy.bootstrap,
            upstream=tuple(map(str, self._proxy.config.upstream)),
            routes=tuple(f"{route.method} {route.path}" for route in ROUTES),
        )

    @get("/health")
    async def health(self) -> Health:
        """Connect to the cluster, and return whether it accepts; over HTTP the status is 503 if it does not.

        Also returns what is known of each broker, and the ports that stand for them.
        """
        proxy = self._proxy
        return Health(
            healthy=await proxy.reaches_cluster(),
            connections=proxy.connection_count,
            upstream=tuple(
                UpstreamBroker(
                    address=str(contact.address),
                    reachable=contact.problem is None,
                    problem=contact.problem,
                    since_ms=contact.since_ms,
                )
                for contact in proxy.contacts.all
            ),
            brokers=tuple(
                MappedBroker(
                    id=node.id, upstream=str(node.upstream), port=node.port, pinned=node.id in proxy.config.ports
                )
                for node in proxy.addresses.nodes
            ),
        )

    @get("/client-access")
    def client_access(self, user: str | None = None) -> ClientAccess:
        """Return what a client of the proxy needs to connect, as :meth:`Controls.client_access` does of a broker."""
        listener = self._proxy.config.listener
        return access_of(listener.client_access, listener.security.sasl, self._proxy.bootstrap, user)

    def client_config(self, library: str, *, mechanism: str | None = None, user: str | None = None) -> dict[str, Any]:
        """Return the settings with which a client library connects, as :meth:`Controls.client_config` does."""
        return self.client_access(user).settings(library, mechanism, make_token=lambda: self.token(user))

    @post("/tokens", result="token")
    def token(self, subject: str | None = None, *, lifetime_s: float = DEFAULT_LIFETIME) -> str:
        """Return an access token for OAUTHBEARER that the proxy accepts. Raises ValueError where it makes none."""
        listener = self._proxy.config.listener
        if listener.token_issuer is None:
            raise InvalidRequest("the proxy makes no tokens: run it with security, and no URL of keys")
        known = listener.client_access
        user = subject or (known and known.username) or USER
        return listener.token_issuer.issue(user, lifetime=lifetime_s, now=self._proxy.wall_ms() / 1000)

    @post("/reload")
    def reload(self) -> None:
        """Read the proxy's file again and put it in force, as SIGHUP does; after a mistake in it nothing changes."""
        reload = cast("LocalProxy", self._local_server).reload
        if reload is None:
            raise Conflict("the proxy was started without --config FILE")
        try:
            reload()
        except TomlError as error:
            raise InvalidRequest(str(error)) from None

    @post("/reset")
    def reset(self) -> None:
        """Remove all faults and switch off the request log."""
        self.faults.forget()
        self.requests.switch_off()


ROUTES: Final = Routes({ProxyControls: "", Faults: "faults", RequestLogControl: "requests"})
"""The controls of a proxy that have a route."""
