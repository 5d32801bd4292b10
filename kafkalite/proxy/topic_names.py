"""The names of topics by id: newer requests name topics by id only (KIP-516).

The proxy learns them from the Metadata responses that pass. Where a request for an interceptor names a topic that is
not known yet, :mod:`kafkalite.proxy.dispatch` holds the request back, and asks the broker that it is for, on the same
connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kafkalite_wire.apis import Api, ApiKey
from kafkalite_wire.codec import decode
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.headers import read_request_header
from kafkalite_wire.schema import ZERO_UUID

if TYPE_CHECKING:
    from kafkalite_wire.messages.metadata import MetadataRequest

_MOST: Final = 100_000
BY_ID_SINCE: Final = 12
"""The first version of Metadata in which topics may be asked for by id."""

TOPIC_IDS_SINCE: Final = {
    ApiKey.PRODUCE: 13,
    ApiKey.FETCH: 13,
    ApiKey.OFFSET_COMMIT: 10,
    ApiKey.OFFSET_FETCH: 10,
    ApiKey.DELETE_TOPICS: 6,
    ApiKey.TXN_OFFSET_COMMIT: 6,
    ApiKey.SHARE_FETCH: 0,
    ApiKey.SHARE_ACKNOWLEDGE: 0,
    ApiKey.INITIALIZE_SHARE_GROUP_STATE: 0,
    ApiKey.READ_SHARE_GROUP_STATE: 0,
    ApiKey.WRITE_SHARE_GROUP_STATE: 0,
    ApiKey.DELETE_SHARE_GROUP_STATE: 0,
    ApiKey.READ_SHARE_GROUP_STATE_SUMMARY: 0,
}
"""The first version of each API whose requests may name the parts that they are about by topic ids only."""


class TopicNames:
    """Names of topics by id; of too many the ones that were learned first are forgotten."""

    def __init__(self) -> None:
        self._names: dict[bytes, str] = {}
        self._ids: dict[str, bytes] = {}

    def learn(self, metadata: Any) -> None:
        """Note the topics of a Metadata response, and forget those that it says are gone."""
        for topic in metadata.topics:
            if topic.error_code == ErrorCode.UNKNOWN_TOPIC_ID:
                self._forget(topic.topic_id)
            elif topic.topic_id != ZERO_UUID and topic.name is not None:
                before = self._ids.get(topic.name)
                if before is not None and before != topic.topic_id:  # deleted, and created again
                    self._forget(before)
                self._names[topic.topic_id] = topic.name
                self._ids[topic.name] = topic.topic_id
        while len(self._names) > _MOST:
            self._forget(next(iter(self._names)))

    def _forget(self, topic_id: bytes) -> None:
        name = self._names.pop(topic_id, None)
        if name is not None and self._ids.get(name) == topic_id:
            del self._ids[name]

    def name_of(self, key: str | bytes) -> str | None:
        """Return the name of a topic that a request names by name or id, or None if it is not known."""
        return key if isinstance(key, str) else self._names.get(key)

    def by_id(self) -> dict[bytes, str]:
        """Return all that are known."""
        return dict(self._names)

    def unknown_in(self, api: Api, version: int, frame: memoryview) -> list[bytes]:
        """Return the ids in a request whose names are not known, each once. Raises WireError."""
        if version < TOPIC_IDS_SINCE.get(api.key, version + 1):
            return []
        from kafkalite.requests.parts.table import parts_of

        header = read_request_header(frame)
        request = decode(api.request_type, version, frame, header.body, lossless=True)
        named = (part.topic for part in parts_of(api.key, version).parts(request, version))
        return list(
            dict.fromkeys(
                topic for topic in named if isinstance(topic, bytes) and topic != ZERO_UUID and topic not in self._names
            )
        )


def request_of(topic_ids: list[bytes]) -> MetadataRequest:
    """Return a request for topics by their ids, in version ``BY_ID_SINCE``."""
    from kafkalite_wire.messages.metadata import MetadataRequest, MetadataRequestTopic

    topics = tuple(MetadataRequestTopic(topic_id=each, name=None) for each in topic_ids)
    return MetadataRequest(topics=topics, allow_auto_topic_creation=False)
