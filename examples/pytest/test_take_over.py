"""Two readers share the ad clicks; when one fails, the other gets its partitions at once. No test sleeps.

Run it with `pytest examples/pytest` where kafkalite and confluent-kafka are installed.
"""

import threading

import pytest
from confluent_kafka import Consumer


class Reader(threading.Thread):
    """An ordinary consumer of an application, on its own thread."""

    def __init__(self, bootstrap, name):
        super().__init__(daemon=True)
        self.clicks = []
        self._stopping = threading.Event()
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "ad-clicks",
                "group.instance.id": name,
                "client.id": name,
                "auto.offset.reset": "earliest",
                "enable.auto.offset.store": False,
                "auto.commit.interval.ms": 50,
                "heartbeat.interval.ms": 100,
            }
        )
        self._consumer.subscribe(["clicks"])
        self.start()

    def run(self):
        while not self._stopping.is_set():
            message = self._consumer.poll(0.05)
            if message is not None and message.error() is None:
                self.clicks.append(message.value().decode())
                self._consumer.store_offsets(message)  # only now may it be committed
        self._consumer.close()

    def stop(self):
        """Close the consumer; with an instance id it does not leave its group."""
        self._stopping.set()
        self.join()


@pytest.fixture
def readers(kafkalite):
    kafkalite.topics.create("clicks", partitions=2)
    started = {name: Reader(kafkalite.bootstrap, name) for name in ("anna", "ben")}
    kafkalite.await_stable("ad-clicks", members=2)
    yield started
    for reader in started.values():
        reader.stop()


def test_a_fenced_readers_partitions_go_to_the_other(kafkalite, readers):
    for partition in (0, 1):
        kafkalite.produce("clicks", f"before-{partition}", partition=partition)
    kafkalite.await_committed("ad-clicks", "clicks")

    kafkalite.groups.fence("ad-clicks", "anna")
    group = kafkalite.await_stable("ad-clicks", members=1)
    assert {owner.client_id for owner in group.owners.values()} == {"ben"}

    for partition in (0, 1):
        kafkalite.produce("clicks", f"after-{partition}", partition=partition)
    kafkalite.await_committed("ad-clicks", "clicks")
    # Until anna notices that she was fenced she may read a click as well, but she cannot commit it.
    assert {"after-0", "after-1"} <= set(readers["ben"].clicks)


def test_a_silent_readers_partitions_go_to_the_other(kafkalite, readers):
    readers["anna"].stop()  # static members do not leave: for a session of 45 seconds her partition waits for her
    kafkalite.clock.advance(46, keep_alive=["ben"])
    group = kafkalite.await_stable("ad-clicks", members=1)
    assert {owner.client_id for owner in group.owners.values()} == {"ben"}
