"""A producer retries after broker errors, and each record that it reports as delivered is stored once."""

import pytest
from confluent_kafka import Producer


@pytest.fixture
def send(kafkalite):
    """Send a click, and return where it was delivered."""
    producer = Producer({"bootstrap.servers": kafkalite.bootstrap, "enable.idempotence": True, "retry.backoff.ms": 10})
    outcomes = []

    def send(click):
        producer.produce("clicks", click, on_delivery=lambda error, message: outcomes.append((error, message.offset())))
        assert producer.flush(30) == 0
        return outcomes[-1]

    kafkalite.topics.create("clicks")
    assert send("first") == (None, 0)
    return send


def clicks(kafkalite):
    return [record.text for record in kafkalite.records("clicks")]


def test_a_refused_click_is_sent_again(kafkalite, send):
    with kafkalite.faults.error("Produce", "NOT_LEADER_OR_FOLLOWER", topic="clicks", times=3) as moving:
        assert send("second") == (None, 1)
    assert len(moving.fired) == 3
    assert clicks(kafkalite) == ["first", "second"]


def test_a_click_whose_reply_is_lost_is_not_there_twice(kafkalite, send):
    with kafkalite.faults.disconnect("Produce", on="reply", times=1) as lost:
        assert send("second") == (None, 1)
    assert len(lost.fired) == 1
    assert clicks(kafkalite) == ["first", "second"]
