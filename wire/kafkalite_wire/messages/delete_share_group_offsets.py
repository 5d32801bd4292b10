"""DeleteShareGroupOffsets (key 92): forget the offsets of a share group, topic by topic (KIP-932)."""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import (
    INT16,
    INT32,
    STRING,
    UUID,
    array_of,
    field,
    message,
    struct,
)


@struct
class DeleteShareGroupOffsetsRequestTopic:
    """A topic."""

    topic_name: str = field(STRING)


@message(api_key=ApiKey.DELETE_SHARE_GROUP_OFFSETS)
class DeleteShareGroupOffsetsRequest:
    """The topics of one group."""

    group_id: str = field(STRING)
    topics: tuple[DeleteShareGroupOffsetsRequestTopic, ...] = field(array_of(DeleteShareGroupOffsetsRequestTopic))


@struct
class DeleteShareGroupOffsetsResponseTopic:
    """The result for one topic."""

    topic_name: str = field(STRING)
    topic_id: bytes = field(UUID)
    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+", default=None)


@message(api_key=ApiKey.DELETE_SHARE_GROUP_OFFSETS)
class DeleteShareGroupOffsetsResponse:
    """The results."""

    throttle_time_ms: int = field(INT32, default=0)
    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+", default=None)
    responses: tuple[DeleteShareGroupOffsetsResponseTopic, ...] = field(array_of(DeleteShareGroupOffsetsResponseTopic))
