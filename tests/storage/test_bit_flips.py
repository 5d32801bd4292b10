"""Bits flip on disks: `verify` names every damaged file, and a broker serves the truth or says that it cannot."""

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from kafkalite_storage.errors import StorageError
from kafkalite_storage.files.memory_filesystem import MemoryFileSystem
from kafkalite_storage.inspection.report import Finding, Report, Severity
from kafkalite_storage.inspection.verify import verify
from kafkalite_storage.log.log import PartitionLog
from kafkalite_storage.segment.transaction_index import AbortedTransaction
from kafkalite_storage.storage import Storage
from kafkalite_wire.records import CorruptBatch, Record, iter_records, read_header
from tests.support.storage.controls import kill_storage
from tests.support.storage.used_directory import DATA, NOW, all_records, fill

DIRECTORIES = (
    "",
    "/__cluster_metadata-0",
    "/__consumer_offsets-0",
    "/__transaction_state-0",
    "/orders-0",
    "/orders-1",
    "/plain-0",
)

#: Bytes of which nothing else in the directory says what they should be. Their damage may only be noted.
BLIND_SPOTS = {
    # Without its name, on a line of its own, the checksum is a comment like any other; the properties are whole.
    "meta.properties": re.compile(rb"\A#\n#crc32c="),
}

#: Files without which everything must be served, so that no damage in them is a reason to refuse anything.
HEALED = ("index", "timeindex", "txnindex", "snapshot", "leader-epoch-checkpoint", "log-start-offset-checkpoint")


@dataclass
class Expected:
    """What a broker serves of a partition."""

    records: list[Record]
    start: int
    aborted: set[tuple[int, AbortedTransaction]]


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """The content of every file of a well-used directory that was closed in order, by path."""
    fs = MemoryFileSystem()
    fill(fs)
    return {path: bytes(file.content) for path, file in fs.files.items()}


def copy_of(files: dict[str, bytes]) -> MemoryFileSystem:
    fs = MemoryFileSystem()
    for path, content in files.items():
        fs.make_directory(path.rpartition("/")[0])
        fs.replace(path, content)
    return fs


def flips(files: dict[str, bytes], directory: str, *, stride: int) -> Iterator[tuple[str, int, bytes]]:
    """Yield path, position and content of files directly in a directory with one bit flipped; of logs not all."""
    for path, content in sorted(files.items()):
        if path.rpartition("/")[0] == DATA + directory:
            for position in range(0, len(content), stride if path.endswith(".log") else 1):
                damaged = bytearray(content)
                damaged[position] ^= 1 << (position * 5 + 3) % 8
                yield path, position, bytes(damaged)


def damaged(files: dict[str, bytes], directory: str) -> Iterator[tuple[str, int, bytes]]:
    """Yield flips of every bit's place in the caches that are proved by the log, and of every sixth in the rest."""
    every = list(flips(files, directory, stride=6))
    proved = ("txnindex", "leader-epoch-checkpoint", "log-start-offset-checkpoint")
    yield from (flip for number, flip in enumerate(every) if number % 6 == 0 or flip[0].endswith(proved))


def is_blind(files: dict[str, bytes], path: str, position: int) -> bool:
    blind = BLIND_SPOTS.get(path.rpartition("/")[2])
    return blind is not None and any(m.start() <= position < m.end() for m in blind.finditer(files[path]))


@pytest.mark.parametrize("directory", DIRECTORIES)
def test_verify_names_the_file_of_every_flipped_bit(files: dict[str, bytes], directory: str) -> None:
    fs = copy_of(files)
    flipped = 0
    missed = []
    for path, position, content in flips(files, directory, stride=4):
        fs.replace(path, content)
        findings: list[Finding] = []
        verify(fs, DATA + directory, Report(findings.append))
        grave = [finding for finding in findings if finding.severity is not Severity.NOTE]
        named = [finding for finding in findings if finding.file == path or path in finding.what]
        if not named or not (grave or is_blind(files, path, position)):
            missed.append((path, position, findings))
        flipped += 1
        fs.replace(path, files[path])
    assert flipped > 90
    assert not missed


def test_verify_finds_nothing_in_what_was_closed_in_order(files: dict[str, bytes]) -> None:
    fs = copy_of(files)
    findings: list[Finding] = []
    report = Report(findings.append)
    verify(fs, DATA, report)
    assert not findings
    assert report.is_sound
    assert (report.files, report.batches > 70, report.records > 150) == (len(fs.files), True, True)


def names(told: object, path: str) -> bool:
    """Return whether a message names a file, with or without its directory."""
    return path.rpartition("/")[2] in str(told)


def serves_only_the_truth(fs: MemoryFileSystem, path: str, expected: dict[tuple[str, int], Expected]) -> list[str]:
    """Return what is wrong with what a broker serves from the directory; it may refuse what it names."""
    try:
        storage = Storage.open(DATA, fs=fs, new_uuid=lambda: uuid.uuid4().bytes, now_ms=NOW)
    except (StorageError, CorruptBatch) as error:
        return [] if names(error, path) else [f"refuses to start, and says only: {error}"]
    wrong = []
    partition = path.rpartition("/")[0]
    for (topic, number), whole in expected.items():
        if partition not in (DATA, f"{DATA}/__cluster_metadata-0", f"{DATA}/{topic}-{number}"):
            continue
        for record in whole.records:
            try:
                log = storage.log(topic, number)
                if record.offset >= log.log_end_offset and names(log.recovery, path):
                    continue  # set aside, and the log of the broker says so
                data = log.read(record.offset, max_bytes=1).read()
                found = [each for each in iter_records(data) if each.offset == record.offset] if data else []
            except (StorageError, CorruptBatch) as error:
                if path.endswith(HEALED) or not names(error, path):
                    wrong.append(f"{topic}-{number} at {record.offset}: {error}")
            else:
                if found != [record]:
                    wrong.append(f"{topic}-{number} at {record.offset}: {found}")
        if not path.endswith(".log"):  # else some of it cannot be read, which was looked at above
            found_aborted = aborted_by_fetch(storage.log(topic, number), whole.start)
            if found_aborted != whole.aborted:
                wrong.append(f"{topic}-{number} aborted: {sorted(map(str, found_aborted ^ whole.aborted))}")
    kill_storage(storage)
    return wrong


def aborted_by_fetch(log: PartitionLog, start: int) -> set[tuple[int, AbortedTransaction]]:
    """Return the aborted transactions that a read-committed consumer receives, by the batch of each fetch."""
    found = set()
    offset = start
    while offset < log.last_stable_offset:
        piece = log.read(offset, max_bytes=1, max_offset=log.last_stable_offset)
        header = read_header(piece.read())
        told = log.aborted_transactions(offset, log.end_of_piece(offset, piece))
        found |= {(header.base_offset, each) for each in told if each.first_offset <= header.last_offset}
        offset = header.next_offset
    return found


@pytest.mark.parametrize("directory", DIRECTORIES)
def test_a_started_broker_serves_what_was_written_or_names_the_damaged_file(
    files: dict[str, bytes], directory: str
) -> None:
    storage = Storage.open(DATA, fs=copy_of(files), new_uuid=lambda: uuid.uuid4().bytes, now_ms=NOW)
    expected = {}
    for key, records in all_records(storage).items():
        log = storage.log(*key)
        expected[key] = Expected(records, log.log_start_offset, aborted_by_fetch(log, log.log_start_offset))
    assert len(expected["orders", 0].aborted) > 1
    kill_storage(storage)
    wrong = []
    for path, position, content in damaged(files, directory):
        problems = serves_only_the_truth(copy_of({**files, path: content}), path, expected)
        if problems:
            wrong.append((path, position, problems[0], len(problems)))
    assert not wrong
