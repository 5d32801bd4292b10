# ruff: noqa: N818 - the names are those of Kafka's error codes
"""What storage refuses, each with the Kafka error code that a handler answers with.

Damaged batches are `kafkalite_wire.records.CorruptBatch` and carry a code too.
"""

from collections.abc import Generator
from contextlib import contextmanager


class StorageError(Exception):
    """Base of all errors of this package; `code` is a Kafka error code."""

    code: int = -1  # UNKNOWN_SERVER_ERROR


class OffsetOutOfRange(StorageError):
    """A read outside of what the log holds."""

    code = 1

    def __init__(self, offset: int, log_start_offset: int, log_end_offset: int) -> None:
        super().__init__(f"offset {offset} is outside of {log_start_offset} to {log_end_offset}")
        self.offset = offset
        self.log_start_offset = log_start_offset
        self.log_end_offset = log_end_offset


class DamagedLog(StorageError):
    """Stored records that are not what was written; the message names the file and the byte."""

    code = 2  # CORRUPT_MESSAGE


class UnknownTopicOrPartition(StorageError):
    """A topic or partition that does not exist."""

    code = 3


class MessageTooLarge(StorageError):
    """A batch larger than `max.message.bytes`."""

    code = 10


class InvalidTopic(StorageError):
    """A topic name that breaks Kafka's rules."""

    code = 17


class RecordListTooLarge(StorageError):
    """A batch that does not fit into a segment (`segment.bytes`)."""

    code = 18


class InvalidTimestamp(StorageError):
    """Records too far from the broker's time; `record_errors` holds (index in the batch, message)."""

    code = 32

    def __init__(self, message: str, record_errors: tuple[tuple[int, str], ...] = ()) -> None:
        super().__init__(message)
        self.record_errors = record_errors


class TopicAlreadyExists(StorageError):
    """A topic name that is taken."""

    code = 36


class InvalidPartitions(StorageError):
    """A partition count below 1, or not above the present one."""

    code = 37


class InvalidConfig(StorageError):
    """A configuration that does not exist or a value that it does not allow."""

    code = 40


class PolicyViolation(StorageError):
    """Something that the configuration of a topic rules out."""

    code = 44


class OutOfOrderSequence(StorageError):
    """A gap in the sequence numbers of an idempotent producer."""

    code = 45


class InvalidProducerEpoch(StorageError):
    """A producer that was fenced by a newer epoch."""

    code = 47


class InvalidTxnState(StorageError):
    """A write outside of the producer's open transaction."""

    code = 48


class TransactionCoordinatorFenced(StorageError):
    """A transaction marker from a coordinator that has been replaced."""

    code = 52


class StorageFailure(StorageError):
    """The file system failed; the cause is the OSError. Nothing was appended."""

    code = 56  # KAFKA_STORAGE_ERROR


class UnknownTopicId(StorageError):
    """A topic id that no topic has."""

    code = 100


class DataDirectoryInUse(StorageError):
    """Another process owns the data directory."""


class DataDirectoryCorrupt(StorageError):
    """A file of the data directory that cannot be understood and that no recovery can rebuild."""


class UnsupportedFormat(StorageError):
    """A data directory that a newer version wrote; it is left as it is."""


@contextmanager
def storage_failures(path: str) -> Generator[None]:
    """Turn errors of the file system into StorageFailure; not for hot paths."""
    try:
        yield
    except OSError as error:
        raise StorageFailure(f"{path}: {error}") from error
