"""A broker process under load is killed again and again over the same data, and nothing that it promised is lost.

`KAFKALITE_KILL_ROUNDS` sets the number of rounds, `KAFKALITE_KILL_SEED` the moments of the kills.
"""

from __future__ import annotations

import os
import random
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from kafkalite_storage.storage import Storage
from kafkalite_wire.messages.delete_topics import DeleteTopicsRequest
from kafkalite_wire.records import check_batches, iter_records
from tests.durability.load import LibrdkafkaWriter, Mark, Member, RawWriter, Worker, Writer, mark_of
from tests.support import calls
from tests.support.blocking_client import BlockingClient
from tests.support.broker_process import KillableBroker
from tests.support.requests import LATEST

ROUNDS = int(os.environ.get("KAFKALITE_KILL_ROUNDS", "10"))
SEED = int(os.environ.get("KAFKALITE_KILL_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)

TOPIC, GROUP, PARTITIONS = "load", "g", 4
#: Files roll and indexes grow many times within the test, and kills meet checkpoints.
TOPIC_CONFIGS = {"segment_ms": "700", "index_interval_bytes": "200"}
SETTINGS = (
    "log.flush.offset.checkpoint.interval.ms=150",
    "offsets.topic.num.partitions=2",
    "auto.create.topics.enable=false",
)


class Judge:
    """What the clients were promised before a kill, to be asked for after it."""

    def __init__(self, writers: Sequence[Writer], member: Member) -> None:
        self._writers = writers
        self._member = member
        self._producer_ids: set[int] = set()
        self._topics: set[str] = set()
        self._deleted: set[str] = set()
        #: What lies in each partition as far as it was read: by offset.
        self.found: dict[int, list[Mark]] = {partition: [] for partition in range(PARTITIONS)}

    def note_promises(self) -> None:
        """Remember what holds from now on."""
        self._ends = {
            partition: max(
                (writer.acked[partition][-1] + 1 for writer in self._writers if writer.acked[partition]), default=0
            )
            for partition in range(PARTITIONS)
        }
        self._committed = dict(self._member.committed)

    def check_ends_and_commits(self, client: BlockingClient) -> None:
        """No log ends before what was acknowledged; no group has forgotten a commit, or is ahead of its log."""
        committed = calls.committed(client, GROUP, TOPIC, range(PARTITIONS))
        ends = calls.offsets(client, TOPIC, range(PARTITIONS), LATEST)
        for partition in range(PARTITIONS):
            assert ends[partition] >= self._ends[partition], f"partition {partition} has lost acknowledged records"
            # What the member tries during the restart counts as well: it may have gone on already.
            assert self._committed[partition] <= committed[partition] <= max(self._member.attempted[partition], 0)
            assert committed[partition] <= ends[partition], f"the group is ahead of partition {partition}"

    def check_topics_and_ids(self, client: BlockingClient, number: int) -> None:
        """Topics come and go for good, and no producer id is given twice."""
        producer_id = calls.new_producer_id(client)
        assert producer_id not in self._producer_ids
        self._producer_ids.add(producer_id)
        present = {topic.name for topic in calls.metadata(client).topics}
        assert self._topics <= present
        assert not self._deleted & present
        for name in sorted(self._topics)[:1] if number % 2 else ():
            self._topics.discard(name)  # whatever becomes of the request
            assert (
                client.call(DeleteTopicsRequest(topic_names=(name,), timeout_ms=1000), 4).responses[0].error_code == 0
            )
            self._deleted.add(name)
        calls.create_topic(client, f"round-{number}", 2)
        self._topics.add(f"round-{number}")

    def read_on(self, client: BlockingClient) -> None:
        """Read what the logs hold beyond what was read before; each record must be its producer's next."""
        ends = calls.offsets(client, TOPIC, range(PARTITIONS), LATEST)
        for partition, found in self.found.items():
            next_numbers = defaultdict(int)
            for mark in found:
                next_numbers[mark.producer] = mark.number + 1
            while len(found) < ends[partition]:
                for offset, mark in read(client, partition, len(found)):
                    if offset < len(found):
                        continue
                    assert offset == len(found), f"partition {partition} has nothing at offset {len(found)}"
                    assert mark.number == next_numbers[mark.producer], (
                        f"partition {partition}, offset {offset}: {mark} where {next_numbers[mark.producer]} was due"
                    )
                    next_numbers[mark.producer] += 1
                    found.append(mark)

    def check_acknowledged(self) -> None:
        """Every acknowledged record is where the acknowledgement said, and by `read_on` nowhere else."""
        for writer in self._writers:
            for partition, offsets in writer.acked.items():
                for number, offset in enumerate(offsets):
                    assert self.found[partition][offset] == Mark(writer.index, number)


def test_many_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    print(f"KAFKALITE_KILL_SEED={SEED}")
    chance = random.Random(SEED)
    broker = KillableBroker(tmp_path / "data", SETTINGS)
    broker.launch()
    try:
        broker.await_ready()
        with BlockingClient(broker.port) as client:
            calls.create_topic(client, TOPIC, PARTITIONS, **TOPIC_CONFIGS)
            # The group begins at the beginning, so that a member that finds no commit has found a loss.
            calls.commit(client, GROUP, TOPIC, dict.fromkeys(range(PARTITIONS), 0))
        writers: list[Writer] = [RawWriter(broker, index, TOPIC, PARTITIONS, SEED) for index in range(2)]
        writers.append(LibrdkafkaWriter(broker, 2, TOPIC, PARTITIONS))
        member = Member(broker, GROUP, TOPIC, PARTITIONS)
        workers: list[Worker] = [*writers, member]
        for worker in workers:
            worker.start()
        wait_until(lambda: all(writer.count for writer in writers) and member.commits > 0, workers, "the load")
        judge = Judge(writers, member)
        for number in range(ROUNDS):
            run_until_a_random_moment(broker, workers, chance)
            broker.kill()
            judge.note_promises()
            if chance.random() < 0.2:
                kill_while_starting(broker, chance)
            broker.launch()
            broker.await_ready()
            with BlockingClient(broker.port) as client:
                judge.check_ends_and_commits(client)
                judge.check_topics_and_ids(client, number)
                if number % 8 == 7:
                    judge.read_on(client)
        for writer in writers:
            finish(writer)
        wait_until(lambda: reached(member, writers), workers, "the member to read everything")
        finish(member)
        judge.note_promises()
        with BlockingClient(broker.port) as client:
            judge.check_ends_and_commits(client)
            judge.read_on(client)
            look_at_every_log(client)
        judge.check_acknowledged()
        report(broker, writers, member)
        broker.await_recovery()
        assert broker.stop() == 0
        assert broker.complaints[-1].count("\n") == 1, "a start after a kill says so in one line"
    finally:
        with suppress(ProcessLookupError):
            broker.kill()
    check_what_is_on_disk(tmp_path / "data", judge)


def run_until_a_random_moment(broker: KillableBroker, workers: Sequence[Worker], chance: random.Random) -> None:
    """Run the load until the first acknowledgement, and then for up to a fifth of a second."""
    writers = [worker for worker in workers if isinstance(worker, Writer)]
    before = sum(writer.count for writer in writers)
    wait_until(lambda: sum(writer.count for writer in writers) > before, workers, "an acknowledgement")
    broker.leave_alone(chance.uniform(0, 0.2))
    broker.up.clear()  # from here on the producers by hand listen to no answers
    broker.leave_alone(chance.uniform(0, 0.01))


def kill_while_starting(broker: KillableBroker, chance: random.Random) -> None:
    """Kill a start at a random moment; it may or may not have got as far as repairing the logs."""
    broker.launch()
    broker.leave_alone(chance.uniform(0.05, 0.4))
    broker.kill()


def look_at_every_log(client: BlockingClient) -> None:
    """Use every partition once: a stop is not in order while a log is unchecked since the last kill."""
    for topic in calls.metadata(client).topics:
        calls.offsets(client, topic.name or "", range(len(topic.partitions)), LATEST)


def reached(member: Member, writers: Sequence[Writer]) -> bool:
    return all(
        member.committed[partition] > max(writer.acked[partition][-1] for writer in writers if writer.acked[partition])
        for partition in range(PARTITIONS)
    )


def finish(worker: Worker) -> None:
    worker.stopping.set()
    worker.join(120)
    assert not worker.is_alive(), f"{worker} does not end"
    if worker.failure is not None:
        raise worker.failure


def wait_until(true: Callable[[], bool], workers: Sequence[Worker], what: str, *, within: float = 120) -> None:
    """Wait for what other threads do; AssertionError when it takes too long or one of them has failed."""
    deadline = time.monotonic() + within
    while not true():
        for worker in workers:
            if worker.failure is not None:
                raise worker.failure
        assert time.monotonic() < deadline, f"waited {within:.0f} s for {what}"
        workers[0].join(0.005)


def report(broker: KillableBroker, writers: Sequence[Writer], member: Member) -> None:
    """Show what the rounds were made of, and that they were not empty."""
    for writer in writers:
        print(f"producer {writer.index}: {writer.count} records acknowledged")
        assert writer.count > ROUNDS
    print(f"member: {sum(map(len, member.read.values()))} records, {member.commits} commits, {member.again} read again")
    assert member.commits > ROUNDS / 10
    repeated = sum(writer.repeated for writer in writers if isinstance(writer, RawWriter))
    print(f"{repeated} batches sent again")
    assert repeated > ROUNDS
    for start in broker.complaints[1:]:
        assert start.count("\n") <= 1, start


def check_what_is_on_disk(data: Path, judge: Judge) -> None:
    """After a clean stop the files are whole, and need no look from the next start."""
    storage = Storage.open(data, new_uuid=lambda: os.urandom(16), now_ms=0)
    assert storage.was_clean
    for partition, found in judge.found.items():
        log = storage.log(TOPIC, partition)
        assert log.log_end_offset == len(found)
        assert len(log.segments) > 1
    storage.close()


def read(client: BlockingClient, partition: int, offset: int) -> list[tuple[int, Mark]]:
    records = calls.whole_batches(calls.fetch(client, TOPIC, partition, offset))
    return [
        (record.offset, mark_of(record.value))
        for position, header in check_batches(records)
        for record in iter_records(records[position : position + header.size])
    ]
