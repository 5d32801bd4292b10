"""A consumer that has lost its partition cannot commit; the new owner reads the record again."""

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException


@pytest.fixture
def start_consumer(kafkalite):
    started = []

    def start(name):
        settings = {
            "bootstrap.servers": kafkalite.bootstrap,
            "group.id": "billing",
            "group.instance.id": name,
            "client.id": name,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "log_level": 0,
        }
        started.append(Consumer(settings))
        started[-1].subscribe(["clicks"])
        return started[-1]

    yield start
    for consumer in started:
        consumer.close()


def test_a_click_whose_commit_fails_is_read_again(kafkalite, start_consumer):
    kafkalite.produce("clicks", "one")
    anna = start_consumer("anna")
    hers = anna.poll(30)
    kafkalite.groups.fence("billing", "anna")
    ben = start_consumer("ben")
    his = ben.poll(30)
    assert hers.value() == his.value() == b"one"

    with pytest.raises(KafkaException) as failed:
        anna.commit(message=hers, asynchronous=False)
    # The commit returns the error; if the client has noticed it before, it is in a fatal state.
    assert failed.value.args[0].code() in (KafkaError.FENCED_INSTANCE_ID, KafkaError._FATAL)

    ben.commit(message=his, asynchronous=False)
    assert kafkalite.groups["billing"].committed["clicks", 0].offset == 1
