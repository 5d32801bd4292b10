"""A proxy beside a test, in front of any Kafka: faults and a request log where the broker offers none."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kafkalite.addresses import HostPort
from kafkalite.controls.faults.controls import Faults
from kafkalite.controls.request_log.controls import RequestLogControl
from kafkalite.testing.connecting import connect
from kafkalite.testing.in_process import PortalTransport, running_server

if TYPE_CHECKING:
    import ssl

    from kafkalite.controls.controls import Controls
    from kafkalite.proxy.proxy import Proxy
    from kafkalite.requests.interceptors import InterceptorChain
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

    @contextmanager
    def cluster(self) -> Generator[Controls]:
        """Yield the controls of the cluster, through the proxy: topics, records and groups (:func:`connect`)."""
        with connect(self.bootstrap) as controls:
            yield controls

    def __repr__(self) -> str:
        return f"<proxy at {self.bootstrap}>"


@contextmanager
def run_proxy(
    upstream: str, *, listen: str = "127.0.0.1:0", advertise: str | None = None, tls: ssl.SSLContext | None = None
) -> Generator[ProxyHandle]:
    """Run a proxy in front of a Kafka cluster on a thread of its own, and yield its controls.

    ``upstream`` are brokers to begin with, ``HOST:PORT`` with commas; the cluster need not run yet. ``advertise`` is
    the host that clients are sent to, by default the one that they have dialled. With ``tls`` the proxy connects to the
    cluster so. Raises ValueError for an address that is none, StartError if the proxy cannot listen, and at the end
    BrokerFailed if an exception in it was not handled.
    """
    from kafkalite.proxy.proxy import Proxy, ProxyConfig

    config = ProxyConfig(
        upstream=tuple(HostPort.parse(address) for address in upstream.split(",")),
        listen=HostPort.parse(listen),
        advertise=advertise,
        tls=tls,
    )
    proxy = Proxy(config)
    with running_server(proxy, lambda portal: ProxyHandle(proxy, portal)) as handle:
        yield handle


class _LocalProxy:
    """What the bodies of the controls act on."""

    def __init__(self, proxy: Proxy) -> None:
        self.server = proxy
        self.surroundings = proxy
        self.interceptors: InterceptorChain = proxy.pipeline.interceptors
        self.on_restored: list[Callable[[], None]] = []
