# ruff: noqa: N818 - the names are those of Kafka's error codes
"""The errors of storage, each with its Kafka error code.

Damaged batches are `kafkalite_wire.records.CorruptBatch` and carry a code too.
"""

from collections.abc import Generator
from contextlib import contextmanager

from kafkalite_wire.error_codes import ErrorCode


class StorageError(Exception):
    """Base of all errors of this package; `code` is a Kafka error code."""

    code: ErrorCode = ErrorCode.UNKNOWN_SERVER_ERROR


class OffsetOutOfRange(StorageError):
    """A read outside of the log."""

    code = ErrorCode.OFFSET_OUT_OF_RANGE

    def __init__(self, offset: int, log_start_offset: int, log_end_offset: int) -> None:
        super().__init__(f"offset {offset} is outside of {log_start_offset} to {log_end_offset}")
        self.offset = offset
        self.log_start_offset = log_start_offset
        self.log_end_offset = log_end_offset


class DamagedLog(StorageError):
    """Stored records are damaged; the message names the file and the byte."""

    code = ErrorCode.CORRUPT_MESSAGE


class UnknownTopicOrPartition(StorageError):
    """A topic or partition that does not exist."""

    code = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


class MessageTooLarge(StorageError):
    """A batch larger than `max.message.bytes`."""

    code = ErrorCode.MESSAGE_TOO_LARGE


class InvalidTopic(StorageError):
    """A topic name that breaks Kafka's rules."""

    code = ErrorCode.INVALID_TOPIC_EXCEPTION


class RecordListTooLarge(StorageError):
    """A batch that does not fit into a segment (`segment.bytes`)."""

    code = ErrorCode.RECORD_LIST_TOO_LARGE


class InvalidTimestamp(StorageError):
    """Records too far from the broker's time; `record_errors` holds (index in the batch, message)."""

    code = ErrorCode.INVALID_TIMESTAMP

    def __init__(self, message: str, record_errors: tuple[tuple[int, str], ...] = ()) -> None:
        super().__init__(message)
        self.record_errors = record_errors


class TopicAlreadyExists(StorageError):
    """A topic name that is taken."""

    code = ErrorCode.TOPIC_ALREADY_EXISTS


class InvalidPartitions(StorageError):
    """A partition count below 1, or not above the present one."""

    code = ErrorCode.INVALID_PARTITIONS


class InvalidConfig(StorageError):
    """A configuration that does not exist or a value that it does not allow."""

    code = ErrorCode.INVALID_CONFIG


class PolicyViolation(StorageError):
    """An operation that the configuration of the topic does not allow."""

    code = ErrorCode.POLICY_VIOLATION


class OutOfOrderSequence(StorageError):
    """A gap in the sequence numbers of an idempotent producer."""

    code = ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER


class InvalidProducerEpoch(StorageError):
    """A producer that was fenced by a newer epoch."""

    code = ErrorCode.INVALID_PRODUCER_EPOCH


class InvalidTxnState(StorageError):
    """A write outside of the producer's open transaction."""

    code = ErrorCode.INVALID_TXN_STATE


class TransactionCoordinatorFenced(StorageError):
    """A transaction marker from a coordinator that has been replaced."""

    code = ErrorCode.TRANSACTION_COORDINATOR_FENCED


class StorageFailure(StorageError):
    """The file system failed; the cause is the OSError. Nothing was appended."""

    code = ErrorCode.KAFKA_STORAGE_ERROR


class DataDirectoryInUse(StorageError):
    """Another process owns the data directory."""


class DataDirectoryCorrupt(StorageError):
    """A file of the data directory that cannot be understood and that no recovery can rebuild."""


class UnsupportedFormat(StorageError):
    """A data directory that a newer version wrote; it is left as it is."""


@contextmanager
def storage_failures(path: str) -> Generator[None]:
    """Raise StorageFailure for an OSError in the block. Not for hot paths."""
    try:
        yield
    except OSError as error:
        raise StorageFailure(f"{path}: {error}") from error
