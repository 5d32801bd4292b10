"""DeleteTopics (key 20): delete topics (KIP-4).

Versions: 5 error messages (KIP-599), 6 topics by id (KIP-516).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import INT16, INT32, STRING, UUID, ZERO_UUID, array_of, field, message, struct


@struct
class DeleteTopicState:
    """One topic to delete, by its name or its id."""

    name: str | None = field(STRING, "6+", nullable="6+", default=None)
    topic_id: bytes = field(UUID, "6+")


@message(api_key=ApiKey.DELETE_TOPICS)
class DeleteTopicsRequest:
    """The topics to delete."""

    topics: tuple[DeleteTopicState, ...] = field(array_of(DeleteTopicState), "6+", default=())
    topic_names: tuple[str, ...] = field(array_of(STRING), "0-5", default=())
    timeout_ms: int = field(INT32)


@struct
class DeletableTopicResult:
    """The result for one topic."""

    name: str | None = field(STRING, nullable="6+")
    topic_id: bytes = field(UUID, "6+", default=ZERO_UUID)
    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, "5+", nullable="5+", default=None)


@message(api_key=ApiKey.DELETE_TOPICS)
class DeleteTopicsResponse:
    """One result for each topic."""

    throttle_time_ms: int = field(INT32, "1+", default=0)
    responses: tuple[DeletableTopicResult, ...] = field(array_of(DeletableTopicResult))
