"""What fetch sessions are about: a consumer names its partitions once, and later only what changed (KIP-227)."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from kafkalite.requests.interceptors import Interceptor, Stage
from kafkalite_wire.apis import ApiKey

if TYPE_CHECKING:
    from kafkalite.requests.context import RequestContext
    from kafkalite.requests.interceptors import Forward
    from kafkalite.requests.response_handle import ResponseHandle
    from kafkalite_wire.apis import Api
    from kafkalite_wire.messages.fetch import FetchRequest, FetchTopic

_BY_TOPIC_ID: Final = 13
_INITIAL_EPOCH: Final = 0
_MOST: Final = 1000

_Session = dict[tuple[str | bytes, int], tuple["FetchTopic", Any]]


class FetchedPartitions(Interceptor):
    """The partitions of each fetch session, from its requests and responses; the least recently used are dropped."""

    stage = Stage.OBSERVERS

    def __init__(self) -> None:
        self._sessions: OrderedDict[int, _Session] = OrderedDict()

    def wants(self, api: Api, version: int) -> bool:
        """Return whether it is Fetch."""
        del version
        return api.key is ApiKey.FETCH

    def intercept(
        self, request: FetchRequest, context: RequestContext, response: ResponseHandle[Any], forward: Forward
    ) -> None:
        """Note the partitions that a request names; the response has the id of a new session."""
        if request.session_epoch <= _INITIAL_EPOCH:
            self._sessions.pop(request.session_id, None)
            if request.session_epoch == _INITIAL_EPOCH:
                response.observe(_Opening(self, _named(request, context)))
        elif (session := self._sessions.get(request.session_id)) is not None:
            self._sessions.move_to_end(request.session_id)
            session.update(_named(request, context))
            by_id = context.api_version >= _BY_TOPIC_ID
            for forgotten in request.forgotten_topics_data:
                for index in forgotten.partitions:
                    session.pop((forgotten.topic_id if by_id else forgotten.topic, index), None)
        forward()

    def opened(self, session_id: int, partitions: _Session) -> None:
        """Add a session."""
        self._sessions[session_id] = partitions
        if len(self._sessions) > _MOST:
            self._sessions.popitem(last=False)

    def in_full(self, request: Any, context: RequestContext) -> Any:
        """Return a request that names all that it is about; those of other APIs do so anyway."""
        if context.api.key is not ApiKey.FETCH or request.session_epoch <= _INITIAL_EPOCH:
            return request
        topics: dict[str | bytes, tuple[FetchTopic, list[Any]]] = {}
        for (key, _), (topic, partition) in self._sessions.get(request.session_id, {}).items():
            topics.setdefault(key, (topic, []))[1].append(partition)
        return replace(
            request, topics=tuple(replace(topic, partitions=tuple(named)) for topic, named in topics.values())
        )


class _Opening:
    """Observes the response that has the id of a new session."""

    def __init__(self, fetched: FetchedPartitions, partitions: _Session) -> None:
        self._fetched = fetched
        self._partitions = partitions

    def sent(self, response: Any) -> None:
        if response is not None and response.session_id:
            self._fetched.opened(response.session_id, self._partitions)

    def failed(self, reason: str) -> None:
        pass

    def disconnected(self) -> None:
        pass


def _named(request: FetchRequest, context: RequestContext) -> _Session:
    by_id = context.api_version >= _BY_TOPIC_ID
    return {
        (topic.topic_id if by_id else topic.topic, partition.partition): (topic, partition)
        for topic in request.topics
        for partition in topic.partitions
    }
