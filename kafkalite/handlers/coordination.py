"""The requests of groups and transactional ids where there are several brokers: each coordinates its own.

The coordinator of a group is the leader of its partition of ``__consumer_offsets``, that of a transactional id the
leader of its partition of ``__transaction_state``. What is asked of another broker is answered NOT_COORDINATOR, and
what lists groups or transactions lists a broker's own. The state of all of them is shared: this is all that makes the
brokers different coordinators.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from types import GeneratorType
from typing import TYPE_CHECKING, Any, Final, cast

from kafkalite.cluster.internal_topics import OFFSETS_TOPIC, TRANSACTION_TOPIC
from kafkalite.requests.parts.table import part_names, parts_of
from kafkalite_wire.apis import ApiKey
from kafkalite_wire.error_codes import ErrorCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.handlers.table import Handler
    from kafkalite.requests.context import RequestContext
    from kafkalite.requests.parts.message_parts import MessageParts, Part
    from kafkalite.requests.steps import Steps
    from kafkalite_wire.apis import Api

_SEVERAL_TRANSACTIONS: Final = 4
_OF_ONE_GROUP: Final = frozenset((
    ApiKey.JOIN_GROUP, ApiKey.SYNC_GROUP, ApiKey.HEARTBEAT, ApiKey.LEAVE_GROUP, ApiKey.OFFSET_COMMIT,
    ApiKey.TXN_OFFSET_COMMIT, ApiKey.OFFSET_DELETE,
))  # fmt: skip
_NOT_COORDINATED: Final = frozenset((ApiKey.FIND_COORDINATOR, ApiKey.ADD_OFFSETS_TO_TXN))
"""Requests that name groups and are not for their coordinator."""


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
        case key if key not in _NOT_COORDINATED and "group" in part_names(key):
            return partial(_of_several, handler, OFFSETS_TOPIC, lambda part: part.group)
        case _:
            return handler


def _coordinates(broker: BrokerEndpoint, topic: str, key: str | None) -> bool:
    """Return whether a broker coordinates a group or a transactional id; one without a name is refused elsewhere."""
    if not key:
        return True
    cluster = broker.cluster
    if topic not in cluster.storage.topics:
        return False
    coordinators = cluster.groups if topic == OFFSETS_TOPIC else cluster.transactions
    return cluster.coordinator_of(topic, coordinators.partition_of(key)) == broker.id


def _of_group(handler: Handler, broker: BrokerEndpoint, request: Any, context: RequestContext) -> object | None:
    if _coordinates(broker, OFFSETS_TOPIC, request.group_id):
        return handler(broker, request, context)
    return _refused(request, context)


def _of_transaction(
    handler: Handler,
    ids: Callable[[Any, int], Iterable[str | None]],
    broker: BrokerEndpoint,
    request: Any,
    context: RequestContext,
) -> object | None:
    if all(_coordinates(broker, TRANSACTION_TOPIC, each) for each in ids(request, context.api_version)):
        return handler(broker, request, context)
    return _refused(request, context)


def _added_to(request: Any, version: int) -> Iterable[str]:
    if version < _SEVERAL_TRANSACTIONS:
        return (request.v3_and_below_transactional_id,)
    return (transaction.transactional_id for transaction in request.transactions)


def _refused(request: Any, context: RequestContext) -> object:
    parts = parts_of(context.api.key, context.api_version)
    response: object = parts.error_response(request, context.api_version, ErrorCode.NOT_COORDINATOR)
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
    elsewhere = {key for key in keys if not _coordinates(broker, topic, key)}
    if not elsewhere:
        return handler(broker, request, context)
    if elsewhere == keys:
        return _refused(request, context)
    return _partly(handler, parts, lambda part: key_of(part) in elsewhere, broker, request, context)


def _partly(
    handler: Handler,
    parts: MessageParts,
    is_elsewhere: Callable[[Part], bool],
    broker: BrokerEndpoint,
    request: Any,
    context: RequestContext,
) -> Steps[None]:
    """Handle a part of the request, and put errors for the rest into its response."""
    version, response = context.api_version, context.defer()
    here = response.redirected(
        lambda answer: response.send(
            parts.with_errors(request, version, answer, is_elsewhere, ErrorCode.NOT_COORDINATOR)
        )
    )
    context.response, context.is_deferred = here, False
    answer = handler(broker, parts.without(request, version, is_elsewhere), context)
    if isinstance(answer, GeneratorType):
        answer = yield from cast("Steps[object]", answer)
    if not context.is_deferred:
        here.send(answer)
    context.is_deferred = True


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
