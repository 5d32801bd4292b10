"""Kafka's own DumpLogSegments reads a compacted log without complaint. Needs Java, as `test_dump_log_segments` does."""

import random
import re
import uuid
from pathlib import Path

from kafkalite_storage.compaction.cleaner import Cleaner, dirtiest
from kafkalite_storage.log.log import AppendOrigin
from kafkalite_storage.storage import Storage
from kafkalite_wire.records import Record, build_batch
from tests.storage.compaction_golden import write_first
from tests.support.dump_log_segments import dump

NOW = 1_700_000_000_000


def test_batches_indexes_and_aborted_transactions_of_a_compacted_log_are_sound(tmp_path: Path) -> None:
    storage = Storage.open(tmp_path, new_uuid=lambda: uuid.uuid4().bytes, now_ms=NOW)
    storage.create_topic("t", 1, {"cleanup.policy": "compact"}, now_ms=NOW)
    log = storage.log("t", 0)
    chance = random.Random(1)
    for number in range(1500):
        records = [Record(b"%d" % chance.randint(0, 1000), chance.randbytes(100), NOW + number) for _ in range(3)]
        log.append(build_batch(records, compression=number % 5), now_ms=NOW, origin=AppendOrigin.BROKER)
    write_first(log)
    before = log.size
    cleaner = Cleaner(storage)
    cleaning = dirtiest(cleaner.survey(NOW))
    assert cleaning is not None
    for work in cleaner.clean(cleaning, NOW):
        if work is not None:
            work()
    assert log.size < before
    assert len(log.segments) == 2
    storage.close()

    first = tmp_path / "t-0" / f"{0:020}.log"
    indexes = [first.with_suffix(".index"), first.with_suffix(".timeindex")]
    assert all(index.stat().st_size for index in indexes)
    text = dump([first, *indexes], "--deep-iteration", "--index-sanity-check")
    assert text.count("passed sanity check") == 2
    assert "deleteHorizonMs: OptionalLong[" in text
    assert "isvalid: false" not in text
    assert not re.search("mismatch|out of order|Found", text, re.IGNORECASE)
    text = dump(indexes, "--deep-iteration", "--verify-index-only")
    assert not re.search("mismatch|out of order|Found", text, re.IGNORECASE)
    assert "producerId: 10" in dump([first.with_suffix(".txnindex")])
