"""Which port of the proxy stands for which broker."""

import pytest

from kafkalite.addresses import HostPort
from kafkalite.errors import StartError
from kafkalite.proxy.addresses import AddressMap


def listening(opened: list[int]) -> AddressMap:
    """Return a map whose listeners have port 1000 and the id of the broker."""

    def open_listener(node_id: int) -> int:
        opened.append(node_id)
        return 1000 + node_id

    return AddressMap(open_listener)


def test_a_broker_keeps_its_port_and_is_followed_where_it_moves() -> None:
    opened: list[int] = []
    addresses = listening(opened)
    assert addresses.local(7, "kafka-7", 9092, "localhost") == ("localhost", 1007)
    assert addresses.local(7, "kafka-7b", 9093, "127.0.0.1") == ("127.0.0.1", 1007)
    assert addresses.upstream_of(7) == HostPort("kafka-7b", 9093)
    assert opened == [7]


def test_ids_may_be_any() -> None:
    opened: list[int] = []
    addresses = listening(opened)
    for node_id in (2_000_000_000, 0, 41):
        addresses.local(node_id, f"kafka-{node_id}", 9092, "localhost")
    assert [node.id for node in addresses.nodes] == [0, 41, 2_000_000_000]


@pytest.mark.parametrize(("node_id", "host"), [(-1, ""), (-1, "kafka"), (3, "")])
def test_no_broker_is_no_address(node_id: int, host: str) -> None:
    opened: list[int] = []
    assert listening(opened).local(node_id, host, -1, "localhost") == (host, -1)
    assert opened == []


def test_clients_are_sent_to_the_advertised_host() -> None:
    addresses = AddressMap(lambda node_id: 1000 + node_id, advertise="proxy.example")
    assert addresses.local(1, "kafka", 9092, "localhost") == ("proxy.example", 1001)


def test_a_broker_without_a_listener_is_asked_for_again() -> None:
    is_first = iter((True, False))

    def open_listener(_: int) -> int:
        if next(is_first):
            raise StartError("no port is free")
        return 1001

    addresses = AddressMap(open_listener)
    with pytest.raises(StartError):
        addresses.local(1, "kafka", 9092, "localhost")
    assert addresses.nodes == ()
    assert addresses.local(1, "kafka", 9092, "localhost") == ("localhost", 1001)
