"""Kafka's tools read every file of a directory that kafkalite has used well, after a stop and after a kill."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from kafkalite_storage.files.checkpoints import decode_epochs
from kafkalite_storage.storage import Storage
from tests.support.directory_with_history import ABORTER, COMMITTER, Used
from tests.support.dump_log_segments import complaints, dump

READ_BY_THE_TOOL = {".log", ".index", ".timeindex", ".txnindex", ".snapshot"}
TEXTS = {
    ".lock",
    "meta.properties",
    ".kafka_cleanshutdown",
    "recovery-point-offset-checkpoint",
    "log-start-offset-checkpoint",
    "cleaner-offset-checkpoint",
    "leader-epoch-checkpoint",
    "partition.metadata",
}


@pytest.fixture(scope="module", params=["stopped", "recovered"])
def directory(request: pytest.FixtureRequest, used: Used, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory as it was left, and as a start makes it that trusts nothing and has lost all indexes."""
    if request.param == "stopped":
        return used.path
    copy = tmp_path_factory.mktemp("recovered") / "data"
    shutil.copytree(used.path, copy)
    for name in (".kafka_cleanshutdown", "recovery-point-offset-checkpoint"):
        (copy / name).unlink()
    for pattern in ("*index", "*.snapshot"):
        for path in copy.glob(f"*/{pattern}"):
            path.unlink()
    with closing(Storage.open(copy, new_uuid=lambda: os.urandom(16), now_ms=time.time_ns() // 1_000_000)) as storage:
        assert not storage.was_clean
        for topic in storage.topics.values():
            for number in range(topic.partitions):
                storage.log(topic.name, number)
    return copy


def files(directory: Path, *suffixes: str) -> list[Path]:
    return sorted(path for path in directory.glob("*/*") if path.suffix in suffixes)


def test_there_is_every_kind_of_file_and_no_other(directory: Path) -> None:
    paths = [path for path in directory.rglob("*") if path.is_file() and path.suffix != ".deleted"]
    found = Counter(path.suffix if path.suffix in READ_BY_THE_TOOL else path.name for path in paths)
    assert found.keys() == READ_BY_THE_TOOL | TEXTS
    assert found[".log"] > 20
    assert found[".txnindex"] > 1


def test_logs_and_indexes_are_read_without_complaint(directory: Path) -> None:
    text = dump(files(directory, ".log", ".index", ".timeindex"), "--deep-iteration", "--index-sanity-check")
    assert [line for line in complaints(text) if "table-0" not in line] == []
    assert len(complaints(text)) == 1, "what was compacted has gaps"
    assert "deleteHorizonMs: OptionalLong[" in text
    sane = text.count("passed sanity check")
    assert sane > 30
    assert sane + text.count("index is empty") == len(files(directory, ".index", ".timeindex"))
    assert text.count("Log starting offset:") == len(files(directory, ".log"))
    assert set(re.findall(r"compresscodec: (\w+)", text)) == {"none", "gzip", "snappy", "lz4", "zstd"}
    assert "endTxnMarker: COMMIT" in text
    assert "endTxnMarker: ABORT" in text


def test_indexes_agree_with_their_logs(directory: Path) -> None:
    text = dump(files(directory, ".index", ".timeindex"), "--deep-iteration", "--verify-index-only")
    assert complaints(text) == []
    assert text.count("Dumping") == len(files(directory, ".index", ".timeindex"))


def test_producers_and_aborted_transactions_are_read(directory: Path, used: Used) -> None:
    text = dump(files(directory, ".snapshot", ".txnindex"))
    assert complaints(text) == []
    last = used.sequences["codecs", 0] - 1
    assert re.search(f"producerId: {used.producer_id} .*lastSequence: {last} ", text)
    aborted = re.findall(f"producerId: {ABORTER} firstOffset: (\\d+)", text)
    assert sorted(map(int, aborted)) == [1, 9, 17, 25, 33, 41]
    assert (
        f"producerId: {COMMITTER} producerEpoch: 0 coordinatorEpoch: 0 currentTxnFirstOffset: OptionalLong[48]" in text
    )


def test_committed_offsets_and_groups_are_read(directory: Path) -> None:
    text = dump(sorted(directory.glob("__consumer_offsets-*/*.log")), "--offsets-decoder")
    assert complaints(text) == []
    for key, offset in (("bystander", 5), ("bystander", 9), ("crew", 11)):
        assert re.search(f'"group":"{key}","topic":"codecs".*"offset":{offset},', text), (key, offset)
    assert '"protocolType":"consumer"' in text
    assert '"metadata":"as far as this"' in text


def test_the_catalogue_is_read(directory: Path) -> None:
    text = dump(sorted(directory.glob("__cluster_metadata-0/*.log")), "--cluster-metadata-decoder")
    assert complaints(text) == []
    kinds = set(re.findall('"type":"([A-Z_]+)"', text))
    assert kinds == {
        "FEATURE_LEVEL_RECORD",
        "TOPIC_RECORD",
        "PARTITION_RECORD",
        "PARTITION_CHANGE_RECORD",
        "CONFIG_RECORD",
        "REMOVE_TOPIC_RECORD",
        "PRODUCER_IDS_RECORD",
    }


def test_leader_epochs_are_kept(directory: Path) -> None:
    """That Kafka's own reader takes the file is shown where Kafka is started on it."""
    content = (directory / "moved-0" / "leader-epoch-checkpoint").read_bytes()
    assert decode_epochs(content) == [(0, 0), (1, 1), (2, 2), (3, 3)]
