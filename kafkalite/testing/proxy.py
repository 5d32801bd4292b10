"""A proxy beside a test, in front of any Kafka: faults and a request log where the broker offers none."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kafkalite.addresses import HostPort
from kafkalite.config.proxy_listener import ProxyListener, proxy_listener
from kafkalite.config.security import SECURITY
from kafkalite.config.setting import Setting
from kafkalite.config.upstream import upstream_of
from kafkalite.controls.defaults import Value, text_of
from kafkalite.controls.proxy import LocalProxy, ProxyControls
from kafkalite.testing.connecting import connect
from kafkalite.testing.in_process import PortalTransport, running_server

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

    from kafkalite.controls.controls import Controls
    from kafkalite.interceptors import MessageInterceptor


class ProxyHandle(ProxyControls):
    """A proxy as a test sees it."""

    @contextmanager
    def cluster(self) -> Generator[Controls]:
        """Yield the controls of the cluster, through the proxy: topics, records and groups (:func:`connect`)."""
        with connect(self.bootstrap) as controls:
            yield controls


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
    from kafkalite.proxy.shared_port import ServerNames, hosts_of

    address = HostPort.parse(listen)
    names = None if broker_host is None else ServerNames.parse(broker_host)
    cluster = upstream_of(_settings(upstream_properties or {}, "upstream_properties"), environment=os.environ)
    config = ProxyConfig(
        upstream=tuple(HostPort.parse(each) for each in upstream.split(",")),
        listen=address,
        advertise=advertise,
        tls=cluster.tls if tls is None else _Fixed(tls),
        login=cluster.login,
        names=names,
        listener=_listener(properties or {}, security, address, hosts_of(names, advertise)),
    )
    proxy = Proxy(config)
    if interceptors:
        from kafkalite.interceptors.installing import InstalledInterceptors

        InstalledInterceptors(proxy).replace(interceptors)
    with running_server(
        proxy, lambda portal: ProxyHandle(PortalTransport(proxy.bootstrap, portal), LocalProxy(proxy))
    ) as handle:
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


@contextmanager
def connect_to_proxy(
    bootstrap: str, controls: str, *, token: str | None = None, ca: str | Path | None = None
) -> Generator[ProxyHandle]:
    """Yield the controls of a proxy that is running already; its faults are removed at the end.

    ``bootstrap`` is where clients connect to it, and ``controls`` the URL of ``kafkalite proxy --controls``. ``token``
    is what the controls ask for, and ``ca`` a PEM file with the authority of their certificate. Raises OSError if the
    proxy does not accept connections.
    """
    from kafkalite.controls.http.client import HttpTransport

    handle = ProxyHandle(HttpTransport(bootstrap, controls, token=token, ca=ca))
    handle.info()
    try:
        yield handle
    finally:
        handle.reset()
