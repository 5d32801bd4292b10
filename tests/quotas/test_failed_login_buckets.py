"""How many logins of an address may fail, with a clock of numbers."""

from __future__ import annotations

import pytest

from kafkalite.quotas import failed_logins
from kafkalite.quotas.failed_logins import FailedLogins

HOST, OTHER = "10.0.0.1", "10.0.0.2"


def after(failures: int, *, per_minute: int = 6, now: float = 100.0) -> FailedLogins:
    logins = FailedLogins(per_minute)
    for _ in range(failures):
        logins.record(HOST, now)
    return logins


@pytest.mark.parametrize(
    ("failures", "later", "wait"),
    [(0, 0, 0), (5, 0, 0), (6, 0, 10), (6, 4, 6), (6, 10, 0), (7, 0, 20), (7, 10, 10), (12, 0, 60), (1000, 0, 60)],
)
def test_failures_and_the_wait_after_them(failures: int, later: float, wait: float) -> None:
    logins = after(failures)
    assert logins.wait(HOST, 100.0 + later) == wait
    assert logins.wait(OTHER, 100.0 + later) == 0


def test_failures_come_back_one_by_one() -> None:
    logins = after(6)
    assert logins.wait(HOST, 110.0) == 0
    logins.record(HOST, 110.0)
    assert logins.wait(HOST, 110.0) == 10


def test_an_address_whose_bucket_is_full_again_is_forgotten() -> None:
    logins = after(3)
    assert logins.wait(HOST, 129.0) == 0
    assert len(logins) == 1
    assert logins.wait(HOST, 130.0) == 0
    assert len(logins) == 0


def test_the_addresses_of_an_ipv6_network_are_one() -> None:
    logins = FailedLogins(1)
    logins.record("2001:db8::1", 100.0)
    assert logins.wait("2001:db8::ffff:2", 100.0) == 60
    assert logins.wait("2001:db8:0:1::1", 100.0) == 0
    logins.record("fe80::1%eth0", 100.0)
    assert logins.wait("fe80::2%eth0", 100.0) == 60


def test_the_addresses_that_failed_last_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failed_logins, "_MOST_ADDRESSES", 3)
    logins = FailedLogins(1)
    for host in ("a", "b", "c", "a", "d"):
        logins.record(host, 100.0)
    assert {host for host in "abcd" if logins.wait(host, 100.0)} == {"a", "c", "d"}
