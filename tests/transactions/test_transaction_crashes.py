"""The process is killed before every operation on files: transactions stay whole, and no acknowledged one is lost."""

from __future__ import annotations

import pytest

from tests.support.storage.crashing_filesystem import CrashingFileSystem, Operation
from tests.support.transaction_model import (
    PARTITIONS,
    TIMEOUT_MS,
    HandClock,
    ModelProducer,
    ModelTransaction,
    TransactionalCluster,
)


class Watched:
    """The life of a cluster; at each crash point another one starts on what a kill leaves."""

    def __init__(self) -> None:
        self.fs = CrashingFileSystem()
        self.crashes = 0
        self.transactions: list[ModelTransaction] = []
        self.running = TransactionalCluster(self.fs)
        self.fs.on_operation = self.crash

    def crash(self, operation: Operation) -> None:
        self.fs.on_operation = None
        try:
            self.crashes += 1
            clock = HandClock()
            clock.seconds = self.running.clock.seconds
            again = TransactionalCluster(self.fs.after_kill(), clock)
            again.pass_time(TIMEOUT_MS / 1000)
            again.assert_nothing_is_open()
            self.check(again, str(operation))
        finally:
            self.fs.on_operation = self.crash

    def check(self, cluster: TransactionalCluster, when: str) -> None:
        read = [cluster.committed(partition) for partition in range(PARTITIONS)]
        expected_offset: set[int | None] = {None}
        for transaction in self.transactions:
            shown = [
                [value for value in read[partition] if value in values]
                for partition, values in transaction.values.items()
            ]
            whole = list(transaction.values.values())
            assert shown in (whole, [[] for _ in whole]), f"a part of a transaction is read: {when}"
            is_read = shown == whole and bool(whole)
            assert transaction.may_commit or not is_read, f"what was not committed is read: {when}"
            assert is_read or not (transaction.must_commit and whole), f"an acknowledged commit is lost: {when}"
            if transaction.offset is not None and whole:
                if is_read:
                    expected_offset = {transaction.offset}
                elif transaction.may_commit and not transaction.must_commit:
                    assert transaction.offset != cluster.committed_offset(), f"the offset without the records: {when}"
        assert cluster.committed_offset() in expected_offset, f"records without their offset: {when}"
        flat = [value for values in read for value in values]
        assert len(flat) == len(set(flat)), f"a record is read twice: {when}"

    def begin(self, producer: ModelProducer) -> None:
        self.transactions.append(producer.transaction)


@pytest.mark.parametrize("version", [0, 2], ids=["version 1", "version 2"])
def test_transactions_are_whole_after_a_kill_at_any_moment(version: int) -> None:
    life = Watched()
    cluster = life.running
    first = ModelProducer("first", version)
    second = ModelProducer("second", 2)
    assert cluster.init(first)
    assert cluster.init(second)
    for number in range(4):
        life.begin(first)
        assert not cluster.write(first, 0, [b"a%d" % number, b"b%d" % number])
        assert not cluster.commit_offset(first, 10 + number)
        if number == 1:
            life.begin(second)
        if number in (1, 2):
            assert not cluster.write(second, 1, [b"second%d" % number])
        assert not cluster.write(first, 1, [b"c%d" % number])
        assert not cluster.end(first, commit=number != 2)
    assert not cluster.end(second, commit=True)
    # A new producer with the same transactional id aborts what the former has left open.
    life.begin(first)
    assert not cluster.write(first, 0, [b"left"])
    successor = ModelProducer("first", version)
    assert not cluster.init(successor)
    assert cluster.init(successor)
    # And one that is left open ends by its time-out.
    life.begin(successor)
    assert not cluster.write(successor, 0, [b"late"])
    cluster.pass_time(TIMEOUT_MS / 1000)
    life.check(cluster, "at the end")
    cluster.assert_nothing_is_open()
    print(f"{life.crashes} crashes")
    assert life.crashes > 50
    assert cluster.committed(0) == [b"a0", b"b0", b"a1", b"b1", b"a3", b"b3"]
