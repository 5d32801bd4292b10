"""The quotas of clients in a broker's pipeline, as long as there are any."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kafkalite.cluster.cluster import Cluster
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.quotas.interceptor import QuotaEnforcer
    from kafkalite.requests.interceptors import InterceptorChain


class ClientQuotaStage:
    """Installs the interceptor with the first quota, and removes it with the last."""

    def __init__(self, interceptors: InterceptorChain, endpoint: BrokerEndpoint) -> None:
        self._interceptors = interceptors
        self._endpoint = endpoint
        self._enforcer: QuotaEnforcer | None = None
        endpoint.cluster.on_quotas_changed.append(self._update)
        self._update()

    def _update(self) -> None:
        if not self._endpoint.cluster.storage.cluster_image.client_quotas:
            self.remove()
        elif self._enforcer is None:
            self._enforcer = _enforcer(self._endpoint)
            self._interceptors.add(self._enforcer)
        else:
            self._interceptors.refresh()

    def remove(self) -> None:
        """Enforce nothing any more, until quotas change."""
        if self._enforcer is not None:
            self._interceptors.remove(self._enforcer)
            self._enforcer = None


def _enforcer(endpoint: BrokerEndpoint) -> QuotaEnforcer:
    # A broker without quotas imports nothing of them.
    from kafkalite.quotas.client_quotas import ClientQuotas
    from kafkalite.quotas.interceptor import QuotaEnforcer
    from kafkalite.quotas.rates import Window

    config, storage = endpoint.config, endpoint.cluster.storage
    quotas = ClientQuotas(
        lambda: storage.cluster_image.client_quotas,
        Window(config.quota_window_num, config.quota_window_size_seconds * 1000),
        Window(config.controller_quota_window_num, config.controller_quota_window_size_seconds * 1000),
    )
    return QuotaEnforcer(
        quotas, _SessionsOfAll(endpoint.cluster), now=endpoint.cluster.timers.now, busy=time.perf_counter
    )


class _SessionsOfAll:
    """The fetch sessions of all brokers; no two have the same id, but by an unlikely chance."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def close(self, session_id: int) -> None:
        for broker in self._cluster.brokers.values():
            broker.fetch_sessions.close(session_id)

    def withdraw(self, session_id: int, partitions: Iterable[tuple[str | bytes, int]]) -> None:
        withdrawn = tuple(partitions)
        for broker in self._cluster.brokers.values():
            broker.fetch_sessions.withdraw(session_id, withdrawn)
