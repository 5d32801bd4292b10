"""What tests do to a storage that no broker does: kill it, and move leaders."""

from kafkalite_storage.storage import Storage
from kafkalite_wire.messages.metadata_records import PartitionChangeRecord


def kill_storage(storage: Storage) -> None:
    """Release everything, as the end of a killed process does."""
    storage._partitions.let_go({})
    storage._metadata.close(clean=False)
    storage._directory.release()


def move_leader(storage: Storage, name: str, partition: int, leader: int, *, now_ms: int) -> None:
    """Write that another broker leads a partition, under the next leader epoch."""
    change = PartitionChangeRecord(partition_id=partition, topic_id=storage.topics[name].topic_id, leader=leader)
    storage.metadata.append([change], now_ms)
    log = storage.open_logs.get((name, partition))
    if log is not None:
        log.start_epoch(storage.topics[name].assignment[partition].leader_epoch)
