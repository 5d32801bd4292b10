"""What goes from one storage to the next when a process goes on with a data directory."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kafkalite_storage.files.checkpoints import TopicPartition
from kafkalite_storage.files.handle_cache import FileHandleCache
from kafkalite_storage.log.log import PartitionLog
from kafkalite_storage.metadata.data_directory import DataDirectory
from kafkalite_storage.metadata.metadata_log import MetadataLog
from kafkalite_storage.snapshots.partition_snapshots import Images


@dataclass(frozen=True, slots=True, kw_only=True)
class RetainedLogs:
    """A data directory that is owned and in order, and the logs that stay open because nothing in them changes."""

    directory: DataDirectory
    snapshots: Images
    files: FileHandleCache = field(default_factory=FileHandleCache)
    """What these logs keep open, and all others that will be opened."""
    logs: Mapping[TopicPartition, PartitionLog] = field(default_factory=dict[TopicPartition, PartitionLog])
    metadata: MetadataLog | None = None
