"""Errors that a test injects, and what unmodified clients make of them."""

from __future__ import annotations

import confluent_kafka
import pytest

from kafkalite.testing import Handle


def test_a_producer_survives_a_leader_that_has_moved(broker: Handle) -> None:
    producer = confluent_kafka.Producer({"bootstrap.servers": broker.bootstrap, "retry.backoff.ms": 10})
    with broker.faults.error("Produce", "NOT_LEADER_OR_FOLLOWER", topic="clicks", times=2) as fault:
        producer.produce("clicks", b"one", partition=1)
        assert producer.flush(10) == 0
    assert [record.value for record in broker.records("clicks")] == [b"one"]
    assert [fired.about for fired in fault.fired] == [("clicks-1",), ("clicks-1",)]


def test_a_misspelt_api_is_told_with_what_is_near(broker: Handle) -> None:
    with pytest.raises(ValueError, match=r"api: no API is called 'Produse'; did you mean Produce\?"):
        broker.faults.error("Produse", "NOT_LEADER_OR_FOLLOWER")
