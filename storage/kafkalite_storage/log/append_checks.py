"""The slow path of an append: everything that has to look at the records of a producer's batch.

Most topics never need it. The reasons are a compacted topic (keys), LogAppendTime, a time limit, or a topic that stores
another codec than the producer's.
"""

from typing import Final

from kafkalite_storage.configs.log_config import LogConfig
from kafkalite_storage.errors import InvalidTimestamp
from kafkalite_wire.records import (
    NO_TIMESTAMP,
    BatchHeader,
    Buffer,
    InvalidRecord,
    Record,
    build_batch,
    iter_records,
    read_header,
    set_create_time,
    set_log_append_time,
)

_SHOWN: Final = 3


def prepare_batch(batch: Buffer, header: BatchHeader, config: LogConfig, now_ms: int) -> tuple[Buffer, BatchHeader]:
    """Check the records of a batch and return it as the topic stores it, with its header.

    Raises InvalidTimestamp or InvalidRecord with the records that are to blame.
    """
    if header.has_log_append_time:
        batch = _with_create_time(batch, header, config)
        header = read_header(batch)
    target = config.target_compression
    converts = target is not None and target != header.compression
    records: list[Record] | None = None
    if config.is_compacted or converts or _may_be_out_of_range(header, config, now_ms):
        records = list(iter_records(batch, max_decompressed=config.max_decompressed_message_bytes))
        _check_keys(records, config)
        _check_timestamps(records, config, now_ms)
    stamp = now_ms if config.uses_log_append_time else None
    if converts and records is not None:
        rebuilt = build_batch(
            records,
            compression=target or 0,
            producer_id=header.producer_id,
            producer_epoch=header.producer_epoch,
            base_sequence=header.base_sequence,
            is_transactional=header.is_transactional,
            log_append_time=stamp,
        )
        return rebuilt, read_header(rebuilt)
    if stamp is None:
        return batch, header
    stamped = bytearray(batch[: header.size])
    set_log_append_time(stamped, 0, stamp)
    return stamped, read_header(stamped)


def _with_create_time(batch: Buffer, header: BatchHeader, config: LogConfig) -> Buffer:
    """Return a batch that claims to carry the broker's time with its records' own timestamps, as Kafka stores it."""
    if config.uses_log_append_time:
        why = "Only the broker sets LogAppendTime"
        raise InvalidTimestamp(why, tuple((index, why) for index in range(header.records_count)))
    changed = bytearray(batch[: header.size])
    set_create_time(changed, 0, header.max_timestamp)
    records = iter_records(changed, max_decompressed=config.max_decompressed_message_bytes)
    set_create_time(changed, 0, max(record.timestamp for record in records))
    return changed


def _may_be_out_of_range(header: BatchHeader, config: LogConfig, now_ms: int) -> bool:
    if config.uses_log_append_time:
        return False
    # The header tells the newest time of the batch but not the oldest, so a limit on age needs the records.
    return (
        header.max_timestamp > now_ms + config.message_timestamp_after_max_ms
        or config.message_timestamp_before_max_ms < now_ms
    )


def _check_keys(records: list[Record], config: LogConfig) -> None:
    if not config.is_compacted:
        return
    errors = tuple(
        (index, "Compacted topic cannot accept message without key")
        for index, record in enumerate(records)
        if record.key is None
    )
    if errors:
        raise InvalidRecord(_summary(errors), errors)


def _check_timestamps(records: list[Record], config: LogConfig, now_ms: int) -> None:
    if config.uses_log_append_time:
        return
    oldest = now_ms - config.message_timestamp_before_max_ms
    newest = now_ms + config.message_timestamp_after_max_ms
    errors = tuple(
        (index, f"Timestamp {record.timestamp} is out of range: it must be within {oldest} and {newest}")
        for index, record in enumerate(records)
        if record.timestamp != NO_TIMESTAMP and not oldest <= record.timestamp <= newest
    )
    if errors:
        raise InvalidTimestamp("One or more records have been rejected due to invalid timestamp", errors)


def _summary(errors: tuple[tuple[int, str], ...]) -> str:
    shown = "; ".join(f"record {index}: {message}" for index, message in errors[:_SHOWN])
    return f"One or more records have been rejected due to {len(errors)} record errors in total: {shown}"
