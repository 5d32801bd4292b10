"""Random transactions of several producers: a reader of committed records sees all or nothing of each, in order."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from kafkalite_storage.files.memory_filesystem import MemoryFileSystem
from kafkalite_wire.error_codes import ErrorCode
from tests.support.transaction_model import (
    PARTITIONS,
    TIMEOUT_MS,
    ModelProducer,
    ModelTransaction,
    TransactionalCluster,
)

PRODUCERS = st.integers(0, 2)
_EXPECTED_REFUSALS = (
    ErrorCode.CONCURRENT_TRANSACTIONS,
    ErrorCode.PRODUCER_FENCED,
    ErrorCode.INVALID_TXN_STATE,
    ErrorCode.INVALID_PRODUCER_ID_MAPPING,
)


class Transactions(RuleBasedStateMachine):
    """Two producers of transaction version 2 and one of version 1, on one cluster."""

    def __init__(self) -> None:
        super().__init__()
        self.cluster = TransactionalCluster(MemoryFileSystem())
        self.producers = [ModelProducer(f"p{number}", 0 if number == 2 else 2) for number in range(3)]
        self.transactions: list[ModelTransaction] = []
        self.values = 0
        self.are_held = False

    def _note(self, producer: ModelProducer) -> None:
        if not any(each is producer.transaction for each in self.transactions):
            self.transactions.append(producer.transaction)

    @rule(number=PRODUCERS)
    def initialize(self, number: int) -> None:
        self.cluster.init(self.producers[number])

    @rule(number=PRODUCERS, partition=st.integers(0, PARTITIONS - 1), count=st.integers(1, 3))
    def write(self, number: int, partition: int, count: int) -> None:
        producer = self.producers[number]
        if producer.producer_id < 0:
            return
        values = [b"%d" % (self.values + index) for index in range(count)]
        self.values += count
        self._note(producer)
        error = self.cluster.write(producer, partition, values)
        assert error in (ErrorCode.NONE, *_EXPECTED_REFUSALS)

    @rule(number=PRODUCERS, commit=st.booleans())
    def end(self, number: int, commit: bool) -> None:
        producer = self.producers[number]
        if producer.producer_id < 0:
            return
        error = self.cluster.end(producer, commit=commit)
        assert error in (ErrorCode.NONE, *_EXPECTED_REFUSALS)

    @rule(seconds=st.sampled_from([1, 30, 60]))
    def pass_time(self, seconds: int) -> None:
        self.cluster.pass_time(seconds)

    @rule()
    def hold_markers(self) -> None:
        self.are_held = True
        self.cluster.cluster.transactions.hold_markers(None)

    @rule()
    def release_markers(self) -> None:
        self.are_held = False
        self.cluster.cluster.transactions.release_markers(None)

    @rule()
    def restart(self) -> None:
        self.are_held = False
        self.cluster.cluster.close()
        self.cluster = TransactionalCluster(self.cluster.fs, self.cluster.clock)

    @invariant()
    def readers_see_all_or_nothing(self) -> None:
        for partition in range(PARTITIONS):
            read = self.cluster.committed(partition)
            assert read == sorted(read, key=int), "not in the order of offsets"
            shown = set(read)
            for transaction in self.transactions:
                written = transaction.values.get(partition, [])
                seen = [value for value in written if value in shown]
                assert seen in ([], written), f"a part of {transaction}: {seen}"
                assert transaction.may_commit or not seen, f"{transaction} was not committed"

    def teardown(self) -> None:
        self.cluster.cluster.transactions.release_markers(None)
        self.cluster.pass_time(TIMEOUT_MS / 1000)
        self.cluster.assert_nothing_is_open()
        self.readers_see_all_or_nothing()
        for transaction in self.transactions:
            for partition, written in transaction.values.items():
                read = set(self.cluster.committed(partition))
                assert not transaction.must_commit or read.issuperset(written), f"{transaction} was acknowledged"
        self.cluster.cluster.close()


TestTransactions = Transactions.TestCase
TestTransactions.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
