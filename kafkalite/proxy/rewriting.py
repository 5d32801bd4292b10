"""The responses that name addresses of brokers, or versions of APIs, and how each is rewritten.

A function takes the decoded response and returns one with the proxy's addresses, or the same object where nothing
changes. DescribeTopicPartitions names brokers by id only, so it is passed on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from kafkalite_wire.apis import DECLARED_APIS, ApiKey

Local = Callable[[int, str, int], tuple[str, int]]
"""Returns the proxy's address for a broker, by its id, host and port."""

Rewrite = Callable[[Any, Local], Any]


def served_versions(api_key: int) -> tuple[int, int] | None:
    """Return the lowest and highest version of an API that the proxy passes on, or None."""
    api = DECLARED_APIS.get(api_key)
    if api is None:
        return None
    return api.min_version, api.max_version


def _api_versions(response: Any, local: Local) -> Any:
    del local
    offered = tuple(shared for each in response.api_keys if (shared := _shared(each)) is not None)
    return replace(response, api_keys=offered)


def _shared(offered: Any) -> Any | None:
    """Return the versions of an API that cluster and proxy both know.

    Of Produce the cluster lists versions that it refuses, because an old client library requires them: they stay.
    """
    versions = served_versions(offered.api_key)
    if versions is None:
        return None
    lowest = offered.min_version if offered.api_key == ApiKey.PRODUCE else max(offered.min_version, versions[0])
    highest = min(offered.max_version, versions[1])
    return replace(offered, min_version=lowest, max_version=highest) if lowest <= highest else None


def _metadata(response: Any, local: Local) -> Any:
    return replace(response, brokers=tuple(_moved(each, each.node_id, local) for each in response.brokers))


def _describe_cluster(response: Any, local: Local) -> Any:
    return replace(response, brokers=tuple(_moved(each, each.broker_id, local) for each in response.brokers))


def _find_coordinator(response: Any, local: Local) -> Any:
    response = _moved(response, response.node_id, local)
    return replace(response, coordinators=tuple(_moved(each, each.node_id, local) for each in response.coordinators))


def _node_endpoints(response: Any, local: Local) -> Any:
    if not response.node_endpoints:
        return response
    return replace(
        response, node_endpoints=tuple(_moved(each, each.node_id, local) for each in response.node_endpoints)
    )


def _moved(named: Any, node_id: int, local: Local) -> Any:
    host, port = local(node_id, named.host, named.port)
    return replace(named, host=host, port=port)


REWRITTEN: Final[dict[int, tuple[int, Rewrite]]] = {
    ApiKey.API_VERSIONS: (0, _api_versions),
    ApiKey.METADATA: (0, _metadata),
    ApiKey.DESCRIBE_CLUSTER: (0, _describe_cluster),
    ApiKey.FIND_COORDINATOR: (0, _find_coordinator),
    ApiKey.PRODUCE: (10, _node_endpoints),
    ApiKey.FETCH: (16, _node_endpoints),
    ApiKey.SHARE_FETCH: (1, _node_endpoints),
    ApiKey.SHARE_ACKNOWLEDGE: (1, _node_endpoints),
}
"""By API: the first version with addresses, and how to rewrite it."""


def rewriter_of(api_key: int, version: int) -> Rewrite | None:
    """Return how the responses of an API and version are rewritten; None if they are passed on."""
    first, rewrite = REWRITTEN.get(api_key, (0, None))
    return rewrite if version >= first else None
