"""A process that writes click events at a rate, or as fast as the machine lets it."""

import time
from collections import deque
from typing import Any

import click

from kafkalite.tools.demo import clients
from kafkalite.tools.demo.reports import STOP, Commands, report

_TICK = 0.01
_REPORT_EVERY = 0.25
_USERS = 300


@click.command()
@click.option("--bootstrap", required=True)
@click.option("--topic", required=True)
@click.option("--partitions", type=int, required=True)
@click.option("--rate", type=int, required=True)
@click.option("--seconds", type=float, required=True)
def main(*, bootstrap: str, topic: str, partitions: int, rate: int, seconds: float) -> None:
    """Write clicks 0, 1, 2, … for some seconds at least, until told to stop; a user's clicks stay on one partition."""
    commands = Commands()
    producer = clients.kafka.KafkaProducer(bootstrap_servers=bootstrap, linger_ms=20, batch_size=64 * 1024)
    users = [(f"user-{number}".encode(), number % partitions) for number in range(_USERS)]
    waiting: deque[Any] = deque()
    acknowledged = failed = sent = 0
    may_stop = False

    def count_answers() -> None:
        nonlocal acknowledged, failed
        while waiting and waiting[0].is_done:
            if waiting.popleft().failed():
                failed += 1
            else:
                acknowledged += 1

    began = reported = time.monotonic()
    while (elapsed := time.monotonic() - began) < seconds or not may_stop:
        may_stop = may_stop or STOP in commands.received()
        due = min(int(rate * elapsed), sent + max(1, int(rate * _REPORT_EVERY)))
        for number in range(sent, due):
            key, partition = users[number % _USERS]
            value = b'{"click":%d,"ad":"ad-%d","cents":%d}' % (number, number % 40, 1 + number % 9)
            waiting.append(producer.send(topic, key=key, value=value, partition=partition))
        sent = due
        count_answers()
        if time.monotonic() - reported > _REPORT_EVERY:
            reported = time.monotonic()
            report("produced", sent=sent, acknowledged=acknowledged, elapsed=reported - began)
        time.sleep(max(0.0, began + elapsed + _TICK - time.monotonic()))
    took = time.monotonic() - began
    producer.flush()
    count_answers()
    report("finished", sent=sent, acknowledged=acknowledged, failed=failed, elapsed=took)
    producer.close()


if __name__ == "__main__":
    main()
