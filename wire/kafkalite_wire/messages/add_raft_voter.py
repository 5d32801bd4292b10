"""AddRaftVoter (key 80): add a controller to the voters of the metadata quorum (KIP-853).

Versions: 1 may be answered before the new voter set is committed.
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import (
    BOOL,
    INT16,
    INT32,
    STRING,
    UINT16,
    UUID,
    array_of,
    field,
    message,
    struct,
)


@struct
class Listener:
    """Where the voter can be reached."""

    name: str = field(STRING)
    host: str = field(STRING)
    port: int = field(UINT16)


@message(api_key=ApiKey.ADD_RAFT_VOTER)
class AddRaftVoterRequest:
    """The voter: its id, the id of its directory, and its listeners."""

    cluster_id: str | None = field(STRING, nullable="0+")
    timeout_ms: int = field(INT32)
    voter_id: int = field(INT32)
    voter_directory_id: bytes = field(UUID)
    listeners: tuple[Listener, ...] = field(array_of(Listener))
    ack_when_committed: bool = field(BOOL, "1+", default=True)


@message(api_key=ApiKey.ADD_RAFT_VOTER)
class AddRaftVoterResponse:
    """Whether it was added."""

    throttle_time_ms: int = field(INT32, default=0)
    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+")
