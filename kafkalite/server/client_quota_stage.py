"""The quotas of clients in a broker's pipeline, as long as there are any."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.quotas.interceptor import QuotaEnforcer
    from kafkalite.requests.interceptors import InterceptorChain


class ClientQuotaStage:
    """Installs the interceptor with the first quota, and removes it with the last."""

    def __init__(self, interceptors: InterceptorChain, endpoints: Sequence[BrokerEndpoint]) -> None:
        """``endpoints`` are all brokers whose requests pass the interceptors."""
        self._interceptors = interceptors
        self._endpoints = endpoints
        self._cluster = endpoints[0].cluster
        self._enforcer: QuotaEnforcer | None = None
        self._cluster.on_quotas_changed.append(self._update)
        self._update()

    def _update(self) -> None:
        if not self._cluster.storage.cluster_image.client_quotas:
            self.remove()
        elif self._enforcer is None:
            self._enforcer = _enforcer(self._endpoints)
            self._interceptors.add(self._enforcer)
        else:
            self._interceptors.refresh()

    def remove(self) -> None:
        """Enforce nothing any more, until quotas change."""
        if self._enforcer is not None:
            self._interceptors.remove(self._enforcer)
            self._enforcer = None


def _enforcer(endpoints: Sequence[BrokerEndpoint]) -> QuotaEnforcer:
    # A broker without quotas imports nothing of them.
    from kafkalite.quotas.client_quotas import ClientQuotas
    from kafkalite.quotas.interceptor import LimitedBroker, QuotaEnforcer
    from kafkalite.quotas.rates import Window

    config, cluster = endpoints[0].config, endpoints[0].cluster

    def quotas_with(samples: int, seconds: int) -> ClientQuotas:
        return ClientQuotas(lambda: cluster.storage.cluster_image.client_quotas, Window(samples, seconds * 1000))

    mutations = quotas_with(config.controller_quota_window_num, config.controller_quota_window_size_seconds)
    brokers = [
        LimitedBroker(
            endpoint=endpoint,
            quotas=quotas_with(config.quota_window_num, config.quota_window_size_seconds),
            mutations=mutations,
        )
        for endpoint in endpoints
    ]
    return QuotaEnforcer(brokers, now=cluster.timers.now, busy=time.perf_counter)
