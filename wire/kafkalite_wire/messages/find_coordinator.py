"""FindCoordinator (key 10): the broker that coordinates a group, a transaction or a share partition.

Versions: 1 transactions (KIP-98), 4 several keys (KIP-699), 6 share groups (KIP-932).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import INT8, INT16, INT32, STRING, array_of, field, message, struct


@message(api_key=ApiKey.FIND_COORDINATOR)
class FindCoordinatorRequest:
    """The keys to find coordinators of; key type 0 is a group, 1 a transaction, 2 a share partition."""

    key: str = field(STRING, "0-3", default="")
    key_type: int = field(INT8, "1+", default=0)
    coordinator_keys: tuple[str, ...] = field(array_of(STRING), "4+", default=())


@struct
class Coordinator:
    """The coordinator of one key."""

    key: str = field(STRING, "4+")
    node_id: int = field(INT32, "4+")
    host: str = field(STRING, "4+")
    port: int = field(INT32, "4+")
    error_code: int = field(INT16, "4+", default=0)
    error_message: str | None = field(STRING, "4+", nullable="4+")


@message(api_key=ApiKey.FIND_COORDINATOR)
class FindCoordinatorResponse:
    """One coordinator (versions 0 to 3) or one for each key."""

    throttle_time_ms: int = field(INT32, "1+", default=0)
    error_code: int = field(INT16, "0-3", default=0)
    error_message: str | None = field(STRING, "1-3", nullable="1-3", default="")
    node_id: int = field(INT32, "0-3", default=0)
    host: str = field(STRING, "0-3", default="")
    port: int = field(INT32, "0-3", default=0)
    coordinators: tuple[Coordinator, ...] = field(array_of(Coordinator), "4+", default=())
