"""A proxy beside a test, in front of any Kafka: faults and a request log where the broker offers none."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kafkalite.addresses import HostPort
from kafkalite.config.proxy_listener import ProxyListener, proxy_listener
from kafkalite.config.security import SECURITY
from kafkalite.config.setting import Setting
from kafkalite.config.upstream import upstream_of
from kafkalite.controls.defaults import Value, text_of
from kafkalite.controls.faults.controls import Faults
from kafkalite.controls.request_log.controls import RequestLogControl
from kafkalite.security.client_access import access_of
from kafkalite.security.ready_made import USER
from kafkalite.security.token_issuer import DEFAULT_LIFETIME
from kafkalite.testing.connecting import connect
from kafkalite.testing.in_process import PortalTransport, running_server

if TYPE_CHECKING:
    import ssl

    from kafkalite.controls.controls import Controls
    from kafkalite.interceptors import MessageInterceptor
    from kafkalite.proxy.proxy import Proxy
    from kafkalite.requests.interceptors import InterceptorChain
    from kafkalite.security.client_access import ClientAccess
    from kafkalite.testing.portal import BlockingPortal


class ProxyHandle:
    """A proxy as a test sees it."""

    def __init__(self, proxy: Proxy, portal: BlockingPortal) -> None:
        transport, local = PortalTransport(proxy.bootstrap, portal), _LocalProxy(proxy)
        self.bootstrap = proxy.bootstrap
        """Where clients connect, as ``bootstrap.servers`` wants it."""
        self.faults = Faults(transport, local)
        """Faults that the proxy injects."""
        self.requests = RequestLogControl(transport, local)
        """The requests that go through the proxy."""
        self._proxy = proxy

    def client_access(self, user: str | None = None) -> ClientAccess:
        """Return what a client of the proxy needs to connect, as :meth:`Controls.client_access` does of a broker."""
        listener = self._proxy.config.listener
        return access_of(listener.client_access, listener.security.sasl, self.bootstrap, user)

    def client_config(self, library: str, *, mechanism: str | None = None, user: str | None = None) -> dict[str, Any]:
        """Return the settings with which a client library connects, as :meth:`Controls.client_config` does."""
        access = self.client_access(user)
        if access.uses_tokens(mechanism):
            access = replace(access, token=self.token(user))
        return access.settings(library, mechanism)

    def token(self, subject: str | None = None, *, lifetime_s: float = DEFAULT_LIFETIME) -> str:
        """Return an access token for OAUTHBEARER that the proxy accepts. Raises ValueError where it makes none."""
        issuer = self._proxy.config.listener.token_issuer
        if issuer is None:
            raise ValueError("the proxy makes no tokens: run it with security, and no URL of keys")
        user = subject or self.client_access().username or USER
        return issuer.issue(user, lifetime=lifetime_s, now=self._proxy.wall_ms() / 1000)

    @contextmanager
    def cluster(self) -> Generator[Controls]:
        """Yield the controls of the cluster, through the proxy: topics, records and groups (:func:`connect`)."""
        with connect(self.bootstrap) as controls:
            yield controls

    def __repr__(self) -> str:
        return f"<proxy at {self.bootstrap}>"


@contextmanager
def run_proxy(
    upstream: str,
    properties: Mapping[str, Value] | None = None,
    *,
    listen: str = "127.0.0.1:0",
    advertise: str | None = None,
    security: str | None = None,
    tls: ssl.SSLContext | None = None,
    interceptors: Iterable[MessageInterceptor] = (),
    upstream_properties: Mapping[str, Value] | None = None,
    broker_host: str | None = None,
) -> Generator[ProxyHandle]:
    """Run a proxy in front of a Kafka cluster on a thread of its own, and yield its controls.

    ``upstream`` are brokers to begin with, ``HOST:PORT`` with commas; the cluster need not run yet. ``advertise`` is
    the host that clients are sent to, by default the one that they have dialled. With ``tls`` the proxy connects to the
    cluster so. ``properties`` are broker properties under Kafka's names that act at a proxy's listeners, and
    ``security`` is ``ssl``, ``sasl_plaintext`` or ``sasl_ssl``: :meth:`ProxyHandle.client_config` returns what clients
    need then, and their logins are checked by the proxy. Requests pass the ``interceptors`` in their order.
    ``upstream_properties`` are properties of Kafka's clients for its connections to the cluster; with
    ``sasl.mechanism`` it logs in itself. With ``broker_host``, such as ``broker-{id}.proxy.test``, all brokers share
    one port by server name (SNI).

    Raises ConfigError for a property, ValueError for an address that is none, StartError if the proxy cannot listen,
    and at the end BrokerFailed if an exception in it was not handled.
    """
    from kafkalite.proxy.proxy import Proxy, ProxyConfig
    from kafkalite.proxy.shared_port import ServerNames

    address = HostPort.parse(listen)
    names = None if broker_host is None else ServerNames.parse(broker_host)
    hosts = (() if advertise is None else (advertise,)) if names is None else names.certified
    cluster = upstream_of(_settings(upstream_properties or {}, "upstream_properties"), environment=os.environ)
    config = ProxyConfig(
        upstream=tuple(HostPort.parse(each) for each in upstream.split(",")),
        listen=address,
        advertise=advertise,
        tls=cluster.tls if tls is None else _Fixed(tls),
        login=cluster.login,
        names=names,
        listener=_listener(properties or {}, security, address, hosts),
    )
    proxy = Proxy(config)
    if interceptors:
        from kafkalite.proxy.intercepting import installed_in

        installed_in(proxy, interceptors)
    with running_server(proxy, lambda portal: ProxyHandle(proxy, portal)) as handle:
        yield handle


def _listener(
    properties: Mapping[str, Value], security: str | None, listen: HostPort, hosts: tuple[str, ...]
) -> ProxyListener:
    given = _settings(properties, "properties")
    if security is not None:
        given[SECURITY] = Setting(SECURITY, security, "security")
    if not given:
        return ProxyListener()
    return proxy_listener(given, listen, hosts=hosts, environment=os.environ)


def _settings(properties: Mapping[str, Value], origin: str) -> dict[str, Setting]:
    return {name: Setting(name, text_of(value), origin) for name, value in properties.items()}


class _Fixed:
    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context

    def current(self) -> ssl.SSLContext:
        return self._context


class _LocalProxy:
    """What the bodies of the controls act on."""

    def __init__(self, proxy: Proxy) -> None:
        self.server = proxy
        self.surroundings = proxy
        self.interceptors: InterceptorChain = proxy.pipeline.interceptors
        self.on_restored: list[Callable[[], None]] = []
