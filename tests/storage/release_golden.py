"""Freeze a data directory of this release, which every later one has to read.

`python -m tests.storage.release_golden` writes `golden/kafkalite-VERSION/` and, beside it, what is in there.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from kafkalite import __version__
from kafkalite_storage.compaction.cleaner import Cleaner, dirtiest
from kafkalite_storage.files.filesystem import OsFileSystem
from kafkalite_storage.storage import Storage
from kafkalite_wire.records import Record, build_batch
from tests.support.storage import used_directory
from tests.support.storage.description import described

GOLDEN: Final = Path(__file__).parent / "golden"
NOW: Final = used_directory.NOW
_SMALL: Final = {"internal.segment.bytes": "600", "index.interval.bytes": "150"}


def write(path: Path) -> None:
    """Make the directory, the same in every run: what `used_directory` does, then compaction and retention."""
    used_directory.fill(OsFileSystem(), str(path))
    with closing(open_storage(path)) as storage:
        for topic in tuple(storage.topics.values()):
            for number in range(topic.partitions):
                storage.log(topic.name, number)
        _compact(storage)
        _expire(storage)
        storage.log("plain", 0).append(build_batch([Record(None, b"second owner", NOW)]), now_ms=NOW)
    with closing(open_storage(path)):
        pass  # what was taken out of the logs leaves the disk


def open_storage(path: Path) -> Storage:
    """Open a directory at the time that all of this plays at."""
    return Storage.open(path, new_uuid=_more_uuids(), now_ms=NOW)


def _more_uuids() -> Callable[[], bytes]:
    numbers = iter(range(1, 1000))
    return lambda: (next(numbers) * 0xFEDC_BA98_7654_3210_FEDC).to_bytes(16, "big")


def _compact(storage: Storage) -> None:
    configs = {**_SMALL, "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01"}
    storage.create_topic("table", 1, configs, now_ms=NOW)
    log = storage.log("table", 0)
    for number in range(40):
        value = None if number % 5 == 0 else b"%d" % number
        key = b"once-%d" % number if number % 8 == 1 else b"key-%d" % (number % 4)
        records = [Record(key, value, NOW + number), Record(b"always", b"%d" % number, NOW + number)]
        log.append(
            build_batch(records, compression=number % 5, producer_id=11, producer_epoch=0, base_sequence=2 * number),
            now_ms=NOW,
        )
    cleaner, size = Cleaner(storage), log.size
    while (cleaning := dirtiest(cleaner.survey(NOW))) is not None:
        for work in cleaner.clean(cleaning, NOW):
            if work is not None:
                work()
    assert log.size < size


def _expire(storage: Storage) -> None:
    storage.create_topic("short", 1, {**_SMALL, "retention.ms": "1000", "retention.bytes": "2000"}, now_ms=NOW)
    log = storage.log("short", 0)
    for number in range(60):
        log.append(build_batch([Record(None, b"%d" % number * 10, NOW - 3000 + number * 50)]), now_ms=NOW)
    assert log.delete_expired(NOW) > 0
    assert log.log_start_offset > 20


def main() -> None:
    """Freeze this release."""
    target = GOLDEN / f"kafkalite-{__version__}"
    shutil.rmtree(target, ignore_errors=True)
    write(target)
    (target / ".lock").unlink()
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copytree(target, Path(folder) / "data")
        with closing(open_storage(copy)) as storage:
            expected = described(storage)
    target.with_name(f"{target.name}.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
