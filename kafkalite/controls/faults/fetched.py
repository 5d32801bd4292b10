"""What fetch sessions are about: a consumer names its partitions once, and later only what changed (KIP-227)."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from kafkalite_wire.apis import ApiKey

if TYPE_CHECKING:
    from kafkalite.controls.engine import Call
    from kafkalite_wire.messages.fetch import FetchRequest, FetchTopic

_BY_TOPIC_ID: Final = 13
_INITIAL_EPOCH: Final = 0
_MOST: Final = 1000

_Session = dict[tuple[str | bytes, int], tuple["FetchTopic", Any]]


class FetchedPartitions:
    """The partitions of each session, told from requests and replies on their way; the least used are forgotten."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[int, _Session] = OrderedDict()

    def observe(self, call: Call) -> _Opening | None:
        """Look at a request on its way; one that opens a session is told its number in the reply."""
        if call.api.key is not ApiKey.FETCH:
            return None
        request: FetchRequest = call.request
        if request.session_epoch <= _INITIAL_EPOCH:
            self._sessions.pop(request.session_id, None)
            return _Opening(self, _named(call)) if request.session_epoch == _INITIAL_EPOCH else None
        session = self._sessions.get(request.session_id)
        if session is not None:
            self._sessions.move_to_end(request.session_id)
            session.update(_named(call))
            by_id = call.api_version >= _BY_TOPIC_ID
            for forgotten in request.forgotten_topics_data:
                for index in forgotten.partitions:
                    session.pop((forgotten.topic_id if by_id else forgotten.topic, index), None)
        return None

    def opened(self, session_id: int, partitions: _Session) -> None:
        """Take note of a new session."""
        self._sessions[session_id] = partitions
        if len(self._sessions) > _MOST:
            self._sessions.popitem(last=False)

    def in_full(self, call: Call) -> Any:
        """Give a request that names all that it is about; of other APIs they do so anyway."""
        request = call.request
        if call.api.key is not ApiKey.FETCH or request.session_epoch <= _INITIAL_EPOCH:
            return request
        topics: dict[str | bytes, tuple[FetchTopic, list[Any]]] = {}
        for (key, _), (topic, partition) in self._sessions.get(request.session_id, {}).items():
            topics.setdefault(key, (topic, []))[1].append(partition)
        return replace(
            request, topics=tuple(replace(topic, partitions=tuple(named)) for topic, named in topics.values())
        )


class _Opening:
    """The reply that tells the number of a new session."""

    def __init__(self, fetched: FetchedPartitions, partitions: _Session) -> None:
        self._fetched = fetched
        self._partitions = partitions

    def sent(self, response: Any) -> None:
        if response is not None and response.session_id:
            self._fetched.opened(response.session_id, self._partitions)

    def failed(self, reason: str) -> None:
        pass


def _named(call: Call) -> _Session:
    by_id = call.api_version >= _BY_TOPIC_ID
    return {
        (topic.topic_id if by_id else topic.topic, partition.partition): (topic, partition)
        for topic in call.request.topics
        for partition in topic.partitions
    }
