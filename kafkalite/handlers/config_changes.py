"""Change configurations: what AlterConfigs and IncrementalAlterConfigs share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final, TypeVar

from kafkalite.cluster.features import ELIGIBLE_LEADER_REPLICAS
from kafkalite.config.connection_limits import check_limits
from kafkalite.config.group_bounds import check_intervals
from kafkalite.config.table import ADVERTISED_OUTSIDE, PROPERTIES, check_changes
from kafkalite.errors import RefusedError
from kafkalite.handlers.broker_loggers import alter_loggers
from kafkalite.handlers.describe_configs import ResourceType
from kafkalite.handlers.group_configs import check_client_metrics, check_group
from kafkalite.handlers.topic_configs import broker_values
from kafkalite.requests.steps import Steps, WorkMeter
from kafkalite_storage.configs.topic_config import TOPIC_CONFIGS
from kafkalite_storage.configs.values import ConfigType, format_value
from kafkalite_storage.errors import InvalidConfig, StorageError
from kafkalite_storage.metadata.metadata_records import config_records
from kafkalite_storage.metadata.topics import check_topic_name
from kafkalite_wire.error_codes import ErrorCode

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.config.property import Property
    from kafkalite_storage.configs.topic_config import TopicConfig

Result = TypeVar("Result")

Changes = dict[str, str | None]
"""New values by name; None goes back to the default."""

_WORK_OF_A_RESOURCE: Final = 250
"""A step of its own, because it ends with a sync of the metadata log."""
_WORK_OF_SOME_LOGS: Final = 20

_MIN_IN_SYNC: Final = "min.insync.replicas"
_TABLES: Final[Mapping[int, Mapping[str, TopicConfig | Property]]] = {
    ResourceType.TOPIC: TOPIC_CONFIGS,
    ResourceType.BROKER: PROPERTIES,
}


class Operation(IntEnum):
    """What to do with one configuration (KIP-339)."""

    SET = 0
    DELETE = 1
    APPEND = 2
    SUBTRACT = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One operation on one configuration; the operation is the client's number, known or not."""

    name: str
    operation: int
    value: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alteration:
    """What a request asks of one resource; with ``replaces``, what has no step goes back to its default."""

    resource_type: int
    resource_name: str
    steps: tuple[Step, ...]
    replaces: bool = False


def alter(
    broker: BrokerEndpoint, alterations: Sequence[Alteration], result: Callable[..., Result], *, validate_only: bool
) -> Steps[tuple[Result, ...]]:
    """Change each resource as a whole or not at all, or only check it; return a ``result`` message for each."""
    meter = WorkMeter()
    times = Counter((alteration.resource_type, alteration.resource_name) for alteration in alterations)
    results: list[Result] = []
    for alteration in alterations:
        code: int = ErrorCode.NONE
        message: str | None = None
        if meter.add(_WORK_OF_A_RESOURCE):
            yield
        try:
            if times[alteration.resource_type, alteration.resource_name] > 1:
                raise _invalid("Each resource must appear at most once.")
            _check_steps(alteration.steps)
            for _ in _RESOURCES.get(alteration.resource_type, _unknown)(broker, alteration, validate_only):
                if meter.add(_WORK_OF_SOME_LOGS):
                    yield
        except (RefusedError, StorageError) as error:
            code, message = error.code, str(error)
        results.append(
            result(
                error_code=code,
                error_message=message,
                resource_type=alteration.resource_type,
                resource_name=alteration.resource_name,
            )
        )
    return tuple(results)


def _invalid(reason: str) -> RefusedError:
    return RefusedError(ErrorCode.INVALID_REQUEST, reason)


def _check_steps(steps: tuple[Step, ...]) -> None:
    if len({step.name for step in steps}) < len(steps):
        raise _invalid("Error due to duplicate config keys")
    nulls = [step.name for step in steps if step.value is None and step.operation != Operation.DELETE]
    if nulls:
        raise _invalid(f"Null value not supported for : {', '.join(nulls)}")


def _alter_topic(broker: BrokerEndpoint, alteration: Alteration, validate_only: bool) -> Iterable[None]:
    name = alteration.resource_name
    if not name:
        raise _invalid("Default topic resources are not allowed.")
    check_topic_name(name)
    topic = broker.cluster.storage.topics.get(name)
    if topic is None:
        raise RefusedError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"The topic '{name}' does not exist.")
    changes = _changes(alteration, topic.configs)
    broker.cluster.storage.checked_overrides(topic, changes)
    return () if validate_only else broker.cluster.alter_topic_configs(name, changes)


def _alter_broker(broker: BrokerEndpoint, alteration: Alteration, validate_only: bool) -> Iterable[None]:
    name = alteration.resource_name
    if name not in ("", str(broker.id)):
        raise _invalid(f"Unexpected broker id, expected {broker.id}, but received {name}")
    changes = _changes(alteration, broker.dynamic_configs(name))
    if not name and ADVERTISED_OUTSIDE in changes:
        raise _invalid(f"{ADVERTISED_OUTSIDE} is an address of one broker, and not of all")
    _check_min_in_sync(broker, alteration)
    try:
        check_changes(changes)
        check_limits(changes)
        check_intervals(changes, broker.config.group_bounds)
        broker.cluster.storage.check_broker_configs(name, changes)
    except InvalidConfig as error:
        # What is a bad configuration of a topic is a bad request for a broker.
        raise _invalid(str(error)) from None
    return () if validate_only else broker.alter_configs(name, changes)


def _check_min_in_sync(broker: BrokerEndpoint, alteration: Alteration) -> None:
    """Keep one value of `min.insync.replicas` for all brokers while eligible leader replicas are on (KIP-966)."""
    if not broker.cluster.storage.features.get(ELIGIBLE_LEADER_REPLICAS):
        return
    operations = {step.name: step.operation for step in alteration.steps}
    if alteration.resource_name and _MIN_IN_SYNC in operations:
        raise RefusedError(ErrorCode.INVALID_CONFIG, f"{_MIN_IN_SYNC} cannot be set for a single broker.")
    is_removed = operations.get(_MIN_IN_SYNC) == Operation.DELETE
    if not alteration.resource_name and (is_removed or (alteration.replaces and _MIN_IN_SYNC not in operations)):
        raise RefusedError(ErrorCode.INVALID_CONFIG, f"{_MIN_IN_SYNC} of all brokers cannot be removed.")


def _alter_loggers(broker: BrokerEndpoint, alteration: Alteration, validate_only: bool) -> Iterable[None]:
    if alteration.replaces:
        raise _invalid("AlterConfigs does not support the resource type BROKER_LOGGER.")
    name = alteration.resource_name
    if name != str(broker.id):
        raise _invalid(f"Unexpected broker id, expected {broker.id}, but received {name!r}")
    changes: Changes = {}
    for step in alteration.steps:
        if step.operation not in (Operation.SET, Operation.DELETE):
            raise _invalid(f"Operation {step.operation} is not allowed for the BROKER_LOGGER resource")
        changes[step.name] = step.value if step.operation == Operation.SET else None
    alter_loggers(changes, validate_only=validate_only)
    return ()


def _alter_group(broker: BrokerEndpoint, alteration: Alteration, validate_only: bool) -> Iterable[None]:
    if not alteration.resource_name:
        raise _invalid("Default group resources are not allowed.")
    return _alter_resource(broker, alteration, lambda own: check_group(own, broker_values(broker)), validate_only)


def _alter_client_metrics(broker: BrokerEndpoint, alteration: Alteration, validate_only: bool) -> Iterable[None]:
    if not alteration.resource_name:
        raise _invalid("Subscription name can't be empty")
    return _alter_resource(broker, alteration, check_client_metrics, validate_only)


def _alter_resource(
    broker: BrokerEndpoint, alteration: Alteration, check: Callable[[Mapping[str, str]], None], validate_only: bool
) -> Iterable[None]:
    resource = (alteration.resource_type, alteration.resource_name)
    current = broker.cluster.storage.cluster_image.configs(*resource)
    changes = _changes(alteration, current)
    check({name: value for name, value in {**current, **changes}.items() if value is not None})
    if not validate_only:
        broker.cluster.change_metadata(config_records(*resource, changes))
    return ()


def _unknown(broker: BrokerEndpoint, alteration: Alteration, validate_only: bool) -> Iterable[None]:
    del broker, validate_only
    raise _invalid(f"Unknown resource type {alteration.resource_type}")


_RESOURCES: Final = {
    ResourceType.TOPIC.value: _alter_topic,
    ResourceType.BROKER.value: _alter_broker,
    ResourceType.BROKER_LOGGER.value: _alter_loggers,
    ResourceType.CLIENT_METRICS.value: _alter_client_metrics,
    ResourceType.GROUP.value: _alter_group,
}


def _changes(alteration: Alteration, current: Mapping[str, str]) -> Changes:
    """Work out the new values of the configurations that will have other ones than now."""
    # As in Kafka there are no lists among the configurations of groups and client metrics subscriptions.
    table = _TABLES.get(alteration.resource_type, {})
    changes: Changes = dict.fromkeys(current) if alteration.replaces else {}
    for step in alteration.steps:
        match step.operation:
            case Operation.SET:
                changes[step.name] = step.value
            case Operation.DELETE:
                changes[step.name] = None
            case Operation.APPEND | Operation.SUBTRACT:
                changes[step.name] = _new_list(step, table.get(step.name), current)
            case _:
                raise _invalid(f"Unknown operation {step.operation} for {step.name}")
    return {name: value for name, value in changes.items() if current.get(name) != value}


def _new_list(step: Step, known: TopicConfig | Property | None, current: Mapping[str, str]) -> str:
    """Append to a list or subtract from it; one that is not set starts from the default of Kafka itself."""
    if known is None or known.type is not ConfigType.LIST:
        operation = Operation(step.operation).name
        raise RefusedError(
            ErrorCode.INVALID_CONFIG, f"Can't {operation} to key {step.name} because its type is not LIST."
        )
    default = () if known.default is None else known.default
    items = list(_items(current.get(step.name, format_value(default))))
    for item in _items(step.value or ""):
        if step.operation == Operation.SUBTRACT and item in items:
            items.remove(item)
        elif step.operation == Operation.APPEND and item not in items:
            items.append(item)
    return ",".join(items)


def _items(text: str) -> Iterable[str]:
    return (item for item in text.split(",") if item)
