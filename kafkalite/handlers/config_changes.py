"""Change configurations of topics and of the broker: what AlterConfigs and IncrementalAlterConfigs share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from kafkalite.config.dynamic import check_changes
from kafkalite.handlers import topic_names
from kafkalite.handlers.describe_configs import ResourceType
from kafkalite_storage.errors import InvalidConfig, StorageError
from kafkalite_wire.error_codes import ErrorCode

if TYPE_CHECKING:
    from kafkalite.node import Node

Changes = Mapping[str, str | None]
"""New values by name; None goes back to the default."""


class RefusedError(Exception):
    """A change that is refused as a whole, with the reason for the client."""

    def __init__(self, code: ErrorCode, reason: str | None) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Alterable(Protocol):
    """One configuration of a request."""

    @property
    def name(self) -> str:
        """Its name."""
        ...


class Resource(Protocol):
    """A topic or broker, with the configurations that a request names for it."""

    @property
    def resource_type(self) -> int:
        """Its type, see ResourceType."""
        ...

    @property
    def resource_name(self) -> str:
        """The name of a topic or the id of a broker."""
        ...

    @property
    def configs(self) -> Sequence[Alterable]:
        """What is to be changed."""
        ...


AnyResource = TypeVar("AnyResource", bound=Resource)
Outcome = tuple[int, str | None]


def alter(
    node: Node,
    resources: Sequence[AnyResource],
    read: Callable[[AnyResource, Mapping[str, str]], Changes],
    *,
    validate_only: bool,
) -> list[tuple[AnyResource, Outcome]]:
    """Change each resource on its own, or only check it; give error code and reason of each, in their order.

    ``read`` tells what a request asks for, given the values that were set so far; it may raise RefusedError.
    """
    times = Counter((resource.resource_type, resource.resource_name) for resource in resources)
    outcomes: list[tuple[AnyResource, Outcome]] = []
    for resource in resources:
        outcome: Outcome = ErrorCode.NONE, None
        try:
            if times[resource.resource_type, resource.resource_name] > 1:
                raise RefusedError(ErrorCode.INVALID_REQUEST, "Each resource must appear at most once.")
            _alter(node, resource, read, validate_only=validate_only)
        except RefusedError as refusal:
            outcome = refusal.code, refusal.reason
        except StorageError as error:
            outcome = error.code, str(error)
        outcomes.append((resource, outcome))
    return outcomes


def refuse_nulls(names: Sequence[str]) -> None:
    """Refuse configurations that have no value and need one."""
    if names:
        raise RefusedError(ErrorCode.INVALID_REQUEST, f"Null value not supported for : {', '.join(names)}")


def _alter(
    node: Node,
    resource: AnyResource,
    read: Callable[[AnyResource, Mapping[str, str]], Changes],
    *,
    validate_only: bool,
) -> None:
    if len({config.name for config in resource.configs}) < len(resource.configs):
        raise RefusedError(ErrorCode.INVALID_REQUEST, "Error due to duplicate config keys")
    if resource.resource_type == ResourceType.TOPIC:
        topic = _existing_topic(node, resource.resource_name, read, resource)
        changes = _differing(read(resource, topic.configs), topic.configs)
        node.storage.checked_overrides(topic, changes)
        if not validate_only:
            node.alter_topic_configs(topic.name, changes)
    elif resource.resource_type == ResourceType.BROKER:
        _check_broker(node, resource.resource_name)
        configs = node.storage.broker_configs(resource.resource_name)
        changes = _differing(read(resource, configs), configs)
        try:
            check_changes(changes)
            node.alter_broker_configs(resource.resource_name, changes, validate_only=validate_only)
        except InvalidConfig as error:
            # For brokers Kafka calls this a bad request, and for topics a bad configuration.
            raise RefusedError(ErrorCode.INVALID_REQUEST, str(error)) from None
    else:
        raise RefusedError(ErrorCode.INVALID_REQUEST, f"Unknown resource type {resource.resource_type}")
