"""Kafka's own DumpLogSegments reads our files without complaint.

Needs Java; the tools' jars come through Maven into the user's cache folder.
"""

import random
import uuid
from pathlib import Path

import pytest

from kafkalite_storage.log.log import AppendOrigin
from kafkalite_storage.storage import Storage
from kafkalite_wire.records import Record, build_batch, build_end_txn_marker
from tests.support.dump_log_segments import complaints, dump
from tests.support.storage.controls import kill_storage

NOW = 1_700_000_000_000


@pytest.fixture(params=["clean", "recovered"])
def directory(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    storage = Storage.open(tmp_path, new_uuid=lambda: uuid.uuid4().bytes, now_ms=NOW)
    storage.create_topic("t", 1, {"segment.bytes": "1048576"}, now_ms=NOW)
    log = storage.log("t", 0)
    chance = random.Random(1)
    sequence = 0
    for number in range(2000):
        count = chance.randint(1, 5)
        now = NOW + number * 10
        records = [Record(b"k", chance.randbytes(chance.randint(1, 400)), now + i) for i in range(count)]
        batch = build_batch(records, compression=number % 5, producer_id=7, producer_epoch=0, base_sequence=sequence)
        log.append(batch, now_ms=now)
        sequence += count
    transaction = build_batch(
        [Record(None, b"t", now)], producer_id=8, producer_epoch=0, base_sequence=0, is_transactional=True
    )
    log.append(transaction, now_ms=now)
    marker = build_end_txn_marker(producer_id=8, producer_epoch=0, commit=False, coordinator_epoch=0, timestamp=now)
    log.append(marker, now_ms=now, origin=AppendOrigin.BROKER)
    assert len(log.segments) > 1
    if request.param == "recovered":
        kill_storage(storage)
        for path in (tmp_path / "t-0").glob("*index"):
            path.unlink()
        storage = Storage.open(tmp_path, new_uuid=lambda: uuid.uuid4().bytes, now_ms=NOW)
        assert storage.log("t", 0).recovery.scanned_bytes > 1_000_000
    storage.close()
    return tmp_path


def test_batches_and_records_are_sound_and_indexes_pass_the_sanity_check(directory: Path) -> None:
    logs = sorted((directory / "t-0").glob("*.log"))
    indexes = [log.with_suffix(suffix) for log in logs for suffix in (".index", ".timeindex")]
    text = dump([*logs, *indexes], "--deep-iteration", "--index-sanity-check")
    assert text.count("passed sanity check") == len(indexes)
    assert "isvalid: true" in text
    assert complaints(text) == []
    text = dump(indexes, "--deep-iteration", "--verify-index-only")
    assert text.count("Dumping") == len(indexes)
    assert complaints(text) == []


def test_the_last_producer_snapshot_and_the_transaction_index_are_read(directory: Path) -> None:
    partition = directory / "t-0"
    text = dump([max(partition.glob("*.snapshot"))])
    assert "producerId: 7 producerEpoch: 0" in text
    assert "producerId: 8 producerEpoch: 0 coordinatorEpoch: 0 currentTxnFirstOffset: OptionalLong.empty" in text
    [index] = [path for path in partition.glob("*.txnindex") if path.stat().st_size]
    assert "producerId: 8 firstOffset:" in dump([index])


def test_the_metadata_log_is_read(directory: Path) -> None:
    log = directory / "__cluster_metadata-0" / "00000000000000000000.log"
    text = dump([log], "--cluster-metadata-decoder")
    assert '"type":"TOPIC_RECORD","version":0,"data":{"name":"t"' in text
    assert '"type":"PARTITION_RECORD","version":2' in text
    assert '"name":"segment.bytes","value":"1048576"' in text
