"""Caches may be deleted while no broker runs: the next start rebuilds them, and every record is there."""

import re
from pathlib import Path
from typing import Any

import pytest

from kafkalite_storage.files.memory_filesystem import MemoryFileSystem
from kafkalite_storage.inspection.report import Finding, Report
from kafkalite_storage.inspection.verify import verify
from kafkalite_storage.storage import Storage
from tests.support.storage.controls import kill_storage
from tests.support.storage.used_directory import DATA, NOW, ORDERS_START, all_records, fill, uuids

FORMAT = Path(__file__).parents[2] / "storage" / "FORMAT.md"
#: What a row of the table means; the files that hold the truth have rows too, and are not deleted here.
PATTERNS = {
    ".index": r"\.index$",
    ".timeindex": r"\.timeindex$",
    ".snapshot": r"\.snapshot$",
    ".txnindex": r"\.txnindex$",
    "leader-epoch-checkpoint": r"leader-epoch-checkpoint$",
    "recovery-point-offset-checkpoint": r"recovery-point-offset-checkpoint$",
    "cleaner-offset-checkpoint": r"cleaner-offset-checkpoint$",
    ".kafka_cleanshutdown": r"\.kafka_cleanshutdown$",
    ".lock": r"\.lock$",
}


def rows() -> list[tuple[str, str]]:
    section = FORMAT.read_text().partition("## Which file may be deleted")[2].partition("\n## ")[0]
    found = re.findall(r"^\| `([^`]+)` \| (yes|no) \|", section, flags=re.MULTILINE)
    assert found
    return found


def open_storage(fs: MemoryFileSystem) -> Storage:
    return Storage.open(DATA, fs=fs, new_uuid=uuids(), now_ms=NOW)


def facts(storage: Storage) -> tuple[Any, Any]:
    """Return everything that a client could ask: records, what was aborted, and where logs begin and end."""
    records = all_records(storage)
    state = {}
    for topic, number in records:
        log = storage.log(topic, number)
        producers = {producer.producer_id: (producer.epoch, producer.batches[-1:]) for producer in log.producers}
        aborted = log.aborted_transactions(log.log_start_offset, log.log_end_offset)
        state[topic, number] = (log.log_end_offset, aborted, producers)
    return records, state


Used = dict[str, tuple[MemoryFileSystem, tuple[Any, Any]]]


@pytest.fixture(scope="module")
def used() -> Used:
    """Return the files after a clean stop and after a crash, and what a broker knew before."""
    made = {}
    for stop in ("clean stop", "crash"):
        fs = MemoryFileSystem()
        fill(fs)
        storage = open_storage(fs)
        known = facts(storage)
        if stop == "crash":
            kill_storage(storage)
        else:
            storage.close()
        made[stop] = (fs, known)
    return made


def test_every_deletable_file_of_the_table_is_tried_here() -> None:
    assert {name for name, answer in rows() if answer == "yes"} == set(PATTERNS)


@pytest.mark.parametrize("stop", ["clean stop", "crash"])
@pytest.mark.parametrize("name", PATTERNS)
def test_what_may_be_deleted_is_made_anew(used: Used, stop: str, name: str) -> None:
    before, known = used[stop]
    fs = MemoryFileSystem()
    for path, file in before.files.items():
        fs.make_directory(path.rpartition("/")[0])
        if not re.search(PATTERNS[name], path):
            fs.replace(path, bytes(file.content))
    storage = open_storage(fs)
    assert facts(storage) == known
    storage.close()
    findings: list[Finding] = []
    verify(fs, DATA, Report(findings.append))
    assert not findings


def test_the_beginning_of_a_log_is_lost_with_its_checkpoint(used: Used) -> None:
    before, _ = used["clean stop"]
    fs = MemoryFileSystem()
    for path, file in before.files.items():
        fs.make_directory(path.rpartition("/")[0])
        if not path.endswith("log-start-offset-checkpoint"):
            fs.replace(path, bytes(file.content))
    storage = open_storage(fs)
    assert storage.log("orders", 0).log_start_offset < ORDERS_START
