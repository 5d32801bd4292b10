"""Which connections have a place, and which ones wait."""

import pytest

from kafkalite.addresses import numbers_of_addresses
from kafkalite.config.connection_limits import ConnectionLimits, ListenerLimits, present_limits
from kafkalite.quotas.connections import ConnectionQuotas
from kafkalite.quotas.rates import Window

HOME = "127.0.0.1"


def quotas(limits: ConnectionLimits, address_rate: float | None = None) -> ConnectionQuotas:
    made = ConnectionQuotas(Window, lambda _: address_rate)
    made.limits = limits
    return made


def test_without_limits_every_connection_has_a_place_and_nothing_is_measured() -> None:
    made = quotas(ConnectionLimits())
    for _ in range(100):
        assert made.has_slot("A")
        assert made.has_room(HOME)
        assert made.rate_throttle_ms("A", 0) == made.address_throttle_ms(HOME, 0) == 0
        made.opened("A", HOME)
    assert made.total == 100


def test_connections_are_counted_by_broker_listener_and_address() -> None:
    made = quotas(
        ConnectionLimits(most=3, most_per_ip=1, most_of_ips={HOME: 2}, listeners={"A": ListenerLimits(most=1)})
    )
    made.opened("A", HOME)
    assert not made.has_slot("A")
    assert made.has_slot("B")
    assert made.has_room(HOME)
    made.opened("B", HOME)
    assert not made.has_room(HOME)
    made.opened("B", "10.0.0.1")
    assert not made.has_room("10.0.0.1")
    assert not made.has_slot("B")
    for listener, address in (("A", HOME), ("B", HOME), ("B", "10.0.0.1")):
        made.closed(listener, address)
    assert (made.total, made.addresses) == (0, 0)
    assert made.has_slot("A")


def test_a_lowered_limit_leaves_an_excess() -> None:
    made = quotas(ConnectionLimits())
    for _ in range(5):
        made.opened("A", HOME)
    made.limits = ConnectionLimits(most=3)
    assert made.excess == 2


def test_connections_above_the_rate_wait_a_second_at_most() -> None:
    made = quotas(ConnectionLimits(rate=2, listeners={"A": ListenerLimits(rate=1)}))
    assert [made.rate_throttle_ms("B", 0) for _ in range(20)] == [0] * 20
    assert made.rate_throttle_ms("B", 0) == 500
    assert made.rate_throttle_ms("B", 0) == 1000
    assert made.rate_throttle_ms("B", 0) == 1000
    slow = quotas(ConnectionLimits(listeners={"A": ListenerLimits(rate=1)}))
    assert [slow.rate_throttle_ms("A", 0) for _ in range(11)] == [0] * 10 + [1000]
    assert slow.rate_throttle_ms("B", 0) == 0


def test_a_refused_connection_of_an_address_does_not_count() -> None:
    made = quotas(ConnectionLimits(), address_rate=1)
    assert [made.address_throttle_ms(HOME, 0) for _ in range(10)] == [0] * 10
    assert [made.address_throttle_ms(HOME, 0) for _ in range(10)] == [1000] * 10
    assert made.address_throttle_ms("10.0.0.1", 0) == 0
    assert made.address_throttle_ms(HOME, 11_000) == 0


def test_no_connections_per_second_hold_up_each_one() -> None:
    assert quotas(ConnectionLimits(rate=0)).rate_throttle_ms("A", 0) == 1000


def test_a_listeners_own_limits_go_before_those_of_the_broker() -> None:
    limits = present_limits(
        ("A", "B"),
        {"max.connections": "5"},
        {"listener.name.a.max.connections": "3", "max.connections": "9", "num.partitions": "7"},
        {"listener.name.a.max.connections": "4", "max.connections.per.ip.overrides": "localhost:1,[::1]:2, 10.0.0.1:3"},
    )
    assert (limits.most, limits.listeners["A"].most, limits.listeners["B"].most) == (5, 3, 5)
    assert limits.most_of_ips == {"127.0.0.1": 1, "::1": 2, "10.0.0.1": 3}


@pytest.mark.parametrize("text", ["10.0.0.1", "10.0.0.1:x", ":3", "somewhere.example:3"])
def test_overrides_name_addresses_and_numbers(text: str) -> None:
    with pytest.raises(ValueError, match="ADDRESS:NUMBER"):
        numbers_of_addresses(text)
