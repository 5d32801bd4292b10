"""A small data directory in which everything has happened, for tests that damage it or look into it."""

from collections.abc import Callable

from kafkalite_storage.files.filesystem import FileSystem
from kafkalite_storage.log.log import AppendOrigin, PartitionLog
from kafkalite_storage.storage import Storage
from kafkalite_wire.messages.coordinator_records import (
    GroupMetadataKey,
    GroupMetadataValue,
    MemberMetadata,
    OffsetCommitKey,
    OffsetCommitValue,
    encode_key,
    encode_value,
)
from kafkalite_wire.messages.transaction_records import (
    PartitionsSchema,
    TransactionLogKey,
    TransactionLogValue,
    TransactionState,
    encode_transaction_key,
    encode_transaction_value,
)
from kafkalite_wire.records import Record, build_batch, build_end_txn_marker, iter_records, read_header
from tests.support.storage.controls import move_leader

NOW = 1_700_000_000_000
DATA = "/data"
DAY = 86_400_000
CODECS = 5
SMALL = {"internal.segment.bytes": "1000", "index.interval.bytes": "150"}
#: Where the first partition of `orders` begins after its records were deleted: inside of a batch.
ORDERS_START = 15


def uuids() -> Callable[[], bytes]:
    """Return a factory of ids that are the same in every run."""
    numbers = iter(range(1, 1000))
    return lambda: (next(numbers) * 0x0123_4567_89AB_CDEF_0123_4567).to_bytes(16, "big")


def fill(fs: FileSystem, path: str = DATA) -> None:
    """Make the directory and close it in order."""
    storage = Storage.open(path, fs=fs, new_uuid=uuids(), now_ms=NOW)
    storage.create_topic("orders", 2, SMALL, now_ms=NOW)
    storage.create_topic("gone", 1, now_ms=NOW)
    storage.create_topic("plain", 1, {"message.timestamp.type": "LogAppendTime"}, now_ms=NOW)
    storage.log("gone", 0)
    storage.delete_topic("gone", now_ms=NOW)
    storage.create_topic("__consumer_offsets", 1, {"cleanup.policy": "compact"}, now_ms=NOW)
    storage.create_topic("__transaction_state", 1, {"cleanup.policy": "compact"}, now_ms=NOW)
    assert storage.allocate_producer_ids(now_ms=NOW).start == 0
    _orders(storage, 0)
    _orders(storage, 1)
    storage.log("orders", 0).delete_records(ORDERS_START)
    _plain(storage)
    _internal(storage)
    storage.checkpoint()
    storage.remove_retired(NOW + DAY)
    storage.close()


def _orders(storage: Storage, partition: int) -> None:
    """Write with all codecs, in transactions and out of them, and go on in the next leader epoch."""
    log = storage.log("orders", partition)
    sequence = 0
    for number in range(18):
        if number == 9:
            move_leader(storage, "orders", partition, 2, now_ms=NOW)
        now = NOW + number * 100
        records = [Record(b"k%d" % i, b"%d/%d " % (number, i) * 6, now + i, (("h", b"x"),)) for i in range(3)]
        log.append(
            build_batch(records, compression=number % CODECS, producer_id=7, producer_epoch=0, base_sequence=sequence),
            now_ms=now,
        )
        sequence += 3
        if number % 4 == 1:
            _transact(log, now, number // 4, commit=number % 8 == 1)


def _transact(log: PartitionLog, now: int, sequence: int, *, commit: bool) -> None:
    log.append(
        build_batch(
            [Record(None, b"in a transaction", now)],
            producer_id=8,
            producer_epoch=1,
            base_sequence=sequence,
            is_transactional=True,
        ),
        now_ms=now,
    )
    marker = build_end_txn_marker(producer_id=8, producer_epoch=1, commit=commit, coordinator_epoch=3, timestamp=now)
    log.append(marker, now_ms=now, origin=AppendOrigin.BROKER)


def _plain(storage: Storage) -> None:
    log = storage.log("plain", 0)
    for number in range(3):
        log.append(build_batch([Record(None, b"\xff\x1b[31m", NOW), Record(b"", None, NOW)]), now_ms=NOW + number)


def group_records() -> list[Record]:
    """Return keys and values as a coordinator keeps them: a commit, a group, and one that is no more."""
    member = MemberMetadata(
        member_id="m-1",
        client_id="c",
        client_host="/127.0.0.1",
        rebalance_timeout=60000,
        session_timeout=45000,
        subscription=b"\x00\x00",
        assignment=b"",
    )
    group = GroupMetadataValue(
        protocol_type="consumer",
        generation=1,
        protocol="range",
        leader="m-1",
        current_state_timestamp=NOW,
        members=(member,),
    )
    commit = OffsetCommitValue(offset=12, leader_epoch=0, metadata="", commit_timestamp=NOW)
    return [
        Record(encode_key(OffsetCommitKey(group="g", topic="orders", partition=0)), encode_value(commit, 4), NOW),
        Record(encode_key(GroupMetadataKey(group="g")), encode_value(group, 3), NOW),
        Record(encode_key(GroupMetadataKey(group="old")), None, NOW),
    ]


def transaction_records() -> list[Record]:
    """Return keys and values as a coordinator keeps them: a transaction that goes on, and a forgotten id."""
    value = TransactionLogValue(
        producer_id=8,
        producer_epoch=1,
        transaction_timeout_ms=60000,
        transaction_status=TransactionState.ONGOING,
        transaction_partitions=(PartitionsSchema(topic="orders", partition_ids=(0, 1)),),
        transaction_last_update_timestamp_ms=NOW,
        transaction_start_timestamp_ms=NOW,
        client_transaction_version=2,
    )
    return [
        Record(encode_transaction_key(TransactionLogKey(transactional_id="tx")), encode_transaction_value(value), NOW),
        Record(encode_transaction_key(TransactionLogKey(transactional_id="old")), None, NOW),
    ]


def _internal(storage: Storage) -> None:
    for name, records in (("__consumer_offsets", group_records()), ("__transaction_state", transaction_records())):
        log = storage.log(name, 0)
        for record in records:
            log.append(build_batch([record]), now_ms=NOW, origin=AppendOrigin.BROKER)


def all_records(storage: Storage) -> dict[tuple[str, int], list[Record]]:
    """Return every record of every partition, by partition."""
    found: dict[tuple[str, int], list[Record]] = {}
    for topic in storage.topics.values():
        for number in range(topic.partitions):
            log = storage.log(topic.name, number)
            records = found[topic.name, number] = []
            offset = log.log_start_offset
            while offset < log.log_end_offset:
                data = log.read(offset, max_bytes=1).read()
                records += [record for record in iter_records(data) if record.offset >= log.log_start_offset]
                offset = read_header(data).next_offset
    return found
