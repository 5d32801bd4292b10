"""The directories of partitions inside a data directory: which topic owns them, and how they are removed."""

from collections import deque
from collections.abc import Callable, Iterator
from logging import getLogger
from typing import Final, Protocol

from kafkalite_storage.files.checkpoints import (
    PARTITION_METADATA,
    decode_partition_metadata,
    encode_partition_metadata,
)
from kafkalite_storage.files.filesystem import FileSystem
from kafkalite_wire.schema import format_uuid

log = getLogger("kafkalite.storage")

DELETED: Final = "-delete"
STRAY: Final = "-stray"
_LONGEST_NAME: Final = 255
#: One damaged character of the base64 text changes no more than two of the sixteen bytes.
_BYTES_OF_A_CHARACTER: Final = 2


def partition_name(topic: str, partition: int) -> str:
    """Name the directory of a partition."""
    return f"{topic}-{partition}"


def size_of_logs(fs: FileSystem, directory: str) -> int:
    """Return the bytes of all records in a partition's directory."""
    return sum(fs.open(f"{directory}/{name}").size() for name in fs.list(directory) if name.endswith(".log"))


class SnapshotsOfPartitions(Protocol):
    """The snapshots that partitions start from, by directory name."""

    def holds(self, name: str) -> bool:
        """Return whether a snapshot has the content of a partition whose log is unopened."""
        ...

    def size(self, name: str) -> int:
        """Return the size of the snapshot's records in bytes."""
        ...

    def place(self, name: str, path: str) -> None:
        """Make the directory of the partition from its snapshot atomically."""
        ...

    def opened(self, name: str, fingerprint: tuple[object, ...]) -> None:
        """Note that a partition was opened unchanged, with the fingerprint of its log."""
        ...

    def forget(self, name: str) -> None:
        """Note that a partition has changed, or is gone."""
        ...


class PartitionDirectories:
    """Finds, claims and removes directories; methods raise OSError."""

    def __init__(
        self, fs: FileSystem, path: str, snapshots: SnapshotsOfPartitions, new_uuid: Callable[[], bytes]
    ) -> None:
        self._fs = fs
        self._path = path
        self._snapshots = snapshots
        self._new_uuid = new_uuid
        self._doomed: deque[tuple[int, str]] = deque()

    def path_of(self, topic: str, partition: int) -> str:
        """Return the directory of a partition."""
        return f"{self._path}/{topic}-{partition}"

    def exists(self, topic: str, partition: int) -> bool:
        """Return whether a partition was ever used: whether it has a directory, or a snapshot to make one from."""
        return self._fs.exists(self.path_of(topic, partition)) or self._snapshots.holds(
            partition_name(topic, partition)
        )

    def size(self, topic: str, partition: int) -> int:
        """Return the bytes of a partition's records."""
        path = self.path_of(topic, partition)
        if self._fs.exists(path):
            return size_of_logs(self._fs, path)
        name = partition_name(topic, partition)
        return self._snapshots.size(name) if self._snapshots.holds(name) else 0

    def claim(self, topic: str, partition: int, topic_id: bytes, was_removed: Callable[[bytes], bool]) -> None:
        """Make the directory of a partition, or check that the existing one belongs to this topic.

        A directory that a deleted topic of the same name left is removed. A directory of any other topic is renamed and
        kept, because it may hold data that is still needed. A damaged id is rewritten.
        """
        path = self.path_of(topic, partition)
        metadata = f"{path}/{PARTITION_METADATA}"
        name = partition_name(topic, partition)
        if self._snapshots.holds(name) and not self._fs.exists(path):
            self._snapshots.place(name, path)
        if self._fs.exists(metadata):
            found = self._topic_id(metadata)
            if found == topic_id:
                return
            if found is not None and was_removed(found):
                self._fs.remove_directory(self._renamed(topic, partition, DELETED))
            elif found is None or _are_almost_the_same(found, topic_id):
                log.warning("%s is damaged: it does not have the id of the topic; it is rewritten", metadata)
            else:
                aside = self._renamed(topic, partition, STRAY)
                log.warning(
                    "%s belongs to a topic with id %s, not %s; it was moved to %s",
                    path,
                    format_uuid(found),
                    format_uuid(topic_id),
                    aside,
                )
        self._fs.make_directory(path)
        self._fs.replace(metadata, encode_partition_metadata(topic_id), sync=False)

    def belongs_to(self, topic: str, partition: int, topic_id: bytes) -> bool:
        """Return whether the directory of a partition has the id of a topic."""
        metadata = f"{self.path_of(topic, partition)}/{PARTITION_METADATA}"
        return self._fs.exists(metadata) and self._topic_id(metadata) == topic_id

    def _topic_id(self, metadata: str) -> bytes | None:
        try:
            return decode_partition_metadata(self._fs.read(metadata))
        except ValueError:
            return None

    def remove(self, topic: str, partition: int, *, due_ms: int) -> None:
        """Take a partition's directory away by renaming it; `remove_due` deletes it when its time has come."""
        if self._fs.exists(self.path_of(topic, partition)):
            self._doomed.append((due_ms, self._renamed(topic, partition, DELETED)))

    def remove_due(self, now_ms: int) -> Iterator[None]:
        """Delete the removed directories that are due, one a step."""
        for due_ms, path in tuple(self._doomed):
            if due_ms <= now_ms:
                if self._fs.exists(path):
                    self._fs.remove_directory(path)
                self._doomed.remove((due_ms, path))
                yield

    def finish_deletions(self, is_known: Callable[[str, int], bool], was_removed: Callable[[bytes], bool]) -> None:
        """Delete the directories of deleted topics that an earlier process has left."""
        for name in self._fs.list(self._path):
            if name.endswith(DELETED) or self._is_left_over(name, is_known, was_removed):
                self._fs.remove_directory(f"{self._path}/{name}")

    def _is_left_over(
        self, name: str, is_known: Callable[[str, int], bool], was_removed: Callable[[bytes], bool]
    ) -> bool:
        topic, _, number = name.rpartition("-")
        if not topic or not number.isdecimal() or is_known(topic, int(number)):
            return False
        metadata = f"{self._path}/{name}/{PARTITION_METADATA}"
        topic_id = self._topic_id(metadata) if self._fs.exists(metadata) else None
        return topic_id is not None and was_removed(topic_id)

    def _renamed(self, topic: str, partition: int, suffix: str) -> str:
        suffix = f"-{partition}.{self._new_uuid().hex()}{suffix}"
        path = f"{self._path}/{topic[: _LONGEST_NAME - len(suffix)]}{suffix}"
        self._fs.rename(self.path_of(topic, partition), path)
        return path


def _are_almost_the_same(found: bytes, expected: bytes) -> bool:
    return sum(a != b for a, b in zip(found, expected, strict=True)) <= _BYTES_OF_A_CHARACTER
