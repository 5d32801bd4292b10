"""Compaction leaves what Apache Kafka 4.4.0's own cleaner left of the same log (see `compaction_golden`)."""

from pathlib import Path

import pytest

from kafkalite_storage.files.memory_filesystem import MemoryFileSystem
from tests.storage.compaction_golden import CONFIGS, GOLDEN
from tests.support.storage.compaction import Topic


def load(name: str) -> Topic:
    """Open a golden log as a start after a crash does that trusts all of it but the producers."""
    fs = MemoryFileSystem()
    fs.make_directory("/data/t-0")
    for file in sorted((GOLDEN / name).iterdir()):
        fs.replace(f"/data/t-0/{file.name}", Path(file).read_bytes())
    return Topic(fs=fs, recovery_point=1 << 40, **{key.replace(".", "_"): value for key, value in CONFIGS.items()})


def content(topic: Topic) -> list[tuple[object, ...]]:
    """List batches and records, without what differs from run to run or is our choice.

    Kafka writes the time of the first record that is left as the base of the others, we keep the base there was, and
    the bytes of a codec are its own.
    """
    return [
        (
            header._replace(batch_length=0, crc=0, base_timestamp=0),
            [record._replace(timestamp=0) if header.is_control else record for record in records],
        )
        for header, records in topic.batches()
    ]


def horizons(topic: Topic) -> list[int]:
    return [header.base_timestamp for header, _ in topic.batches() if header.has_delete_horizon]


TRANSACTION_INDEX = f"{0:020}.txnindex"


@pytest.mark.parametrize(("cleaning", "clean_offset"), [("first", None), ("second", 312)])
def test_the_same_batches_records_and_aborted_transactions_are_left(cleaning: str, clean_offset: int | None) -> None:
    ours, kafkas = load(f"{cleaning}-given"), load(f"{cleaning}-left")
    before = len(content(ours))
    ours.clean_offset = clean_offset
    ours.compact(now_ms=4_000_000_000_000 if clean_offset else 1_000_000_000_000)
    assert content(ours) == content(kafkas)
    assert (
        ours.fs.read(f"/data/t-0/{TRANSACTION_INDEX}") == (GOLDEN / f"{cleaning}-left" / TRANSACTION_INDEX).read_bytes()
    )
    assert len(content(ours)) < before
    assert len(horizons(ours)) == len(horizons(kafkas))
