"""What clients have used of their quotas."""

import pytest

from kafkalite.quotas import meters
from kafkalite.quotas.client_quotas import ClientQuotas
from kafkalite.quotas.entities import Entity, QuotaKey

ANY_CLIENT: Entity = frozenset((("client-id", None),))
ALICE: Entity = frozenset((("user", "alice"),))


def test_clients_of_a_user_use_up_its_quota_together() -> None:
    quotas = ClientQuotas(lambda: {ALICE: {QuotaKey.PRODUCED: 10.0}})
    assert quotas.use(QuotaKey.PRODUCED, "alice", "a", 100, 0) == 0
    assert quotas.use(QuotaKey.PRODUCED, "alice", "b", 50, 0) == 5000
    assert quotas.use(QuotaKey.PRODUCED, "bob", "b", 1e9, 0) == 0
    assert quotas.use(QuotaKey.FETCHED, "alice", "a", 1e9, 0) == 0


def test_a_default_quota_is_for_each_client_by_itself() -> None:
    quotas = ClientQuotas(lambda: {ANY_CLIENT: {QuotaKey.PRODUCED: 10.0}})
    assert quotas.use(QuotaKey.PRODUCED, "alice", "a", 150, 0) == 5000
    assert quotas.use(QuotaKey.PRODUCED, "alice", "b", 100, 0) == 0
    assert quotas.use(QuotaKey.PRODUCED, "bob", "a", 10, 0) == 6000


def test_another_quota_applies_to_what_was_used_before() -> None:
    bounds: dict[str, float] = {QuotaKey.PRODUCED: 10.0}
    quotas = ClientQuotas(lambda: {ALICE: bounds})
    assert quotas.use(QuotaKey.PRODUCED, "alice", "a", 100, 0) == 0
    bounds[QuotaKey.PRODUCED] = 5.0
    assert quotas.use(QuotaKey.PRODUCED, "alice", "a", 0, 0) == 10_000


def test_clients_with_ever_new_client_ids_take_no_more_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meters, "MOST_METERS", 100)
    quotas = ClientQuotas(lambda: {ANY_CLIENT: {QuotaKey.PRODUCED: 10.0}})
    for number in range(1000):
        quotas.use(QuotaKey.PRODUCED, "alice", f"client {number}", 1000, 0)
        quotas.use(QuotaKey.PRODUCED, "alice", "the busy one", 1, 0)
    assert len(quotas) == 100
    assert quotas.use(QuotaKey.PRODUCED, "alice", "the busy one", 0, 0) == 90_000
    for number in range(meters.PRUNE_EVERY):
        quotas.use(QuotaKey.PRODUCED, "alice", f"later {number}", 1, 100_000)
    assert quotas.use(QuotaKey.PRODUCED, "alice", "the busy one", 0, 100_000) == 0


def test_the_most_that_is_not_throttled_if_nothing_was_used() -> None:
    quotas = ClientQuotas(lambda: {ALICE: {QuotaKey.FETCHED: 1000.0}})
    assert quotas.most_at_once(QuotaKey.FETCHED, "alice", "a") == 10_000
    assert quotas.most_at_once(QuotaKey.FETCHED, "bob", "a") is None
