"""The brokers of a cluster in one process: stopped, killed and started again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kafkalite.controls.definition import Subject, get, post
from kafkalite.controls.errors import NotFound
from kafkalite.controls.views import BrokerView

if TYPE_CHECKING:
    from kafkalite.server.node import Node


class Brokers(Subject):
    """The brokers of the cluster, by id: ``brokers[2].stop()``."""

    @get("/brokers", result="brokers")
    def all(self) -> list[BrokerView]:
        """Return all brokers: state, address, rack, and how many partitions each leads."""
        return [self._view(node) for node in self._local.broker.nodes.values()]

    @post("/brokers/{broker}/stop")
    async def stop(self, broker: int) -> BrokerView:
        """Stop a broker in order: others lead and coordinate what it did, and clients cannot connect to it any more.

        Nothing happens if it does not run. Raises LookupError for an unknown id.
        """
        node = self._node(broker)
        await self._local.broker.stop_broker(broker)
        return self._view(node)

    @post("/brokers/{broker}/kill")
    async def kill(self, broker: int) -> BrokerView:
        """Cut a broker off without notice; others take over after ``broker.session.timeout.ms`` of the broker's clock.

        Nothing happens if it does not run. Raises LookupError for an unknown id.
        """
        node = self._node(broker)
        await self._local.broker.kill_broker(broker)
        return self._view(node)

    @post("/brokers/{broker}/start")
    async def start(self, broker: int) -> BrokerView:
        """Start a broker that was stopped or killed, at the same port. It leads what had no leader.

        Nothing happens if it runs. Raises LookupError for an unknown id.
        """
        node = self._node(broker)
        await self._local.broker.start_broker(broker)
        return self._view(node)

    @post("/brokers/elect-preferred-leaders", result="brokers")
    def elect_preferred_leaders(self) -> list[BrokerView]:
        """Elect the first replica of each partition, where its broker runs."""
        self._local.cluster.leadership.prefer_everywhere()
        self._local.cluster.after_request()
        return [self._view(node) for node in self._local.broker.nodes.values()]

    def __iter__(self) -> Iterator[int]:
        return (each.id for each in self.all())

    def __len__(self) -> int:
        return len(self.all())

    def __getitem__(self, broker: int) -> OneBroker:
        """Return a broker by its id. Raises KeyError."""
        ids = list(self)
        if broker not in ids:
            raise KeyError(_no_broker(broker, ids))
        return OneBroker(self, broker)

    def _node(self, broker: int) -> Node:
        nodes = self._local.broker.nodes
        if broker not in nodes:
            raise NotFound(_no_broker(broker, list(nodes)))
        return nodes[broker]

    def _view(self, node: Node) -> BrokerView:
        topics = self._local.cluster.storage.topics.values()
        host, port = node.listeners[0].address
        return BrokerView(
            id=node.id,
            host=host,
            port=port,
            rack=node.endpoint.rack,
            state=node.state.value,
            leads=sum(partition.leader == node.id for topic in topics for partition in topic.assignment),
        )


class OneBroker:
    """One broker of a cluster."""

    def __init__(self, brokers: Brokers, broker: int) -> None:
        self._brokers = brokers
        self.id = broker

    def __repr__(self) -> str:
        return f"<broker {self.id}>"

    @property
    def view(self) -> BrokerView:
        """Its state, address and rack, and how many partitions it leads."""
        return next(each for each in self._brokers.all() if each.id == self.id)

    @property
    def state(self) -> str:
        """``up``, ``stopped`` or ``killed``."""
        return self.view.state

    @property
    def bootstrap(self) -> str:
        """Its address, as ``bootstrap.servers`` wants it."""
        view = self.view
        return f"{view.host}:{view.port}"

    def stop(self) -> None:
        """Stop it in order: see :meth:`Brokers.stop`."""
        self._brokers.stop(self.id)

    def kill(self) -> None:
        """Cut it off without notice: see :meth:`Brokers.kill`."""
        self._brokers.kill(self.id)

    def start(self) -> None:
        """Start it again: see :meth:`Brokers.start`."""
        self._brokers.start(self.id)


def _no_broker(broker: int, ids: list[int]) -> str:
    return f"there is no broker {broker}; brokers: {', '.join(map(str, ids))}"
