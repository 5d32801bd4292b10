"""The files directly in a data directory: its owner, its identity, and how far each partition is on disk."""

from collections.abc import Callable, Mapping
from logging import getLogger
from typing import Final

from kafkalite_storage.errors import DataDirectoryCorrupt, DataDirectoryInUse, UnsupportedFormat
from kafkalite_storage.files.checkpoints import (
    CLEAN_SHUTDOWN,
    CLEANER_OFFSETS,
    LOCK,
    LOG_START_OFFSETS,
    META_PROPERTIES,
    RECOVERY_POINTS,
    TopicPartition,
    UnknownVersion,
    decode_offsets,
    decode_properties,
    encode_clean_shutdown,
    encode_offsets,
    encode_properties,
)
from kafkalite_storage.files.filesystem import FileSystem
from kafkalite_wire.schema import format_uuid

log = getLogger("kafkalite.storage")

_VERSION: Final = "1"
#: Version 0 was written with ZooKeeper, and has the same properties.
_READ_VERSIONS: Final = ("0", _VERSION)


class DataDirectory:
    """A data directory that this process owns until `release`."""

    def __init__(self, fs: FileSystem, path: str) -> None:
        self._fs = fs
        self.path = path
        _make_durably(fs, path)
        lock = fs.lock(f"{path}/{LOCK}")
        if lock is None:
            raise DataDirectoryInUse(f"the data directory {path} is in use by another broker")
        self._lock = lock

    def release(self) -> None:
        """Unlock the directory."""
        self._lock.release()

    def identify(self, cluster_id: str | None, node_id: int, new_uuid: Callable[[], bytes]) -> str:
        """Read the identity of the directory, or write it to a new one; return the cluster id.

        Raises DataDirectoryCorrupt when it belongs to another node or cluster, UnsupportedFormat for a newer version.
        """
        path = f"{self.path}/{META_PROPERTIES}"
        if self._fs.exists(path):
            try:
                properties = decode_properties(self._fs.read(path))
            except ValueError as error:
                raise DataDirectoryCorrupt(
                    f"{path} is damaged: {error}; if it was edited on purpose, remove its line with the checksum"
                ) from error
            if properties.get("version", _VERSION) not in _READ_VERSIONS:
                raise UnsupportedFormat(
                    f"{path} has version {properties['version']}, and known here is {_VERSION}: a newer release wrote "
                    "the directory, which is left as it is"
                )
            known = properties.get("cluster.id", "")
            if not known:
                raise DataDirectoryCorrupt(f"{path} has no cluster.id")
            if cluster_id is not None and cluster_id != known:
                raise DataDirectoryCorrupt(f"{self.path} belongs to cluster {known}, not {cluster_id}")
            if properties.get("node.id", str(node_id)) != str(node_id):
                raise DataDirectoryCorrupt(f"{self.path} belongs to node {properties['node.id']}, not {node_id}")
            return known
        made = format_uuid(new_uuid()) if cluster_id is None else cluster_id
        properties = {
            "node.id": str(node_id),
            "directory.id": format_uuid(new_uuid()),
            "version": _VERSION,
            "cluster.id": made,
        }
        self._fs.replace(path, encode_properties(properties))
        return made

    @property
    def directory_id(self) -> str:
        """The directory's own id, as base64."""
        return decode_properties(self._fs.read(f"{self.path}/{META_PROPERTIES}")).get("directory.id", "")

    @property
    def has_clean_marker(self) -> bool:
        """Whether the last owner closed in order, and the directory has not been used since."""
        return self._fs.exists(f"{self.path}/{CLEAN_SHUTDOWN}")

    def forget_clean_marker(self, *, sync: bool = True) -> None:
        """Remove the clean-shutdown marker, with sync also for the case of a power cut."""
        if self.has_clean_marker:
            self._fs.remove(f"{self.path}/{CLEAN_SHUTDOWN}")
            if sync:
                self._fs.sync_directory(self.path)

    def leave_clean_marker(self) -> None:
        """Write the clean-shutdown marker."""
        self._fs.replace(f"{self.path}/{CLEAN_SHUTDOWN}", encode_clean_shutdown(-1))

    def recovery_points(self) -> dict[TopicPartition, int]:
        """Read up to which offset each partition is on disk; a damaged file means that nothing is known.

        Raises UnsupportedFormat, as the other two do.
        """
        return self._offsets(RECOVERY_POINTS)

    def log_start_offsets(self) -> dict[TopicPartition, int]:
        """Read where partitions begin that do not begin at their first segment."""
        return self._offsets(LOG_START_OFFSETS)

    def clean_offsets(self) -> dict[TopicPartition, int]:
        """Read up to which offset each partition has been compacted; those that never were are left out."""
        return self._offsets(CLEANER_OFFSETS)

    def checkpoint(
        self, recovery_points: Mapping[TopicPartition, int], log_start_offsets: Mapping[TopicPartition, int]
    ) -> None:
        """Replace both checkpoints."""
        self._fs.replace(f"{self.path}/{RECOVERY_POINTS}", encode_offsets(recovery_points))
        self._fs.replace(f"{self.path}/{LOG_START_OFFSETS}", encode_offsets(log_start_offsets))

    def _offsets(self, name: str) -> dict[TopicPartition, int]:
        path = f"{self.path}/{name}"
        if not self._fs.exists(path):
            return {}
        try:
            return decode_offsets(self._fs.read(path))
        except UnknownVersion as error:
            raise UnsupportedFormat(f"{path}: {error}: a newer release wrote it, and it is left as it is") from None
        except ValueError as error:
            log.warning("%s is damaged (%s); the logs are checked instead", path, error)
            return {}


def _make_durably(fs: FileSystem, path: str) -> None:
    """Make a directory and sync its parents, so that files synced in it survive a power cut."""
    missing: list[str] = []
    while path and not fs.exists(path):
        missing.append(path)
        path = path.rpartition("/")[0]
    for directory in reversed(missing):
        fs.make_directory(directory)
        fs.sync_directory(directory.rpartition("/")[0] or ("/" if directory.startswith("/") else "."))
