"""Makes the authorization of a broker from its configuration; imported only where there is an authorizer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kafkalite.requests.authorization import Authorization
from kafkalite.security.authorizer import Authorizer

if TYPE_CHECKING:
    from kafkalite.cluster.cluster import Cluster
    from kafkalite.config import BrokerConfig


def authorization_of(config: BrokerConfig, cluster: Callable[[], Cluster]) -> Authorization:
    """Make the interceptor of a broker that has an authorizer. ``cluster`` returns the broker's present cluster."""
    assert config.authorizer is not None
    authorizer = Authorizer(config.authorizer, lambda: cluster().storage.cluster_image)
    return Authorization(authorizer, _Topics(config.auto_create_topics_enable, cluster))


class _Topics:
    """The topics of the cluster, for the rules of authorization."""

    def __init__(self, auto_create: bool, cluster: Callable[[], Cluster]) -> None:
        self.auto_create = auto_create
        self._cluster = cluster

    def name_of(self, key: str | bytes) -> str | None:
        return self._cluster().topic_name(key)

    def partitions_of(self, name: str) -> int:
        topic = self._cluster().storage.topics.get(name)
        return 0 if topic is None else topic.partitions
