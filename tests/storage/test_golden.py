"""A data directory that Apache Kafka 4.4.0 wrote, read here (see golden/README.md)."""

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from kafkalite_storage.log.log import PartitionLog
from kafkalite_storage.storage import FEATURES, Storage
from kafkalite_wire.records import Record, check_batch, iter_records, read_header
from kafkalite_wire.schema import format_uuid
from tests.support.storage.fixtures import BuildBatch

NOW = 1_800_000_000_000
T0 = 1_700_000_000_000
GOLDEN = Path(__file__).parent / "golden" / "kafka-4.4.0"


def open_copy(directory: Path) -> Storage:
    return Storage.open(directory, new_uuid=lambda: uuid.uuid4().bytes, now_ms=NOW)


@pytest.fixture(params=["clean", "crashed"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    directory = tmp_path / "data"
    shutil.copytree(GOLDEN, directory)
    if request.param == "crashed":
        (directory / ".kafka_cleanshutdown").unlink()
        (directory / "recovery-point-offset-checkpoint").unlink()
    storage = open_copy(directory)
    yield storage
    for topic in storage.topics.values():
        for number in range(topic.partitions):
            storage.log(topic.name, number)
    storage.close()
    again = open_copy(directory)
    assert again.was_clean
    again.close()


def records_of(log: PartitionLog) -> Iterator[Record]:
    offset = log.log_start_offset
    while offset < log.log_end_offset:
        data = log.read(offset, max_bytes=1).read()
        check_batch(data)
        if not read_header(data).is_control:
            yield from iter_records(data)
        offset = read_header(data).next_offset


def test_identity_and_features_are_kafkas(storage: Storage) -> None:
    assert storage.cluster_id == "4L6g3nShT-eMCtK--X86sw"
    assert storage.directory_id == "y96vmC89VF1Ztxb-HWyPNw"
    assert dict(storage.features) == dict(FEATURES)
    assert storage.allocate_producer_ids(now_ms=NOW).start == 1000


def test_topics_and_configurations_are_kafkas(storage: Storage) -> None:
    assert {name: topic.partitions for name, topic in storage.topics.items()} == {
        "events": 2,
        "table": 1,
        "__consumer_offsets": 2,
        "__transaction_state": 2,
    }
    events = storage.topic("events")
    assert format_uuid(events.topic_id) == "Vwq2_DpBShGu4an4JuFrdw"
    assert dict(events.configs) == {"retention.ms": "86400000", "segment.bytes": "1048576"}
    assert storage.log("table", 0).config.is_compacted
    assert all(partition.leader == 1 for topic in storage.topics.values() for partition in topic.assignment)


def test_records_of_all_codecs_are_read(storage: Storage) -> None:
    codecs = ["none", "gzip", "snappy", "lz4", "zstd"]
    log = storage.log("events", 0)
    records = list(records_of(log))
    assert [r.offset for r in records] == list(range(25))
    assert [r.key for r in records] == [f"{codec}-{i}".encode() for codec in codecs for i in range(5)]
    assert [r.value for r in records] == [f"value {codec} {i} ".encode() * 5 for codec in codecs for i in range(5)]
    assert [dict(r.headers)["codec"] for r in records] == [codec.encode() for codec in codecs for _ in range(5)]
    found, newest = log.offset_for_timestamp(T0 + 1500), log.max_timestamp()
    assert found is not None
    assert newest is not None
    assert found.offset == 2
    assert newest.timestamp == T0 + 4000


def test_transactions_are_known(storage: Storage) -> None:
    log = storage.log("events", 1)
    assert (log.log_end_offset, log.last_stable_offset, len(log.segments)) == (6, 6, 2)
    assert [r.offset for r in records_of(log)] == [0, 2, 4]
    [aborted] = log.aborted_transactions(0, 6)
    assert (aborted.producer_id, aborted.first_offset, aborted.last_offset, aborted.last_stable_offset) == (
        4,
        2,
        3,
        4,
    )


def test_producers_go_on_where_kafka_left_them(storage: Storage, batch: BuildBatch) -> None:
    log = storage.log("events", 0)
    assert sorted(producer.producer_id for producer in log.producers) == [0, 1, 2, 3]
    assert log.append(batch(b"x", producer_id=3, producer_epoch=0, base_sequence=5), now_ms=NOW).base_offset == 25


def test_the_partitions_of_internal_topics_are_read(storage: Storage) -> None:
    offsets = {
        (name, number): storage.log(name, number).log_end_offset
        for name in ("__consumer_offsets", "__transaction_state")
        for number in range(2)
    }
    assert offsets == {
        ("__consumer_offsets", 0): 0,
        ("__consumer_offsets", 1): 7,
        ("__transaction_state", 0): 10,
        ("__transaction_state", 1): 0,
    }


def test_checkpoints_have_the_bytes_that_kafka_writes(storage: Storage) -> None:
    for name in storage.topics:
        for number in range(storage.topic(name).partitions):
            storage.log(name, number)
    storage.checkpoint()
    ours = (Path(storage.path) / "recovery-point-offset-checkpoint").read_text().splitlines()
    theirs = (GOLDEN / "recovery-point-offset-checkpoint").read_text().splitlines()
    assert (ours[:2], sorted(ours)) == (theirs[:2], sorted(theirs))
    for path in GOLDEN.glob("*-?/partition.metadata"):
        if "cluster_metadata" not in str(path):
            assert (Path(storage.path) / path.relative_to(GOLDEN)).read_bytes() == path.read_bytes()
