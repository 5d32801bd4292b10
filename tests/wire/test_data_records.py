"""Data inside records and messages, behind a version or type that is not part of the declaration."""

from pathlib import Path

import pytest

from kafkalite_wire.errors import UnsupportedVersionError, WireError
from kafkalite_wire.messages.consumer_protocol import (
    ConsumerProtocolAssignment,
    ConsumerProtocolSubscription,
    TopicPartition,
    decode_assignment,
    decode_subscription,
    encode_consumer_protocol,
)
from kafkalite_wire.messages.coordinator_records import (
    GROUP_METADATA_VALUE_VERSION,
    OFFSET_COMMIT_VALUE_VERSION,
    GroupMetadataKey,
    GroupMetadataValue,
    LegacyOffsetCommitKey,
    LegacyOffsetCommitValue,
    MemberMetadata,
    OffsetCommitKey,
    OffsetCommitValue,
    decode_key,
    decode_value,
    encode_key,
    encode_value,
)
from kafkalite_wire.messages.metadata_records import (
    EndTransactionRecord,
    PartitionRecord,
    TopicRecord,
    decode_metadata_record,
    encode_metadata_record,
)
from kafkalite_wire.messages.transaction_records import (
    TRANSACTION_LOG_VALUE_VERSION,
    PartitionsSchema,
    TransactionLogKey,
    TransactionLogValue,
    TransactionState,
    decode_transaction_key,
    decode_transaction_value,
    encode_transaction_key,
    encode_transaction_value,
)
from kafkalite_wire.records import iter_records, read_header

KAFKAS_TRANSACTION_STATE = (
    Path(__file__).parents[1] / "storage/golden/kafka-4.4.0/__transaction_state-0/00000000000000000000.log"
)
OFFSET_KEY = OffsetCommitKey(group="g", topic="t", partition=3)
GROUP_KEY = GroupMetadataKey(group="g")


@pytest.mark.parametrize(
    ("key", "wire"),
    [
        (LegacyOffsetCommitKey(group="g", topic="t", partition=3), "0000 0001 67 0001 74 00000003"),
        (OFFSET_KEY, "0001 0001 67 0001 74 00000003"),
        (GROUP_KEY, "0002 0001 67"),
    ],
)
def test_key_of_a_coordinator_record_begins_with_its_type(key: OffsetCommitKey, wire: str) -> None:
    assert encode_key(key) == bytes.fromhex(wire)
    assert decode_key(bytes.fromhex(wire)) == key


@pytest.mark.parametrize(
    ("version", "wire"),
    [
        (0, "0000 0000000000000005 0001 6d 0000000000000009"),
        (1, "0001 0000000000000005 0001 6d 0000000000000009 ffffffffffffffff"),
        (3, "0003 0000000000000005 ffffffff 0001 6d 0000000000000009"),
        (4, "0004 0000000000000005 ffffffff 02 6d 0000000000000009 00"),
    ],
)
def test_value_of_an_offset_begins_with_its_version(version: int, wire: str) -> None:
    value = OffsetCommitValue(offset=5, metadata="m", commit_timestamp=9)
    assert encode_value(value, version) == bytes.fromhex(wire)
    assert decode_value(OFFSET_KEY, bytes.fromhex(wire)) == value


def test_value_of_a_group_holds_its_members() -> None:
    member = MemberMetadata(
        member_id="m",
        client_id="c",
        client_host="/h",
        rebalance_timeout=60000,
        session_timeout=45000,
        subscription=b"\1",
        assignment=b"\2",
    )
    value = GroupMetadataValue(
        protocol_type="consumer",
        generation=1,
        protocol="range",
        leader="m",
        current_state_timestamp=9,
        members=(member,),
    )
    wire = bytes.fromhex(
        "0003 0008 636f6e73756d6572 00000001 0005 72616e6765 0001 6d 0000000000000009 00000001"
        " 0001 6d ffff 0001 63 0002 2f68 0000ea60 0000afc8 00000001 01 00000001 02"
    )
    assert encode_value(value, GROUP_METADATA_VALUE_VERSION) == wire
    assert decode_value(GROUP_KEY, wire) == value


def test_value_is_read_by_the_type_of_its_key() -> None:
    legacy = LegacyOffsetCommitValue(offset=1, metadata="", commit_timestamp=2)
    wire = bytes.fromhex("0000 0000000000000001 0000 0000000000000002")
    assert decode_value(LegacyOffsetCommitKey(group="g", topic="t", partition=0), wire) == legacy


def test_versions_that_are_written_are_those_of_kafka() -> None:
    assert (OFFSET_COMMIT_VALUE_VERSION, GROUP_METADATA_VALUE_VERSION) == (4, 3)


def test_record_types_that_kafka_does_not_have_are_passed_over() -> None:
    # 18 was the partition metadata of streams groups in releases before streams groups were stable.
    assert decode_key(bytes.fromhex("0012 0001 67")) is None
    assert decode_key(bytes.fromhex("0018 0001 67")) is None


@pytest.mark.parametrize("wire", ["", "00"])
def test_key_and_value_without_their_prefix_are_refused(wire: str) -> None:
    with pytest.raises(WireError, match="is missing"):
        decode_key(bytes.fromhex(wire))
    with pytest.raises(WireError, match="is missing"):
        decode_value(OFFSET_KEY, bytes.fromhex(wire))


def test_value_of_an_unknown_version_is_refused() -> None:
    with pytest.raises(UnsupportedVersionError, match="OffsetCommitValue v5"):
        decode_value(OFFSET_KEY, bytes.fromhex("0005 00"))


SUBSCRIPTION = ConsumerProtocolSubscription(
    topics=("t",), owned_partitions=(TopicPartition(topic="t", partitions=(0, 1)),), generation_id=4, rack_id="r"
)
SUBSCRIPTION_V1 = "0001 00000001 0001 74 ffffffff 00000001 0001 74 00000002 00000000 00000001"
SUBSCRIPTION_V3 = SUBSCRIPTION_V1.replace("0001", "0003", 1) + "00000004 0001 72"


def test_subscription_is_written_in_the_newest_version() -> None:
    assert encode_consumer_protocol(SUBSCRIPTION) == bytes.fromhex(SUBSCRIPTION_V3)
    assert decode_subscription(bytes.fromhex(SUBSCRIPTION_V3)) == SUBSCRIPTION


def test_older_subscription_has_defaults_for_what_it_lacks() -> None:
    decoded = decode_subscription(bytes.fromhex(SUBSCRIPTION_V1))
    assert (decoded.owned_partitions, decoded.generation_id, decoded.rack_id) == (
        SUBSCRIPTION.owned_partitions,
        -1,
        None,
    )


def test_newer_subscription_is_read_as_far_as_it_is_known() -> None:
    newer = SUBSCRIPTION_V3.replace("0003", "0009", 1) + "abcdef"
    assert decode_subscription(bytes.fromhex(newer)) == SUBSCRIPTION


def test_assignment() -> None:
    assignment = ConsumerProtocolAssignment(
        assigned_partitions=(TopicPartition(topic="t", partitions=(2,)),), user_data=b"u"
    )
    wire = bytes.fromhex("0003 00000001 0001 74 00000001 00000002 00000001 75")
    assert encode_consumer_protocol(assignment) == wire
    assert decode_assignment(wire) == assignment


@pytest.mark.parametrize("wire", ["", "00", "ffff 00000000 ffffffff", "0000 00000005"])
def test_malformed_assignment_is_refused(wire: str) -> None:
    with pytest.raises(WireError):
        decode_assignment(bytes.fromhex(wire))


def test_metadata_record_begins_with_frame_version_type_and_version() -> None:
    topic = TopicRecord(name="t", topic_id=b"\1" * 16)
    wire = bytes.fromhex("01 02 00 02 74 01010101010101010101010101010101 00")
    assert encode_metadata_record(topic, 0) == wire
    assert decode_metadata_record(wire) == topic
    assert encode_metadata_record(EndTransactionRecord(), 0) == bytes.fromhex("01 18 00 00")


def test_partition_record_has_directories_since_version_1() -> None:
    partition = PartitionRecord(
        partition_id=0,
        topic_id=b"\1" * 16,
        replicas=(1,),
        isr=(1,),
        leader=1,
        leader_epoch=0,
        partition_epoch=0,
        directories=(b"\2" * 16,),
    )
    wire = bytes.fromhex(
        "01 03 01 00000000 01010101010101010101010101010101 02 00000001 02 00000001 01 01 00000001 00000000 00000000"
        " 02 02020202020202020202020202020202 00"
    )
    assert encode_metadata_record(partition, 1) == wire
    assert decode_metadata_record(wire) == partition


def test_metadata_record_of_another_type_is_passed_over() -> None:
    assert decode_metadata_record(bytes.fromhex("01 63 00 aabb")) is None


@pytest.mark.parametrize(
    ("wire", "says"),
    [
        ("", "malformed record type or version"),
        ("01 02", "malformed record type or version"),
        ("00 02 00 00", "frame version 0 is not 1"),
        ("01 18 00 00 00", "1 byte behind the message"),
        ("01 18 01 00", "not in its versions 0"),
        ("01 02 00 05 74", "in name at byte 3"),
    ],
)
def test_malformed_metadata_record_is_refused(wire: str, says: str) -> None:
    with pytest.raises(WireError, match=says):
        decode_metadata_record(bytes.fromhex(wire))


TRANSACTION = TransactionLogValue(
    producer_id=7,
    previous_producer_id=6,
    next_producer_id=8,
    producer_epoch=2,
    next_producer_epoch=0,
    transaction_timeout_ms=60000,
    transaction_status=TransactionState.ONGOING,
    transaction_partitions=(PartitionsSchema(topic="t", partition_ids=(0, 3)),),
    transaction_last_update_timestamp_ms=9,
    transaction_start_timestamp_ms=5,
    client_transaction_version=2,
)


def test_key_of_a_transaction_begins_with_its_type() -> None:
    key = TransactionLogKey(transactional_id="tx")
    assert encode_transaction_key(key) == bytes.fromhex("0000 0002 7478")
    assert decode_transaction_key(bytes.fromhex("0000 0002 7478")) == key
    assert decode_transaction_key(bytes.fromhex("0001 0002 7478")) is None


def test_value_of_a_transaction_has_the_newer_producer_ids_as_tagged_fields() -> None:
    wire = bytes.fromhex(
        "0001 0000000000000007 0002 0000ea60 01 02 02 74 03 00000000 00000003 00 0000000000000009 0000000000000005"
        " 04 00 08 0000000000000006 01 08 0000000000000008 02 02 0002 03 02 0000"
    )
    assert encode_transaction_value(TRANSACTION) == wire
    assert decode_transaction_value(wire) == TRANSACTION


def test_transactions_that_kafka_kept_are_read() -> None:
    log = KAFKAS_TRANSACTION_STATE.read_bytes()
    kept = []
    while log:
        for record in iter_records(log):
            assert record.key is not None
            assert record.value is not None
            key, value = decode_transaction_key(record.key), decode_transaction_value(record.value)
            assert key is not None
            assert encode_transaction_key(key) == record.key
            assert encode_transaction_value(value, TRANSACTION_LOG_VALUE_VERSION) == record.value
            kept.append((key.transactional_id, TransactionState(value.transaction_status).name))
        log = log[read_header(log).size :]
    assert kept == [
        ("tx", state)
        for state in (
            "EMPTY",
            *("ONGOING", "PREPARE_COMMIT", "COMPLETE_COMMIT"),
            *("ONGOING", "PREPARE_ABORT", "COMPLETE_ABORT"),
            *("ONGOING", "PREPARE_COMMIT", "COMPLETE_COMMIT"),
        )
    ]


@pytest.mark.parametrize("wire", ["", "00", "0002 00"])
def test_malformed_value_of_a_transaction_is_refused(wire: str) -> None:
    with pytest.raises(WireError):
        decode_transaction_value(bytes.fromhex(wire))
