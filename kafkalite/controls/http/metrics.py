"""`kafkalite proxy --metrics`: what a proxy measures, for Prometheus, at `GET /metrics`; and `GET /health`.

Needs prometheus-client, of the extra `metrics`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import trio
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder

from kafkalite.controls.http.connection import HttpError, Response
from kafkalite.controls.http.endpoint import Endpoint
from kafkalite.controls.http.server import HttpServer, check_host
from kafkalite.controls.serialization import encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from kafkalite.addresses import HostPort
    from kafkalite.controls.http.connection import Request
    from kafkalite.proxy.proxy import Proxy

_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_BYTES: Final = tuple(4**power for power in range(3, 14))


class ProxyMetrics:
    """Counts what a proxy does. The names begin with ``kafkalite_proxy_``."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._labelled: Callable[..., Any] = cache(_labelled)  # looking up labels is slow
        self._sizes = self._made(Histogram, "message_bytes", "Sizes of messages.", "api", "kind", buckets=_BYTES)
        self._hops = self._made(
            Histogram,
            "hop_seconds",
            "Time from a request to the cluster until its response (cluster), and until the client has taken it "
            "(client).",
            "api",
            "hop",
            buckets=_SECONDS,
        )
        self._connected = self._made(Counter, "connections", "Connections of clients so far.")
        self._ended = self._made(Counter, "connections_ended", "Connections that have ended, by reason.", "reason")
        self._held_back = self._made(
            Counter, "backpressure_seconds", "Time for which a side took no bytes and the other one waited.", "side"
        )

    def _made(self, kind: Any, name: str, description: str, *labels: str, **options: Any) -> Any:
        return kind(f"kafkalite_proxy_{name}", description, labels, registry=self.registry, **options)

    def observe(self, proxy: Proxy) -> None:
        """Add what is asked for at each scrape: connections now, and the state of the cluster."""
        self.registry.register(_ProxyState(proxy))

    def connected(self) -> None:
        """Count a connection of a client."""
        self._connected.inc()

    def ended(self, reason: str) -> None:
        """Count a connection that has ended."""
        self._labelled(self._ended, reason).inc()

    def request(self, api: str, size: int) -> None:
        """Count a request that is sent to the cluster."""
        self._labelled(self._sizes, api, "request").observe(size)

    def response(self, api: str, size: int, waited: float) -> None:
        """Count a response, and the time that the cluster took."""
        self._labelled(self._sizes, api, "response").observe(size)
        self._labelled(self._hops, api, "cluster").observe(waited)

    def passed_on(self, api: str, waited: float) -> None:
        """Note the time that the client took to accept a response."""
        self._labelled(self._hops, api, "client").observe(waited)

    def held_back(self, side: str, waited: float) -> None:
        """Note the time for which a side took no bytes."""
        self._labelled(self._held_back, side).inc(waited)


def _labelled(family: Any, *labels: str) -> Any:
    return family.labels(*labels)


class _ProxyState:
    """A collector, in prometheus-client's sense."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the metrics as they are now."""
        yield GaugeMetricFamily(
            "kafkalite_proxy_connections_now", "Connections of clients now.", value=self._proxy.connection_count
        )
        up = GaugeMetricFamily(
            "kafkalite_proxy_upstream_up", "Whether a broker accepted the last connection.", labels=["broker"]
        )
        for contact in self._proxy.contacts.all:
            up.add_metric([str(contact.address)], float(contact.problem is None))
        yield up


class MetricsEndpoint(Endpoint):
    """Where metrics are served."""

    def __init__(self, address: HostPort, metrics: ProxyMetrics) -> None:
        """Listen at an address. Raises StartError."""
        super().__init__(address)
        self._metrics = metrics

    async def serve(self, proxy: Proxy, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve the metrics of an open proxy until cancelled."""
        from kafkalite.controls.proxy import LocalProxy, ProxyControls

        self._metrics.observe(proxy)
        controls = ProxyControls(None, LocalProxy(proxy))

        async def respond(request: Request) -> Response:
            check_host(request.host, self.host)
            match request.method, request.target.partition("?")[0]:
                case "GET" | "HEAD", "/metrics":
                    encoder, content_type = choose_encoder("")
                    return Response(content_type=content_type, body=encoder(self._metrics.registry))
                case "GET" | "HEAD", "/health":
                    health = await ProxyControls.health.run(controls, {})
                    return Response.json(encode(health), health.http_status)
                case _:
                    raise HttpError(HTTPStatus.NOT_FOUND, "there are GET /metrics and GET /health here")

        await self.serve_by(HttpServer(respond), task_status)
