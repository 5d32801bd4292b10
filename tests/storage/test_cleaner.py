"""The cleaner chooses the dirtiest log that is due, remembers how far it came, and keeps starts short."""

import uuid

import pytest

from kafkalite_storage.compaction.cleaner import STATE_BYTES, Cleaner, Cleaning, dirtiest
from kafkalite_storage.compaction.log_to_clean import find_log_to_clean
from kafkalite_storage.files.checkpoints import decode_offsets
from kafkalite_storage.files.memory_filesystem import MemoryFileSystem
from kafkalite_storage.log.log import AppendOrigin
from kafkalite_storage.segment.scan import iter_headers
from kafkalite_storage.storage import Storage
from kafkalite_wire.records import Record, build_batch
from tests.support.storage.compaction import NOW, Topic
from tests.support.storage.controls import kill_storage

CHECKPOINT = "/data/cleaner-offset-checkpoint"


class Broker:
    """A storage in memory with a cleaner."""

    def __init__(self) -> None:
        self.fs = MemoryFileSystem()
        self.start()

    def start(self) -> None:
        """Open the data directory, as a start does."""
        self.storage = Storage.open("/data", fs=self.fs, new_uuid=lambda: uuid.uuid4().bytes, now_ms=NOW)
        self.cleaner = Cleaner(self.storage)

    def create(self, name: str, partitions: int = 1, **configs: str) -> None:
        """Make a compacted topic."""
        overrides = {"cleanup.policy": "compact"} | {key.replace("_", "."): text for key, text in configs.items()}
        self.storage.create_topic(name, partitions, overrides, now_ms=NOW)

    def put(self, name: str, key: bytes, count: int = 1, *, partition: int = 0, size: int = 10) -> None:
        """Append records of one key, each in a batch of its own."""
        log = self.storage.log(name, partition)
        for _ in range(count):
            log.append(build_batch([Record(key, b"v" * size, NOW)]), now_ms=NOW, origin=AppendOrigin.BROKER)

    def roll(self, name: str, partition: int = 0) -> None:
        """Close the active segment."""
        self.storage.log(name, partition).roll()

    def clean(self, cleaning: Cleaning, now_ms: int = NOW) -> None:
        """Do all steps of a cleaning."""
        for work in self.cleaner.clean(cleaning, now_ms):
            if work is not None:
                work()

    def clean_next(self) -> str | None:
        """Clean what is due and return its topic."""
        cleaning = dirtiest(self.cleaner.survey(NOW))
        if cleaning is None:
            return None
        self.clean(cleaning)
        return cleaning.key[0]


@pytest.fixture
def broker() -> Broker:
    return Broker()


def test_the_dirtiest_log_is_cleaned_first_and_none_twice(broker: Broker) -> None:
    for name in ("half", "most", "little"):
        broker.create(name)
        for number in range(10):
            broker.put(name, b"%d" % number)
        broker.roll(name)
    assert {broker.clean_next() for _ in range(3)} == {"half", "most", "little"}
    for name, dirty in (("half", 11), ("most", 30), ("little", 2)):
        broker.put(name, b"0", dirty)
        broker.roll(name)
    assert [broker.clean_next() for _ in range(3)] == ["most", "half", None]


def test_topics_that_are_not_compacted_are_left_alone(broker: Broker) -> None:
    broker.storage.create_topic("t", 1, {}, now_ms=NOW)
    broker.put("t", b"a", 5)
    broker.roll("t")
    assert broker.clean_next() is None


def test_how_far_each_log_is_clean_is_noted_in_kafkas_format_and_read_at_the_next_start(broker: Broker) -> None:
    broker.create("t")
    broker.put("t", b"a", 5)
    broker.roll("t")
    broker.clean_next()
    assert broker.fs.read(CHECKPOINT) == b"0\n1\nt 0 5\n"
    broker.storage.close()
    broker.start()
    broker.storage.log("t", 0)
    assert broker.cleaner._offsets["t", 0] == 5
    assert broker.clean_next() is None


def test_a_damaged_checkpoint_means_that_nothing_is_clean(broker: Broker) -> None:
    broker.create("t")
    broker.put("t", b"a", 5)
    broker.roll("t")
    broker.fs.replace(CHECKPOINT, b"nonsense")
    broker.cleaner = Cleaner(broker.storage)
    assert broker.clean_next() == "t"


def test_a_topic_that_was_deleted_and_made_again_is_not_taken_for_clean(broker: Broker) -> None:
    for _ in range(2):
        broker.create("t")
        broker.put("t", b"a", 5)
        broker.roll("t")
        assert broker.clean_next() == "t"
        broker.storage.delete_topic("t", now_ms=NOW)
    broker.create("other")
    broker.put("other", b"a", 5)
    broker.roll("other")
    broker.clean_next()
    assert decode_offsets(broker.fs.read(CHECKPOINT)) == {("other", 0): 5}


@pytest.mark.parametrize("steps", range(5))
def test_a_topic_may_be_deleted_between_any_two_steps(broker: Broker, steps: int) -> None:
    broker.create("t")
    broker.put("t", b"a", 5)
    broker.roll("t")
    cleaning = dirtiest(broker.cleaner.survey(NOW))
    assert cleaning is not None
    running = broker.cleaner.clean(cleaning, NOW)
    for _ in range(steps):
        work = next(running)
        if work is not None:
            work()
    broker.storage.delete_topic("t", now_ms=NOW)
    for work in running:
        if work is not None:
            work()
    assert not [name for name in broker.fs.files if name.startswith("/data/t-0/")]
    assert broker.cleaner.uncleanable == {}


def test_a_damaged_log_is_not_tried_again(broker: Broker) -> None:
    broker.create("t")
    broker.put("t", b"a", 5)
    broker.roll("t")
    broker.fs.files["/data/t-0/00000000000000000000.log"].content[61] = 200
    assert broker.clean_next() == "t"
    assert list(broker.cleaner.uncleanable) == [("t", 0)]
    assert broker.clean_next() is None


# What a log says about itself


def test_a_log_that_was_never_cleaned_is_dirty_from_its_start() -> None:
    topic = Topic()
    topic.put((b"a", b"1"))
    topic.log.roll()
    topic.put((b"a", b"2"))
    part = find_log_to_clean(topic.log, None, NOW)
    assert (part.first_dirty_offset, part.first_uncleanable_offset, part.clean_bytes) == (0, 1, 0)
    assert part.cleanable_bytes == topic.log.segments[0].size
    assert part.dirty_bytes == topic.log.size
    assert part.ratio == 1.0
    assert part.is_due(topic.log.config)


def test_an_empty_log_is_never_due() -> None:
    topic = Topic()
    part = find_log_to_clean(topic.log, None, NOW)
    assert not part.is_due(topic.log.config)
    assert part.ratio == 0.0


@pytest.mark.parametrize("outside", [7, 1])
def test_a_clean_offset_outside_of_the_log_is_reset_to_its_start(outside: int) -> None:
    topic = Topic(cleanup_policy="compact,delete")
    for _ in range(4):
        topic.put((b"a", b"1"))
        topic.log.roll()
    topic.log.delete_records(2)
    part = find_log_to_clean(topic.log, outside, NOW)
    assert part.was_reset
    assert part.first_dirty_offset == 2


def test_min_compaction_lag_keeps_young_segments_out() -> None:
    topic = Topic(min_compaction_lag_ms="1000")
    for age in (3000, 2000, 500, 4000):
        topic.put((b"a", b"1"), timestamp=NOW - age)
        topic.log.roll()
    assert find_log_to_clean(topic.log, None, NOW).first_uncleanable_offset == 2
    assert find_log_to_clean(topic.log, 1, NOW + 500).first_uncleanable_offset == 4
    assert not find_log_to_clean(topic.log, 2, NOW).is_due(topic.log.config)


def test_max_compaction_lag_makes_a_log_due_that_is_hardly_dirty() -> None:
    topic = Topic(max_compaction_lag_ms="1000")
    for number in range(10):
        topic.put((b"%d" % number, b"1"))
    topic.compact()
    topic.put((b"0", b"2"))
    topic.log.roll()
    config = topic.log.config
    assert not find_log_to_clean(topic.log, topic.clean_offset, NOW + 1000).is_due(config)
    assert find_log_to_clean(topic.log, topic.clean_offset, NOW + 1001).is_due(config)


def test_an_open_transaction_bounds_what_can_be_cleaned() -> None:
    topic = Topic()
    topic.put((b"a", b"1"))
    topic.log.roll()
    topic.put((b"a", b"2"), producer_id=7, producer_epoch=0, base_sequence=0, is_transactional=True)
    topic.log.roll()
    topic.put((b"a", b"3"))
    topic.log.roll()
    assert find_log_to_clean(topic.log, None, NOW).first_uncleanable_offset == 1
    topic.end(7, commit=True)
    assert find_log_to_clean(topic.log, None, NOW).first_uncleanable_offset == 3


# The broker's own topics


def replayed(broker: Broker) -> tuple[int, int]:
    """Count batches and bytes that a start has to read of the offsets."""
    batches = size = 0
    for (name, _), log in broker.storage.open_logs.items():
        if name == "__consumer_offsets":
            for segment in log.segments:
                batches += sum(1 for _ in iter_headers(segment.files.log_file(), 0, segment.size))
                size += segment.size
    return batches, size


@pytest.mark.parametrize("partitions", [1, 8])
def test_a_start_reads_what_is_live_and_a_few_megabytes_however_much_was_committed(
    broker: Broker, partitions: int
) -> None:
    broker.create("__consumer_offsets", partitions, segment_bytes="104857600")
    keys, rounds, size = 40, 12, 20_000
    live = keys * (size + 100)
    largest = 0
    for _ in range(rounds):
        for number in range(keys):
            broker.put("__consumer_offsets", b"%d" % number, partition=number % partitions, size=size)
        while (cleaning := broker.cleaner.next_cleaning_of_state(NOW)) is not None:
            broker.clean(cleaning)
        largest = max(largest, replayed(broker)[1])
    assert largest <= STATE_BYTES + live
    assert keys <= replayed(broker)[0] <= largest // size
    kill_storage(broker.storage)
    broker.start()
    scanned = sum(
        broker.storage.log("__consumer_offsets", number).recovery.scanned_bytes for number in range(partitions)
    )
    assert scanned <= largest


def test_the_bound_grows_with_what_is_live(broker: Broker) -> None:
    broker.create("__consumer_offsets")
    for number in range(60):
        broker.put("__consumer_offsets", b"%d" % number, size=100_000)
    first = broker.cleaner.next_cleaning_of_state(NOW)
    assert first is not None
    broker.clean(first)
    for number in range(60):
        broker.put("__consumer_offsets", b"%d" % number, size=100_000)
    assert broker.cleaner.next_cleaning_of_state(NOW) is None


def test_other_compacted_topics_are_not_rolled_early(broker: Broker) -> None:
    broker.create("t")
    broker.put("t", b"a", 60, size=100_000)
    assert broker.cleaner.next_cleaning_of_state(NOW) is None
    assert len(broker.storage.log("t", 0).segments) == 1


def test_a_transaction_that_is_open_for_long_does_not_make_a_segment_for_every_look(broker: Broker) -> None:
    broker.create("__consumer_offsets")
    log = broker.storage.log("__consumer_offsets", 0)
    batch = build_batch(
        [Record(b"t", b"", NOW)], producer_id=1, producer_epoch=0, base_sequence=0, is_transactional=True
    )
    log.append(batch, now_ms=NOW, origin=AppendOrigin.BROKER)
    broker.put("__consumer_offsets", b"a", 60, size=100_000)
    for _ in range(5):
        broker.put("__consumer_offsets", b"a")
        assert broker.cleaner.next_cleaning_of_state(NOW) is None
    assert len(log.segments) == 1


def test_a_log_that_was_compacted_once_is_served_with_its_gaps_under_any_policy(broker: Broker) -> None:
    broker.create("t")
    for key in (b"a", b"b", b"a", b"b", b"c"):
        broker.put("t", key)
    broker.roll("t")
    broker.clean_next()
    broker.storage.alter_configs("t", {"cleanup.policy": "delete"}, now_ms=NOW)
    broker.storage.close()
    broker.start()
    assert len(broker.storage.log("t", 0).read(0, max_bytes=1000)) > 0


def test_a_log_is_known_to_have_gaps_before_it_has_any(broker: Broker) -> None:
    broker.create("t")
    broker.put("t", b"a", 5)
    broker.roll("t")
    before = broker.storage.log("t", 0).size
    cleaning = dirtiest(broker.cleaner.survey(NOW))
    assert cleaning is not None
    running = broker.cleaner.clean(cleaning, NOW)
    work = next(running)
    assert work is not None
    work()
    assert decode_offsets(broker.fs.read(CHECKPOINT)) == {("t", 0): 0}
    assert broker.storage.log("t", 0).size == before


def test_a_disk_that_fails_under_a_cleaning_leaves_the_log_as_it_was(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker.create("t")
    broker.put("t", b"a", 5)
    broker.roll("t")
    log = broker.storage.log("t", 0)
    before = log.size

    def fail(directory: str) -> None:
        raise OSError("no space")

    monkeypatch.setattr(broker.fs, "sync_directory", fail)
    assert broker.clean_next() == "t"
    assert list(broker.cleaner.uncleanable) == [("t", 0)]
    assert log.size == before
    assert not log.failed
    assert not [name for name in broker.fs.files if name.endswith(".cleaned")]
