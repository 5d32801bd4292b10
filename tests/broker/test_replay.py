"""The broker reads its own topics from the start to the end, whatever compaction left of them."""

from __future__ import annotations

import pytest

from kafkalite.coordinators.replay import replay
from kafkalite_wire.records import Compression
from tests.support.storage.compaction import NOW, Topic


@pytest.mark.parametrize("codec", list(Compression))
def test_keys_and_values_come_in_the_order_of_the_log(codec: Compression) -> None:
    topic = Topic(internal_segment_bytes="300")
    for number in range(10):
        topic.put((b"%d" % number, b"v%d" % number), (None, b"no key"), (b"t", None), compression=codec)
    pairs = [pair for number in range(10) for pair in ((b"%d" % number, b"v%d" % number), (b"t", None))]
    assert [(record.key, record.value) for record in replay(topic.log)] == pairs


@pytest.mark.parametrize("commit", [True, False])
def test_records_of_a_transaction_come_with_their_producer_and_its_marker(commit: bool) -> None:
    topic = Topic()
    topic.put((b"a", b"1"), producer_id=7, producer_epoch=0, base_sequence=0, is_transactional=True)
    topic.end(7, commit=commit)
    record, marker = replay(topic.log)
    assert (record.key, record.value, record.producer_id, record.is_control) == (b"a", b"1", 7, False)
    assert (marker.producer_id, marker.is_control, marker.is_commit) == (7, True, commit)


def test_an_end_that_was_compacted_away_is_passed() -> None:
    topic = Topic(delete_retention_ms="0")
    topic.put((b"a", b"1"))
    topic.put((b"b", None))
    topic.compact()
    topic.clean_offset = 0
    topic.compact(now_ms=NOW + 1)
    assert topic.offsets() == [0]
    assert topic.log.log_end_offset == 2
    assert [(record.key, record.value) for record in replay(topic.log)] == [(b"a", b"1")]


def test_a_log_that_begins_in_the_middle_of_a_batch_is_read() -> None:
    topic = Topic(cleanup_policy="delete")
    topic.put((b"a", b"1"), (b"b", b"1"))
    topic.log.delete_records(1)
    assert [record.key for record in replay(topic.log)] == [b"a", b"b"]
