"""Groups of a directory of an earlier release are found, and are moved to where Kafka looks for them."""

from __future__ import annotations

from kafkalite.coordinators.groups.former_partitions import former_partition
from kafkalite.coordinators.groups.registry import partition_for
from kafkalite_storage.files.memory_filesystem import MemoryFileSystem
from kafkalite_storage.log.log import AppendOrigin
from kafkalite_wire.messages.coordinator_records import (
    OFFSET_COMMIT_VALUE_VERSION,
    OffsetCommitKey,
    OffsetCommitValue,
    encode_key,
    encode_value,
)
from kafkalite_wire.records import Record, build_batch
from tests.support.transaction_model import TOPIC, TransactionalCluster

GROUP = "billing"
PARTITIONS = 50
NOW = 1_700_000_000_000


def _commit(cluster: TransactionalCluster, partition: int, offset: int | None) -> None:
    """Write a committed offset as a broker does that keeps the group in a partition; without one, its deletion."""
    key = encode_key(OffsetCommitKey(group=GROUP, topic=TOPIC, partition=0))
    value = None
    if offset is not None:
        committed = OffsetCommitValue(offset=offset, metadata="", commit_timestamp=NOW)
        value = encode_value(committed, OFFSET_COMMIT_VALUE_VERSION)
    batch = build_batch([Record(key=key, value=value, timestamp=NOW)])
    log = cluster.cluster.storage.log("__consumer_offsets", partition)
    log.append(batch, now_ms=NOW, origin=AppendOrigin.BROKER)


def _restarted(cluster: TransactionalCluster) -> TransactionalCluster:
    cluster.cluster.close()
    return TransactionalCluster(cluster.fs, cluster.clock, offsets_partitions=PARTITIONS)


def _new_cluster() -> TransactionalCluster:
    made = TransactionalCluster(MemoryFileSystem(), offsets_partitions=PARTITIONS)
    made.cluster.groups.prepare()
    return made


FORMER, OWN = former_partition(GROUP, PARTITIONS), partition_for(GROUP, PARTITIONS)


def test_the_group_of_these_tests_has_moved() -> None:
    assert FORMER != OWN


def test_an_offset_in_the_former_partition_is_found_and_moved() -> None:
    cluster = _new_cluster()
    _commit(cluster, FORMER, 7)
    cluster = _restarted(cluster)
    assert cluster.committed_offset(GROUP) == 7
    log = cluster.cluster.storage.log("__consumer_offsets", OWN)
    assert log.log_end_offset == 1
    cluster = _restarted(cluster)
    assert cluster.committed_offset(GROUP) == 7
    assert cluster.cluster.storage.log("__consumer_offsets", OWN).log_end_offset == 1, "it is moved once"


def test_what_is_in_the_own_partition_counts() -> None:
    cluster = _new_cluster()
    _commit(cluster, FORMER, 7)
    _commit(cluster, OWN, 9)
    cluster = _restarted(cluster)
    assert cluster.committed_offset(GROUP) == 9


def test_a_group_that_was_moved_and_deleted_does_not_come_back() -> None:
    cluster = _new_cluster()
    _commit(cluster, FORMER, 7)
    cluster = _restarted(cluster)
    assert cluster.committed_offset(GROUP) == 7
    _commit(cluster, OWN, None)
    cluster = _restarted(cluster)
    assert cluster.committed_offset(GROUP) is None
