"""The requests of groups and transactional ids where there are several brokers: each coordinates its own.

The coordinator of a group is the leader of its partition of ``__consumer_offsets``, that of a transactional id the
leader of its partition of ``__transaction_state``, that of a share partition the leader of its partition of
``__share_group_state``. What is asked of another broker is answered NOT_COORDINATOR, and
what lists groups or transactions lists a broker's own. The state of all of them is shared: this is all that makes the
brokers different coordinators.

A coordinator whose partition has too few replicas in sync answers COORDINATOR_NOT_AVAILABLE to what it would have to
write. Kafka finds that out when it appends, and takes its change back; here such requests are refused before.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from types import GeneratorType
from typing import TYPE_CHECKING, Any, Final, cast

from kafkalite.cluster.internal_topics import OFFSETS_TOPIC, SHARE_STATE_TOPIC, TRANSACTION_TOPIC
from kafkalite.requests.parts.table import part_names, parts_of
from kafkalite_wire.apis import ApiKey
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.schema import format_uuid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.handlers.table import Handler
    from kafkalite.requests.context import RequestContext
    from kafkalite.requests.parts.message_parts import MessageParts, Part
    from kafkalite.requests.steps import Steps
    from kafkalite_wire.apis import Api

_SEVERAL_TRANSACTIONS: Final = 4
_MEMBER_IDS: Final = 4
_OF_ONE_GROUP: Final = frozenset((
    ApiKey.JOIN_GROUP, ApiKey.SYNC_GROUP, ApiKey.HEARTBEAT, ApiKey.LEAVE_GROUP, ApiKey.OFFSET_COMMIT,
    ApiKey.TXN_OFFSET_COMMIT, ApiKey.OFFSET_DELETE, ApiKey.CONSUMER_GROUP_HEARTBEAT,
    ApiKey.SHARE_GROUP_HEARTBEAT, ApiKey.ALTER_SHARE_GROUP_OFFSETS, ApiKey.DELETE_SHARE_GROUP_OFFSETS,
    ApiKey.STREAMS_GROUP_HEARTBEAT,
))  # fmt: skip
_NOT_COORDINATED: Final = frozenset((
    ApiKey.FIND_COORDINATOR, ApiKey.ADD_OFFSETS_TO_TXN, ApiKey.SHARE_FETCH, ApiKey.SHARE_ACKNOWLEDGE,
))  # fmt: skip
"""Requests that name groups and are not for their coordinator."""

_OF_SHARE_STATES: Final = frozenset((
    ApiKey.INITIALIZE_SHARE_GROUP_STATE, ApiKey.READ_SHARE_GROUP_STATE, ApiKey.WRITE_SHARE_GROUP_STATE,
    ApiKey.DELETE_SHARE_GROUP_STATE, ApiKey.READ_SHARE_GROUP_STATE_SUMMARY,
))  # fmt: skip

_WRITE: Final = frozenset((
    ApiKey.OFFSET_COMMIT, ApiKey.TXN_OFFSET_COMMIT, ApiKey.OFFSET_DELETE, ApiKey.DELETE_GROUPS,
    ApiKey.INIT_PRODUCER_ID, ApiKey.END_TXN,
    ApiKey.INITIALIZE_SHARE_GROUP_STATE, ApiKey.WRITE_SHARE_GROUP_STATE, ApiKey.DELETE_SHARE_GROUP_STATE,
))  # fmt: skip
"""Requests that a coordinator answers with a write; what adds to a transaction is refused where it is added."""


def checked(api: Api, handler: Handler) -> Handler:
    """Return a handler that serves only what its broker coordinates, where the API is about that."""
    match api.key:
        case ApiKey.LIST_GROUPS:
            return partial(_list_groups, handler)
        case ApiKey.LIST_TRANSACTIONS:
            return partial(_list_transactions, handler)
        case ApiKey.INIT_PRODUCER_ID | ApiKey.ADD_OFFSETS_TO_TXN | ApiKey.END_TXN:
            return partial(_of_transaction, handler, lambda request, _: (request.transactional_id,))
        case ApiKey.ADD_PARTITIONS_TO_TXN:
            return partial(_of_transaction, handler, _added_to)
        case ApiKey.DESCRIBE_TRANSACTIONS:
            return partial(_of_several, handler, TRANSACTION_TOPIC, lambda part: cast("str | None", part.other))
        case key if key in _OF_ONE_GROUP:
            return partial(_of_group, handler)
        case key if key in _OF_SHARE_STATES:
            return partial(_of_several, handler, SHARE_STATE_TOPIC, _share_key)
        case key if key not in _NOT_COORDINATED and "group" in part_names(key):
            return partial(_of_several, handler, OFFSETS_TOPIC, lambda part: part.group)
        case _:
            return handler


def _partition_of(broker: BrokerEndpoint, topic: str, key: str) -> int:
    cluster = broker.cluster
    match topic:
        case "__share_group_state":
            return cluster.share_states.partition_of(key)
        case "__transaction_state":
            return cluster.transactions.partition_of(key)
        case _:
            return cluster.groups.partition_of(key)


def _share_key(part: Part) -> str | None:
    """Return the key of a share partition; None of a request that lacks what a key is made of."""
    if not part.group or part.partition is None or not isinstance(part.topic, bytes):
        return None
    return f"{part.group}:{format_uuid(part.topic)}:{part.partition}"


def _coordinates(broker: BrokerEndpoint, topic: str, key: str) -> bool:
    """Return whether a broker coordinates a group or a transactional id."""
    cluster = broker.cluster
    return (
        topic in cluster.storage.topics
        and cluster.coordinator_of(topic, _partition_of(broker, topic, key)) == broker.id
    )


def _refusal(
    broker: BrokerEndpoint, topic: str, key: str | None, request: object, context: RequestContext
) -> ErrorCode:
    """Return why a broker does not serve a request about a group or a transactional id, or NONE."""
    if not key:
        return ErrorCode.NONE  # the handler refuses it
    if not _coordinates(broker, topic, key):
        return ErrorCode.NOT_COORDINATOR
    accepts_writes = broker.cluster.leadership.accepts_writes(topic, _partition_of(broker, topic, key))
    if not accepts_writes and _writes(broker, request, context):
        return ErrorCode.COORDINATOR_NOT_AVAILABLE
    return ErrorCode.NONE


def _writes(broker: BrokerEndpoint, request: Any, context: RequestContext) -> bool:
    match context.api.key:
        case ApiKey.SYNC_GROUP:
            return bool(request.assignments)  # the leader's
        case ApiKey.JOIN_GROUP if context.api_version >= _MEMBER_IDS and request.group_instance_id is None:
            return False  # a new group has no members yet: the client is asked to come again with its id
        case ApiKey.JOIN_GROUP:
            return broker.cluster.groups.coordinator.has_no_group(request.group_id)
        case key:
            return key in _WRITE


def _of_group(handler: Handler, broker: BrokerEndpoint, request: Any, context: RequestContext) -> object | None:
    error = _refusal(broker, OFFSETS_TOPIC, request.group_id, request, context)
    return _refused(request, context, error) if error else handler(broker, request, context)


def _of_transaction(
    handler: Handler,
    ids: Callable[[Any, int], Iterable[str | None]],
    broker: BrokerEndpoint,
    request: Any,
    context: RequestContext,
) -> object | None:
    for each in ids(request, context.api_version):
        error = _refusal(broker, TRANSACTION_TOPIC, each, request, context)
        if error:
            return _refused(request, context, error)
    return handler(broker, request, context)


def _added_to(request: Any, version: int) -> Iterable[str]:
    if version < _SEVERAL_TRANSACTIONS:
        return (request.v3_and_below_transactional_id,)
    return (transaction.transactional_id for transaction in request.transactions)


def _refused(request: Any, context: RequestContext, error: ErrorCode) -> object:
    parts = parts_of(context.api.key, context.api_version)
    response: object = parts.error_response(request, context.api_version, error)
    return response


def _of_several(
    handler: Handler,
    topic: str,
    key_of: Callable[[Part], str | None],
    broker: BrokerEndpoint,
    request: Any,
    context: RequestContext,
) -> object | None:
    version = context.api_version
    parts = parts_of(context.api.key, version)
    keys = {key_of(part) for part in parts.parts(request, version)}
    refusals = {key: error for key in keys if (error := _refusal(broker, topic, key, request, context))}
    if not refusals:
        return handler(broker, request, context)
    errors = set(refusals.values())
    if len(refusals) == len(keys) and len(errors) == 1:
        return _refused(request, context, errors.pop())
    return _partly(handler, parts, lambda part: refusals.get(key_of(part), ErrorCode.NONE), broker, request, context)


def _partly(
    handler: Handler,
    parts: MessageParts,
    refusal: Callable[[Part], ErrorCode],
    broker: BrokerEndpoint,
    request: Any,
    context: RequestContext,
) -> Steps[None]:
    """Handle a part of the request, and put errors for the rest into its response."""
    version, response = context.api_version, context.defer()

    def complete(answer: Any) -> None:
        for error in (ErrorCode.NOT_COORDINATOR, ErrorCode.COORDINATOR_NOT_AVAILABLE):
            answer = parts.with_errors(request, version, answer, partial(_has, refusal, error), error)
        response.send(answer)

    here = response.redirected(complete)
    context.response, context.is_deferred = here, False
    wanted = parts.without(request, version, lambda part: bool(refusal(part)))
    answer = None if wanted is None else handler(broker, wanted, context)
    if isinstance(answer, GeneratorType):
        answer = yield from cast("Steps[object]", answer)
    if not context.is_deferred:
        here.send(answer)
    context.is_deferred = True


def _has(refusal: Callable[[Part], ErrorCode], error: ErrorCode, part: Part) -> bool:
    return refusal(part) is error


def _list_groups(handler: Handler, broker: BrokerEndpoint, request: Any, context: RequestContext) -> Steps[object]:
    response = yield from cast("Steps[Any]", handler(broker, request, context))
    own = tuple(group for group in response.groups if _coordinates(broker, OFFSETS_TOPIC, group.group_id))
    return replace(response, groups=own)


def _list_transactions(
    handler: Handler, broker: BrokerEndpoint, request: Any, context: RequestContext
) -> Steps[object]:
    response = yield from cast("Steps[Any]", handler(broker, request, context))
    states = response.transaction_states
    own = tuple(each for each in states if _coordinates(broker, TRANSACTION_TOPIC, each.transactional_id))
    return replace(response, transaction_states=own)
