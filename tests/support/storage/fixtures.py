"""Types of the fixtures in tests of storage that are functions."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from kafkalite_storage.log.log import AppendInfo, PartitionLog
from kafkalite_storage.storage import Storage

OpenLog: TypeAlias = Callable[..., PartitionLog]
OpenStorage: TypeAlias = Callable[..., Storage]
Restart: TypeAlias = Callable[..., Storage]
BuildBatch: TypeAlias = Callable[..., bytes]
Append: TypeAlias = Callable[..., AppendInfo]
ReadAll: TypeAlias = Callable[[PartitionLog], Sequence[tuple[int, bytes | None]]]
