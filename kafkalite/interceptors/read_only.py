"""``read-only``: clients may read, and change nothing but the offsets of their groups.

The decisions are those of Kafka's authorizer for a principal that may read and describe everything
(:mod:`kafkalite.requests.access_rules`), so clients get the errors that they know from there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from kafkalite.interceptors.interface import MessageInterceptor, Refuse, Respond
from kafkalite.requests.access_rules import Asked, has_rule, rule_of
from kafkalite.requests.authorization import ALLOWED_TO_ALL
from kafkalite.requests.parts.table import parts_of
from kafkalite.requests.refusal_sentences import worded
from kafkalite.security.access_control import Operation
from kafkalite.security.authorizer import Access
from kafkalite_wire.apis import ApiKey
from kafkalite_wire.error_codes import ErrorCode

if TYPE_CHECKING:
    from kafkalite.interceptors.interface import Context, TopicName
    from kafkalite.security.access_control import ResourceType
    from kafkalite_wire.apis import Api

_READS: Final = frozenset((Operation.READ, Operation.DESCRIBE, Operation.DESCRIBE_CONFIGS))
_CHANGES_TOKENS: Final = frozenset((
    ApiKey.CREATE_DELEGATION_TOKEN,
    ApiKey.RENEW_DELEGATION_TOKEN,
    ApiKey.EXPIRE_DELEGATION_TOKEN,
))  # fmt: skip
_READS_ONLY: Final = frozenset((
    ApiKey.FETCH,
    ApiKey.CONSUMER_GROUP_HEARTBEAT,
    ApiKey.CONSUMER_GROUP_DESCRIBE,
    ApiKey.GET_TELEMETRY_SUBSCRIPTIONS,
    ApiKey.PUSH_TELEMETRY,
    ApiKey.SHARE_GROUP_HEARTBEAT,
    ApiKey.SHARE_GROUP_DESCRIBE,
    ApiKey.SHARE_FETCH,
    ApiKey.SHARE_ACKNOWLEDGE,
    ApiKey.STREAMS_GROUP_HEARTBEAT,
    ApiKey.STREAMS_GROUP_DESCRIBE,
    ApiKey.DESCRIBE_SHARE_GROUP_OFFSETS,
))  # fmt: skip
"""APIs that change nothing but a consumer's position; their requests are passed on as they are."""
_SAYS_AUTO_CREATION: Final = 4
"""The first version of Metadata in which the client says whether topics may be created."""


class _ReadAccess(Access):
    """What a client may do that may only read."""

    def __init__(self) -> None:
        self.is_super = False

    def allows(self, operation: Operation, kind: ResourceType, name: str, *, logged: bool = True) -> bool:
        del kind, name, logged
        return operation in _READS

    def allows_any(self, operation: Operation, kind: ResourceType) -> bool:
        del kind
        return operation in _READS


class _AnyTopic:
    """Takes every topic to exist, because only the cluster knows."""

    auto_create = False

    def __init__(self, topic_name: TopicName) -> None:
        self._topic_name = topic_name

    def name_of(self, key: str | bytes) -> str:
        return self._topic_name(key) or ""

    def partitions_of(self, name: str) -> int:
        del name
        return 1


_ACCESS: Final = _ReadAccess()


@dataclass
class ReadOnly(MessageInterceptor):
    """Refuses what would change the cluster."""

    def wants(self, api: Api, version: int) -> bool:
        """Return whether an API may change anything."""
        del version
        return api.key is ApiKey.API_VERSIONS or (has_rule(api.key) and api.key not in _READS_ONLY)

    def hides(self, api_key: int) -> bool:
        """Return whether it is not known that an API only reads."""
        return not (has_rule(api_key) or api_key in _READS_ONLY or api_key in ALLOWED_TO_ALL)

    def on_request(self, request: Any, context: Context) -> Any:
        """Refuse what changes something, and create no topic for a Metadata request."""
        key = context.api.key
        if key is ApiKey.API_VERSIONS:
            return request
        if key in _CHANGES_TOKENS:
            return Refuse(ErrorCode.DELEGATION_TOKEN_AUTHORIZATION_FAILED)
        if key is ApiKey.ALTER_SHARE_GROUP_OFFSETS:  # which needs no more than to read
            return Refuse(ErrorCode.GROUP_AUTHORIZATION_FAILED)
        if key is ApiKey.METADATA:
            if context.version >= _SAYS_AUTO_CREATION:
                return (
                    replace(request, allow_auto_topic_creation=False) if request.allow_auto_topic_creation else request
                )
            # In these versions the cluster creates a topic that does not exist.
            return Refuse(ErrorCode.TOPIC_AUTHORIZATION_FAILED) if request.topics else request
        refusal = _refusal(request, context)
        if refusal is None:
            return request
        if refusal.left is None:
            return Respond(worded(key, context.version, refusal.answer(None)))
        return refusal.left

    def on_response(self, response: Any, request: Any, context: Context) -> Any:
        """Add the errors of what was refused; offer no version of Metadata in which topics are created."""
        if context.api.key is ApiKey.API_VERSIONS:
            return replace(response, api_keys=tuple(map(_safe, response.api_keys)))
        refusal = None if context.api.key is ApiKey.METADATA else _refusal(request, context)
        return response if refusal is None else worded(context.api.key, context.version, refusal.answer(response))


def _refusal(request: Any, context: Context) -> Any:
    key, version = context.api.key, context.version
    return rule_of(key)(Asked(request, version, _ACCESS, parts_of(key, version), _AnyTopic(context.topic_name)))


def _safe(offered: Any) -> Any:
    if offered.api_key != ApiKey.METADATA or offered.max_version < _SAYS_AUTO_CREATION:
        return offered
    return replace(offered, min_version=max(offered.min_version, _SAYS_AUTO_CREATION))
