"""The sentences that Kafka adds to the errors of refused requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, Final, cast

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.error_codes import ErrorCode

_SEVERAL_COORDINATORS: Final = 4
"""The first version of FindCoordinator that is about several, and has no sentences."""
_SENTENCES: Final[Mapping[int, str]] = {
    ErrorCode.TOPIC_AUTHORIZATION_FAILED: "Topic authorization failed.",
    ErrorCode.GROUP_AUTHORIZATION_FAILED: "Group authorization failed.",
    ErrorCode.CLUSTER_AUTHORIZATION_FAILED: "Cluster authorization failed.",
    ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: "Transactional Id authorization failed.",
}
_WITH_SENTENCES: Final = frozenset((
    ApiKey.FIND_COORDINATOR,
    ApiKey.CREATE_TOPICS,
    ApiKey.DELETE_TOPICS,
    ApiKey.DESCRIBE_ACLS,
    ApiKey.CREATE_ACLS,
    ApiKey.DELETE_ACLS,
    ApiKey.DESCRIBE_CONFIGS,
    ApiKey.ALTER_CONFIGS,
    ApiKey.INCREMENTAL_ALTER_CONFIGS,
    ApiKey.ELECT_LEADERS,
    ApiKey.ALTER_PARTITION_REASSIGNMENTS,
    ApiKey.LIST_PARTITION_REASSIGNMENTS,
    ApiKey.ALTER_CLIENT_QUOTAS,
    ApiKey.ALTER_USER_SCRAM_CREDENTIALS,
    ApiKey.DESCRIBE_QUORUM,
    ApiKey.UPDATE_FEATURES,
    ApiKey.UNREGISTER_BROKER,
    ApiKey.DESCRIBE_PRODUCERS,
))  # fmt: skip
"""The APIs in which Kafka adds a sentence to the error of a refusal."""


def worded(key: int, version: int, response: Any) -> Any:
    """Add Kafka's sentences to the refusals in a response."""
    if key not in _WITH_SENTENCES or (key == ApiKey.FIND_COORDINATOR and version >= _SEVERAL_COORDINATORS):
        return response
    sentences = _SENTENCES
    if key == ApiKey.CREATE_TOPICS:
        sentences = dict.fromkeys(_SENTENCES, "Authorization failed.")
    return with_sentences(response, lambda error, present: present or sentences.get(error, present))


def with_sentences(message: Any, choose: Callable[[int, str | None], str | None]) -> Any:
    """Return a message with other sentences beside its errors.

    ``choose`` is given the code and the sentence of each error, and returns the sentence in its place.
    """
    if isinstance(message, tuple):
        return tuple(with_sentences(each, choose) for each in cast("tuple[object, ...]", message))
    if not is_dataclass(message) or isinstance(message, type):
        return message
    changes = {each.name: with_sentences(getattr(message, each.name), choose) for each in fields(message)}
    if "error_code" in changes and "error_message" in changes:
        changes["error_message"] = choose(changes["error_code"], changes["error_message"])
    return replace(message, **changes)
