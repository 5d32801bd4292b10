"""``tenant``: a part of the cluster for some clients, whose names all begin with a prefix that they do not see.

Names in requests get the prefix, and lose it in responses. What a response names without the prefix belongs to others
and is left out. A topic id counts for the topic that it is the id of: an id of another tenant's topic, and one that is
not known, are refused. What acts on the whole cluster is hidden or refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from kafkalite.config.options import OptionError
from kafkalite.interceptors.installing import refused, remaining
from kafkalite.interceptors.interface import Refuse, Respond
from kafkalite.interceptors.named_fields import NameKind, topic_ids
from kafkalite.interceptors.renaming import RenamingInterceptor
from kafkalite.requests.parts.table import has_parts
from kafkalite_wire.apis import ApiKey
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.describe_topic_partitions import Cursor
from kafkalite_wire.schema import ZERO_UUID

if TYPE_CHECKING:
    from kafkalite.interceptors.interface import Context
    from kafkalite.requests.parts.message_parts import Part

_OF_THE_CLUSTER: Final = frozenset((
    ApiKey.WRITE_TXN_MARKERS,
    ApiKey.ALTER_REPLICA_LOG_DIRS,
    ApiKey.CREATE_DELEGATION_TOKEN,
    ApiKey.RENEW_DELEGATION_TOKEN,
    ApiKey.EXPIRE_DELEGATION_TOKEN,
    ApiKey.DESCRIBE_DELEGATION_TOKEN,
    ApiKey.ALTER_PARTITION_REASSIGNMENTS,
    ApiKey.DESCRIBE_CLIENT_QUOTAS,
    ApiKey.ALTER_CLIENT_QUOTAS,
    ApiKey.DESCRIBE_USER_SCRAM_CREDENTIALS,
    ApiKey.ALTER_USER_SCRAM_CREDENTIALS,
    ApiKey.DESCRIBE_QUORUM,
    ApiKey.UPDATE_FEATURES,
    ApiKey.UNREGISTER_BROKER,
))  # fmt: skip
"""APIs that act on more than one tenant's things, or show them."""
_NAMED_RESOURCES: Final = frozenset((2, 32))
"""Types of configurations: topics and groups."""
_NAMED_IN_ACLS: Final = frozenset((2, 3, 5))
"""Types of resources in ACLs: topics, groups and transactional ids."""
_EVERYTHING: Final = "*"
_MATCH, _LITERAL, _PREFIXED = 2, 3, 4
"""Pattern types of ACLs."""
_ALLOWED_IN_PREFIX: Final = re.compile(r"[a-zA-Z0-9._-]{1,100}")


class _ToCluster:
    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def name(self, kind: NameKind, name: str) -> str:
        del kind
        return self._prefix + name

    def pattern(self, kind: NameKind | None, name: str, pattern_type: int) -> tuple[str, int]:
        if kind is None:
            return name, pattern_type
        if name == _EVERYTHING and pattern_type != _PREFIXED:
            return self._prefix, _PREFIXED  # everything of this tenant
        return self._prefix + name, pattern_type

    def expression(self, kind: NameKind, expression: str) -> str:
        del kind
        return f"{re.escape(self._prefix)}(?:{expression})"

    def text(self, text: str) -> str:
        return text


class _ToClient:
    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def name(self, kind: NameKind, name: str) -> str | None:
        del kind
        return name[len(self._prefix) :] if name.startswith(self._prefix) else None

    def pattern(self, kind: NameKind | None, name: str, pattern_type: int) -> tuple[str, int] | None:
        if kind is None:
            return None
        if name == self._prefix and pattern_type == _PREFIXED:
            return _EVERYTHING, _LITERAL
        own = self.name(kind, name)
        return None if own is None else (own, pattern_type)

    def expression(self, kind: NameKind, expression: str) -> str:
        del kind
        before = re.escape(self._prefix) + "(?:"
        return expression[len(before) : -1] if expression.startswith(before) else expression

    def text(self, text: str) -> str:
        return text.replace(self._prefix, "")


@dataclass
class Tenant(RenamingInterceptor):
    """Keeps clients to topics, groups and transactional ids that begin with a prefix, and hides the prefix."""

    prefix: str
    """What the names of the cluster begin with, such as ``shop.``"""

    def __post_init__(self) -> None:
        if not _ALLOWED_IN_PREFIX.fullmatch(self.prefix):
            raise OptionError("prefix", f"must be 1 to 100 of a-z, A-Z, 0-9, '.', '_' and '-', and is {self.prefix!r}")
        self.to_cluster, self.to_client = _ToCluster(self.prefix), _ToClient(self.prefix)

    def hides(self, api_key: int) -> bool:
        """Return whether an API acts on the whole cluster, or is one whose names are not known here."""
        return api_key in _OF_THE_CLUSTER or not has_parts(api_key)

    def on_request(self, request: Any, context: Context) -> Any:
        """Add the prefix, and refuse what is not the tenant's."""
        refusal = self._refusal(request, context)
        if refusal is None:
            return self._within_tenant(super().on_request(request, context), context)
        if refusal.parts is not None:
            # What is left has to be renamed as well, so this is not left to the pipeline.
            return self._rest(request, refusal, context)
        return refusal

    def on_response(self, response: Any, request: Any, context: Context) -> Any:
        """Take the prefix away, and leave out what is not the tenant's."""
        if context.api.key is ApiKey.FETCH:
            # A session may hold more than this request names.
            response = replace(
                response, responses=tuple(each for each in response.responses if self._shows(each, context))
            )
        made = super().on_response(response, request, context)
        refusal = self._refusal(request, context)
        return made if refusal is None else refused(request, refusal, made, context)

    def _rest(self, request: Any, refusal: Refuse, context: Context) -> Any:
        if context.api.key is ApiKey.FETCH:
            # Nothing that is refused gets into a session, from which later responses would have it.
            own = tuple(each for each in request.topics if self._shows(each, context))
            left = replace(request, topics=own, max_wait_ms=0)
        else:
            left = remaining(request, refusal, context)
        if left is None:
            return Respond(refused(request, refusal, None, context))
        return self._within_tenant(super().on_request(left, context), context)

    def _refusal(self, request: Any, context: Context) -> Refuse | None:
        key = context.api.key
        if key in (ApiKey.ALTER_CONFIGS, ApiKey.INCREMENTAL_ALTER_CONFIGS):
            if all(each.resource_type in _NAMED_RESOURCES for each in request.resources):
                return None
            return Refuse(ErrorCode.CLUSTER_AUTHORIZATION_FAILED, _is_of_the_cluster)
        if key is ApiKey.ELECT_LEADERS and request.topic_partitions is None:
            return Refuse(ErrorCode.CLUSTER_AUTHORIZATION_FAILED)
        if key is ApiKey.CREATE_ACLS and any(each.resource_type not in _NAMED_IN_ACLS for each in request.creations):
            return Refuse(ErrorCode.CLUSTER_AUTHORIZATION_FAILED)
        if key is ApiKey.DELETE_ACLS and not all(map(_is_of_one_tenant, request.filters)):
            return Refuse(ErrorCode.CLUSTER_AUTHORIZATION_FAILED)
        foreign = {each for each in topic_ids(request) if not self._owns(each, context)}
        return Refuse(ErrorCode.UNKNOWN_TOPIC_ID, lambda part: part.topic in foreign) if foreign else None

    def _shows(self, topic: Any, context: Context) -> bool:
        return topic.topic_id == ZERO_UUID or self._owns(topic.topic_id, context)

    def _owns(self, topic_id: bytes, context: Context) -> bool:
        name = context.topic_name(topic_id)
        return name is not None and name.startswith(self.prefix)

    def _within_tenant(self, request: Any, context: Context) -> Any:
        key = context.api.key
        if key is ApiKey.DESCRIBE_TOPIC_PARTITIONS and not request.topics and request.cursor is None:
            # Topics are listed by name, so the tenant's stand together.
            return replace(request, cursor=Cursor(topic_name=self.prefix, partition_index=0))
        return request


def _is_of_the_cluster(part: Part) -> bool:
    return isinstance(part.other, tuple) and part.other[0] not in _NAMED_RESOURCES


def _is_of_one_tenant(entries: Any) -> bool:
    """Return whether a filter of ACLs names what it is about; one that does not matches those of others."""
    return entries.resource_name_filter is not None and entries.pattern_type_filter != _MATCH
