"""Drives the group coordinator: gives it the time, writes what it wants kept, then sends what it answers.

Committed offsets and group metadata are records of ``__consumer_offsets``, written before any reply leaves and replayed
at start through the same code. If they cannot be written, the coordinator is rebuilt from the log and the clients
concerned are cut off, so that nobody was told what is not so.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from logging import getLogger
from typing import TYPE_CHECKING, Any, Final

from kafkalite.groups.coordinator import GroupCoordinator, partition_for
from kafkalite.groups.effects import Client, Effects
from kafkalite_storage.errors import StorageError
from kafkalite_wire.records import Record, build_batch, iter_records, read_header

if TYPE_CHECKING:
    from collections.abc import Callable

    from kafkalite.config import BrokerConfig
    from kafkalite.deadlines import Deadline, Deadlines
    from kafkalite.handlers.handling import Context, Reply
    from kafkalite_storage.storage import Storage

log = getLogger("kafkalite.groups")

OFFSETS_TOPIC: Final = "__consumer_offsets"
_OFFSETS_TOPIC_CONFIGS: Final = {
    "cleanup.policy": "compact",
    "compression.type": "producer",
    "segment.bytes": "104857600",
}
_REPLAY_BYTES: Final = 1 << 20
