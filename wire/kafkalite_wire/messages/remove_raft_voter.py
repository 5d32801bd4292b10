"""RemoveRaftVoter (key 81): remove a controller from the voters of the metadata quorum (KIP-853)."""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import (
    INT16,
    INT32,
    STRING,
    UUID,
    field,
    message,
)


@message(api_key=ApiKey.REMOVE_RAFT_VOTER)
class RemoveRaftVoterRequest:
    """The voter, by its id and the id of its directory."""

    cluster_id: str | None = field(STRING, nullable="0+")
    voter_id: int = field(INT32)
    voter_directory_id: bytes = field(UUID)


@message(api_key=ApiKey.REMOVE_RAFT_VOTER)
class RemoveRaftVoterResponse:
    """Whether it was removed."""

    throttle_time_ms: int = field(INT32, default=0)
    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+")
