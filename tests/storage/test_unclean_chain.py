"""What an unclean stop left is checked, however many clean runs lie between it and the first look at the log."""

import uuid
from pathlib import Path

from kafkalite_storage.storage import Storage
from kafkalite_wire.records import Record, build_batch
from tests.support.storage.controls import kill_storage

NOW = 1_700_000_000_000


def open_storage(path: Path) -> Storage:
    return Storage.open(path, new_uuid=lambda: uuid.uuid4().bytes, now_ms=NOW)


def test_a_log_that_nobody_opened_since_the_crash_is_checked_when_somebody_does(tmp_path: Path) -> None:
    storage = open_storage(tmp_path)
    storage.create_topic("t", 1, now_ms=NOW)
    storage.create_topic("other", 1, now_ms=NOW)
    for _ in range(3):
        storage.log("t", 0).append(build_batch([Record(None, b"value", NOW)]), now_ms=NOW)
    kill_storage(storage)
    [segment] = (tmp_path / "t-0").glob("*.log")
    content = bytearray(segment.read_bytes())
    content[-1] ^= 1
    segment.write_bytes(content)

    between = open_storage(tmp_path)
    between.log("other", 0)
    between.close()

    storage = open_storage(tmp_path)
    assert storage.log("t", 0).log_end_offset == 2
    assert storage.log("t", 0).recovery.truncated_bytes > 0
    assert storage.log("other", 0).log_end_offset == 0
    storage.close()
    assert open_storage(tmp_path).was_clean


def test_after_a_clean_stop_nothing_is_checked_again(tmp_path: Path) -> None:
    storage = open_storage(tmp_path)
    storage.create_topic("t", 3, now_ms=NOW)
    storage.log("t", 1).append(build_batch([Record(None, b"value", NOW)]), now_ms=NOW)
    storage.close()
    for _ in range(2):
        storage = open_storage(tmp_path)
        assert storage.was_clean
        storage.close()
