"""Which of several quotas applies to a client."""

from itertools import combinations

import pytest

from kafkalite.quotas.entities import Entity, Limit, QuotaKey, Quotas, connection_rate_of, limit_of

KEY = QuotaKey.PRODUCED
USER, CLIENT = ("user", "alice"), ("client-id", "app")
ANY_USER, ANY_CLIENT = ("user", None), ("client-id", None)

ORDER: list[tuple[Entity, tuple[str | None, str | None]]] = [
    (frozenset((USER, CLIENT)), ("alice", "app")),
    (frozenset((USER, ANY_CLIENT)), ("alice", "app")),
    (frozenset((USER,)), ("alice", None)),
    (frozenset((ANY_USER, CLIENT)), ("alice", "app")),
    (frozenset((ANY_USER, ANY_CLIENT)), ("alice", "app")),
    (frozenset((ANY_USER,)), ("alice", None)),
    (frozenset((CLIENT,)), (None, "app")),
    (frozenset((ANY_CLIENT,)), (None, "app")),
]
"""The strongest first, each with those who use it up together."""


@pytest.mark.parametrize(("stronger", "weaker"), tuple(combinations(range(len(ORDER)), 2)))
def test_the_stronger_of_two_quotas_applies(stronger: int, weaker: int) -> None:
    quotas: Quotas = {ORDER[weaker][0]: {KEY: 2.0}, ORDER[stronger][0]: {KEY: 1.0}}
    assert limit_of(quotas, KEY, "alice", "app") == Limit(1.0, ORDER[stronger][1])


def test_other_entities_and_other_keys_do_not_matter() -> None:
    others: Quotas = {
        frozenset((("user", "bob"),)): {KEY: 1.0},
        frozenset((("client-id", "other"),)): {KEY: 1.0},
        frozenset((USER, ("client-id", "other"))): {KEY: 1.0},
        frozenset((USER,)): {QuotaKey.FETCHED: 1.0},
        frozenset((("ip", None),)): {QuotaKey.CONNECTIONS: 1.0},
    }
    assert limit_of(others, KEY, "alice", "app") is None


def test_a_client_without_a_client_id_has_the_quotas_of_its_user_only() -> None:
    clients: Quotas = {entity: {KEY: 1.0} for entity, _ in ORDER if not entity & {USER, ANY_USER} or len(entity) > 1}
    assert limit_of(clients, KEY, "alice", "") is None
    assert limit_of({**clients, ORDER[5][0]: {KEY: 7.0}}, KEY, "alice", "") == Limit(7.0, ("alice", None))


def test_the_rate_of_an_address_comes_before_the_default() -> None:
    quotas: Quotas = {
        frozenset((("ip", None),)): {QuotaKey.CONNECTIONS: 5.0},
        frozenset((("ip", "10.0.0.1"),)): {QuotaKey.CONNECTIONS: 1.0},
    }
    assert connection_rate_of(quotas, "10.0.0.1") == 1.0
    assert connection_rate_of(quotas, "10.0.0.2") == 5.0
    assert connection_rate_of({}, "10.0.0.2") is None
