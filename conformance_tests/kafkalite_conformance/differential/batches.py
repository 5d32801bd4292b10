"""Record batches for conversations: the same bytes to both brokers."""

import struct

from kafkalite_wire.batch import crc32c
from kafkalite_wire.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from kafkalite_wire.records import Header, Record, build_batch

_CHECKSUM_AT = 17
_CHECKED_FROM = 21


def batch(
    *values: bytes | None,
    timestamp: int,
    key: bytes | None = None,
    headers: tuple[Header, ...] = (),
    producer_id: int = -1,
    producer_epoch: int = -1,
    base_sequence: int = -1,
    is_transactional: bool = False,
    is_control: bool = False,
    compression: int = 0,
) -> bytes:
    """Return one batch with a record for each value, all of one time."""
    records = [
        Record(offset=index, timestamp=timestamp, key=key, value=value, headers=headers)
        for index, value in enumerate(values)
    ]
    return build_batch(
        records,
        producer_id=producer_id,
        producer_epoch=producer_epoch,
        base_sequence=base_sequence,
        is_transactional=is_transactional,
        is_control=is_control,
        compression=compression,
    )


def altered(data: bytes, at: int, form: str, value: int, *, checksum: bool = True) -> bytes:
    """Return a batch with one number replaced, and with a correct checksum unless a wrong one is requested."""
    changed = bytearray(data)
    struct.pack_into(form, changed, at, value)
    if checksum:
        struct.pack_into(">I", changed, _CHECKSUM_AT, crc32c(bytes(changed[_CHECKED_FROM:])))
    return bytes(changed)


def produce(
    topic: str,
    records: bytes | None,
    *,
    partition: int = 0,
    acks: int = -1,
    topic_id: bytes = bytes(16),
    transactional_id: str | None = None,
) -> ProduceRequest:
    """Return a Produce request for one partition."""
    data = (PartitionProduceData(index=partition, records=records),)
    return ProduceRequest(
        transactional_id=transactional_id,
        acks=acks,
        timeout_ms=5000,
        topic_data=(TopicProduceData(name=topic, topic_id=topic_id, partition_data=data),),
    )
