"""Looking into data directories: what is sound passes, what is not is named, and nothing is touched."""

import os
from pathlib import Path
from typing import Any

import pytest

from kafkalite_storage.files.memory_filesystem import MemoryFileSystem
from kafkalite_storage.inspection.dump import DumpOptions, UnknownFile, dump, files_of
from kafkalite_storage.inspection.files import ReadableFiles, ReadOnlyFiles
from kafkalite_storage.inspection.report import Finding, Report, Severity
from kafkalite_storage.inspection.text import printable
from kafkalite_storage.inspection.verify import verify
from kafkalite_storage.segment.stretches import stretches
from kafkalite_storage.storage import Storage
from kafkalite_wire.records import Record, build_batch
from tests.support.storage.compaction import Topic
from tests.support.storage.controls import kill_storage, move_leader
from tests.support.storage.used_directory import DATA, NOW, fill, uuids

GOLDEN = str(Path(__file__).parent / "golden" / "kafka-4.4.0")
ORDERS = f"{DATA}/orders-1"
FIRST_LOG = f"{ORDERS}/00000000000000000000.log"
LAST = f"{ORDERS}/00000000000000000053"


@pytest.fixture
def used() -> MemoryFileSystem:
    fs = MemoryFileSystem()
    fill(fs)
    return fs


def findings(fs: ReadableFiles, path: str = DATA) -> list[str]:
    found: list[Finding] = []
    verify(fs, path, Report(found.append))
    return [str(finding) for finding in found]


def open_storage(fs: MemoryFileSystem) -> Storage:
    return Storage.open(DATA, fs=fs, new_uuid=uuids(), now_ms=NOW)


def test_nothing_but_the_indexes_that_were_left_out_is_missing_in_what_kafka_wrote() -> None:
    missing = [
        f"cache: {GOLDEN}/__cluster_metadata-0/00000000000000000000.{kind}: is missing"
        for kind in ("index", "timeindex")
    ]
    found = findings(ReadOnlyFiles(), GOLDEN)
    assert [line.partition(";")[0] for line in found] == missing


def test_kafka_leaves_the_checkpoint_of_its_cleaner_empty(
    used: MemoryFileSystem, caplog: pytest.LogCaptureFixture
) -> None:
    used.replace(f"{DATA}/cleaner-offset-checkpoint", b"")
    assert findings(used) == []
    open_storage(used).close()
    assert caplog.messages == []


def test_a_checkpoint_that_kafka_writes_when_it_stops_is_not_empty(used: MemoryFileSystem) -> None:
    used.replace(f"{DATA}/log-start-offset-checkpoint", b"")
    assert findings(used)[0] == (
        f"damage: {DATA}/log-start-offset-checkpoint: "
        "is empty, but the broker was stopped in order and has then written it"
    )


def test_leader_epochs_that_are_empty_are_rebuilt(used: MemoryFileSystem) -> None:
    whole = used.read(f"{ORDERS}/leader-epoch-checkpoint")
    used.replace(f"{ORDERS}/leader-epoch-checkpoint", b"")
    storage = open_storage(used)
    storage.log("orders", 1)
    storage.close()
    assert used.read(f"{ORDERS}/leader-epoch-checkpoint") == whole


def test_a_directory_in_use_is_sound_at_every_moment(used: MemoryFileSystem) -> None:
    storage = open_storage(used)
    log = storage.log("orders", 1)
    for number in range(30):
        log.append(build_batch([Record(None, b"%d" % number, NOW)] * 3), now_ms=NOW)
        assert not findings(used)
    storage.checkpoint()
    storage.create_topic("new", 1, now_ms=NOW)
    storage.log("new", 0).append(build_batch([Record(None, b"first", NOW)]), now_ms=NOW)
    move_leader(storage, "orders", 1, 1, now_ms=NOW)
    log.append(build_batch([Record(None, b"in a newer epoch", NOW)]), now_ms=NOW)
    assert not findings(used)
    kill_storage(storage)


def test_a_write_that_a_crash_tore_is_no_damage_but_lost_bytes_after_a_clean_stop_are(used: MemoryFileSystem) -> None:
    log = used.files[f"{LAST}.log"].content
    del log[-3:]
    [damage, *_] = findings(used)
    assert damage.startswith(f"damage: {LAST}.log, byte ")
    assert "a batch of 78 bytes where 75 bytes are left" in damage
    used.remove(f"{DATA}/.kafka_cleanshutdown")
    used.replace(f"{DATA}/recovery-point-offset-checkpoint", b"0\n0\n")
    torn = [line for line in findings(used, ORDERS) if ".log" in line]
    assert [line.partition(":")[0] for line in torn] == ["note"]
    assert "a write that is not finished" in torn[0]


def test_lost_records_at_the_end_are_known_from_the_checkpoints(used: MemoryFileSystem) -> None:
    storage = open_storage(used)
    batches = storage.log("plain", 0).size // 3
    storage.close()
    del used.files[f"{DATA}/plain-0/00000000000000000000.log"].content[-batches:]
    text = "\n".join(findings(used, f"{DATA}/plain-0"))
    assert "plain-0 was on disk to 6, but /data/plain-0/00000000000000000000.log ends at 4" in text
    assert "the records from 4 to 5 are missing" in text


def test_what_follows_damage_is_still_checked(used: MemoryFileSystem) -> None:
    content = used.files[FIRST_LOG].content
    sizes = [stretch.size for stretch in stretches(used.files[FIRST_LOG], len(content))]
    content[8:12] = b"\x7f\xff\xff\xff"  # the first batch seems to take the whole file
    content[sum(sizes[:3]) + 70] ^= 1
    damage = [line for line in findings(used, ORDERS) if line.startswith("damage")]
    assert [f"byte {at}:" in line for line, at in zip(damage, (0, sum(sizes[:3])), strict=True)] == [True, True]
    assert "no sound batch in" in damage[0]


@pytest.mark.parametrize("garbage", [b"", bytes(5000), b"\x02" * 5000, os.urandom(5000)])
def test_any_bytes_can_be_walked(garbage: bytes) -> None:
    fs = MemoryFileSystem()
    fs.make_directory(ORDERS)
    fs.replace(FIRST_LOG, garbage)
    file = fs.open(FIRST_LOG)
    walked = list(stretches(file, file.size()))
    assert sum(stretch.size for stretch in walked) == len(garbage)
    assert all(stretch.error for stretch in walked)
    assert bool(findings(fs, ORDERS)) or not garbage


def test_a_lost_segment_is_a_gap_and_one_twice_an_overlap(used: MemoryFileSystem) -> None:
    second = f"{ORDERS}/00000000000000000017.log"
    used.replace(f"{ORDERS}/00000000000000000016.log", used.read(second))
    assert any("overlaps the segment before it" in line for line in findings(used))
    used.remove(f"{ORDERS}/00000000000000000016.log")
    used.remove(second)
    assert any("offset 35 follows offset 16" in line for line in findings(used))


def test_directories_and_files_that_nobody_knows_are_named(used: MemoryFileSystem) -> None:
    for name in ("lost-0", "orders-7", "orders-0.0123456789abcdef-delete", ".snapshots/partitions", "stuff"):
        used.make_directory(f"{DATA}/{name}")
    used.replace(f"{ORDERS}/notes.txt", b"")
    used.replace(f"{DATA}/notes.txt", b"")
    text = "\n".join(findings(used))
    for expected in (
        f"note: {DATA}/lost-0: there is no topic of this name",
        f"note: {DATA}/orders-7: topic orders has 2 partitions only",
        f"note: {DATA}/orders-0.0123456789abcdef-delete: is being deleted",
        f"note: {DATA}/.snapshots: snapshots of a broker",
        f"note: {DATA}/stuff: not a directory of a partition",
        f"note: {ORDERS}/notes.txt: not a file of a partition",
        f"note: {DATA}/notes.txt: not a file of a data directory",
    ):
        assert expected in text


def test_a_partition_that_is_gone_is_missed(used: MemoryFileSystem) -> None:
    used.remove_directory(ORDERS)
    assert f"damage: {ORDERS}: is missing, but recovery-point-offset-checkpoint names it" in findings(used)


def test_an_aborted_transaction_that_its_index_lost_is_missed(used: MemoryFileSystem) -> None:
    name = f"{ORDERS}/00000000000000000017.txnindex"
    used.remove(name)
    [line] = findings(used)
    assert line.startswith(f"cache: {name}: an aborted transaction is missing: producer 8, offsets ")


def test_compacted_logs_are_sound() -> None:
    topic = Topic(internal_segment_bytes="400", index_interval_bytes="50")
    for number in range(30):
        topic.put((b"k%d" % (number % 4), b"%d" % number), producer_id=5, producer_epoch=0, base_sequence=number)
    topic.put((b"k1", b"aborted"), producer_id=6, producer_epoch=0, base_sequence=0, is_transactional=True)
    topic.end(6, commit=False)
    topic.compact()
    assert topic.offsets() == [26, 27, 28, 29]
    for now_ms in (0, 1 << 62):
        topic.log.remove_retired(now_ms)
    assert findings(topic.fs, "/data/t-0") == [
        "note: /data/t-0/partition.metadata: is missing; nothing says which topic's records these are"
    ]


def test_a_single_file_is_checked_against_what_lies_beside_it(used: MemoryFileSystem) -> None:
    index = f"{LAST}.index"
    used.files[index].content[3] ^= 1
    assert findings(used, f"{LAST}.log") == []
    [line] = findings(used, index)
    assert line.startswith(f"cache: {index}, byte 0: entry 0 says that the batch at byte ")


def test_a_real_directory_is_read_without_a_trace(tmp_path: Path) -> None:
    from kafkalite_storage.files.filesystem import OsFileSystem

    fill(OsFileSystem(), str(tmp_path))
    storage = Storage.open(tmp_path, new_uuid=uuids(), now_ms=NOW)  # a broker that holds the lock
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert not findings(ReadOnlyFiles(), str(tmp_path))
    for file in files_of(ReadOnlyFiles(), str(tmp_path)):
        list(dump(ReadOnlyFiles(), file, DumpOptions(records=True)))
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    storage.close()


# dump


def rows(fs: ReadableFiles, path: str, **options: Any) -> list[Any]:
    return list(dump(fs, path, DumpOptions(**options)))


def test_batches_are_shown_as_they_lie_in_the_file(used: MemoryFileSystem) -> None:
    first, second, *_ = [row.fields for row in rows(used, FIRST_LOG)]
    assert (first["baseOffset"], first["lastOffset"], first["count"], first["position"]) == (0, 2, 3, 0)
    assert (first["producerId"], first["baseSequence"], first["lastSequence"]) == (7, 0, 2)
    assert (second["position"], second["compresscodec"], second["isvalid"]) == (first["size"], "gzip", True)


def test_a_damaged_batch_is_shown_as_such_and_its_records_are_not(used: MemoryFileSystem) -> None:
    used.files[FIRST_LOG].content[80] ^= 1
    first, second, *_ = rows(used, FIRST_LOG, records=True)
    assert (first.kind, first.fields["isvalid"]) == ("batch", False)
    assert "the CRC of the batch" in first.fields["error"]
    assert second.kind == "batch"


def test_records_can_be_had_from_an_offset_on_and_at_most_so_many(used: MemoryFileSystem) -> None:
    shown = rows(used, FIRST_LOG, records=True, start=4, limit=3)
    assert [row.fields.get("offset", row.fields.get("baseOffset")) for row in shown] == [3, 4, 5]
    assert shown[1].fields["key"] == b"k1"
    assert shown[1].fields["headers"] == [["h", b"x"]]
    assert rows(used, f"{LAST}.index", start=60)[0].fields["offset"] >= 60


def test_internal_records_are_decoded(used: MemoryFileSystem) -> None:
    shown = [row.fields for row in rows(used, f"{DATA}/__consumer_offsets-0/00000000000000000000.log", records=True)]
    commit, group, old = (fields for fields in shown if "offset" in fields)
    assert commit["key"] == {"group": "g", "topic": "orders", "partition": 0}
    assert commit["value"]["offset"] == 12
    assert group["value"]["members"][0]["memberId"] == "m-1"
    assert (old["key"], old["value"]) == ({"group": "old"}, None)
    shown = [row.fields for row in rows(used, f"{DATA}/__transaction_state-0/00000000000000000000.log", records=True)]
    [transaction] = (fields["value"] for fields in shown if fields.get("value"))
    assert transaction["transactionStatus"] == "ONGOING"
    assert transaction["transactionPartitions"] == [{"topic": "orders", "partitionIds": [0, 1]}]
    shown = [row.fields for row in rows(used, f"{DATA}/__cluster_metadata-0/00000000000000000000.log", records=True)]
    assert {"type": "RemoveTopicRecord"}.items() <= next(
        fields["value"].items() for fields in shown if fields.get("value", {}).get("type") == "RemoveTopicRecord"
    )


def test_decoding_can_be_turned_off_and_pointed_elsewhere(used: MemoryFileSystem) -> None:
    offsets = f"{DATA}/__consumer_offsets-0/00000000000000000000.log"
    assert isinstance(rows(used, offsets, records=True, topic="")[1].fields["key"], bytes)
    used.make_directory("/copied")
    used.replace("/copied/00000000000000000000.log", used.read(offsets))
    copied = "/copied/00000000000000000000.log"
    assert isinstance(rows(used, copied, records=True)[1].fields["key"], bytes)
    assert rows(used, copied, records=True, topic="__consumer_offsets")[1].fields["key"]["group"] == "g"


def test_every_file_of_a_directory_can_be_shown(used: MemoryFileSystem) -> None:
    kinds = {row.kind for file in files_of(used, DATA) for row in rows(used, file, records=True)}
    assert kinds == {
        *("batch", "record", "index", "timeindex", "txnindex", "producer"),
        *("offset", "leaderEpoch", "partition", "properties", "json"),
    }


def test_a_file_of_something_else_is_refused(used: MemoryFileSystem) -> None:
    used.replace(f"{DATA}/notes.txt", b"")
    with pytest.raises(UnknownFile, match=r"notes\.txt"):
        rows(used, f"{DATA}/notes.txt")
    assert f"{DATA}/notes.txt" not in list(files_of(used, DATA))


def test_severities_decide_what_is_sound() -> None:
    report = Report(lambda finding: None)
    report.note("f", "n")
    assert report.is_sound
    report.cache("f", "c")
    assert not report.is_sound
    assert report.findings == {Severity.DAMAGE: 0, Severity.CACHE: 1, Severity.NOTE: 1}


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (b"plain \xc3\xa4", "plain ä"),
        (b"\x1b[31m\n", "\\x1b[31m\\n"),
        (b"a\\b", "a\\\\b"),
        (b"\xff\x00", "\\xff\\x00"),
        ("\u202e".encode(), "\\u202e"),
    ],
)
def test_no_record_steers_a_terminal(content: bytes, shown: str) -> None:
    assert printable(content.decode(errors="surrogateescape")) == shown
