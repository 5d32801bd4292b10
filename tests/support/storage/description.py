"""What a data directory holds, as JSON: what one version found there, every later one has to find."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from kafkalite_storage.log.log import PartitionLog
from kafkalite_storage.storage import Storage
from kafkalite_wire.records import check_batch, iter_records, read_header
from kafkalite_wire.schema import format_uuid


def described(storage: Storage) -> dict[str, Any]:
    """Describe topics, configurations and all that readers and producers meet in the logs."""
    return {
        "cluster id": storage.cluster_id,
        "features": dict(sorted(storage.features.items())),
        "next producer id": storage.metadata.catalogue.next_producer_id,
        "topics": {
            name: {
                "id": format_uuid(topic.topic_id),
                "configs": dict(sorted(topic.configs.items())),
                "partitions": [_partition(storage.log(name, number)) for number in range(topic.partitions)],
            }
            for name, topic in sorted(storage.topics.items())
        },
    }


def _partition(log: PartitionLog) -> dict[str, Any]:
    batches = read_all(log)
    times = sorted(
        {record.timestamp for batch in batches if not check_batch(batch).is_control for record in iter_records(batch)}
    )
    newest = log.max_timestamp()
    return {
        "start": log.log_start_offset,
        "end": log.log_end_offset,
        "stable": log.last_stable_offset,
        "batches": len(batches),
        "sha256": hashlib.sha256(b"".join(batches)).hexdigest(),
        "newest": newest and [newest.timestamp, newest.offset],
        "by time": [[time, found and found.offset] for time, found in _looked_up(log.offset_for_timestamp, times)],
        "producers": sorted(
            [each.producer_id, each.epoch, each.batches[-1].last_sequence if each.batches else -1]
            for each in log.producers
        ),
        "aborted": sorted(
            [each.producer_id, each.first_offset, each.last_offset]
            for each in log.aborted_transactions(log.log_start_offset, log.log_end_offset)
        ),
    }


def _looked_up(look_up: Callable[[int], Any], times: list[int]) -> list[tuple[int, Any]]:
    return [(time, look_up(time)) for time in times[:: max(len(times) // 8, 1)]]


def read_all(log: PartitionLog) -> list[bytes]:
    """Return all batches, as consumers are given them."""
    batches: list[bytes] = []
    offset = log.log_start_offset
    while offset < log.log_end_offset:
        batch = log.read(offset, max_bytes=1).read()
        batches.append(batch)
        offset = read_header(batch).next_offset
    return batches
