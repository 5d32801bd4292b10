"""The configurations of groups and of client metrics subscriptions (KIP-1142 and KIP-714).

A group inherits from the broker's properties, so that a description shows them as synonyms. The configurations are
stored and described. Dead letters of share groups are not written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from kafkalite.config.description import BrokerValues, ConfigDescription, ConfigSource, ConfigSynonym, synonyms_of
from kafkalite.config.table import PROPERTIES
from kafkalite.errors import RefusedError
from kafkalite_storage.configs.values import Between, ConfigType, ConfigValue, OneOf, Rule, any_value, parse_value
from kafkalite_storage.errors import InvalidConfig
from kafkalite_wire.error_codes import ErrorCode

_DEAD_LETTERS: Final = "errors.deadletterqueue.topic.name"
_RACK_TAGS: Final = "streams.rack.aware.assignment.tags"
_BY_DURATION: Final = re.compile(
    r"by_duration:P(?=.)(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?", re.ASCII | re.IGNORECASE
)

_OFFSET_RESET: Final = "share.auto.offset.reset"
_ASSIGNOR: Final = "streams.assignor.name"
_STREAMS_ASSIGNORS: Final = ("sticky",)


@dataclass(frozen=True, slots=True)
class ResourceConfig:
    """One configuration of a group or a client metrics subscription."""

    name: str
    default: str | None
    """None for one that a broker property sets."""
    type: ConfigType
    doc: str
    broker_name: str | None = None
    rule: Rule = any_value


def _offset_reset(value: ConfigValue) -> str | None:
    if value in ("earliest", "latest") or _BY_DURATION.fullmatch(str(value)):
        return None
    return (
        f"Invalid value `{value}` for configuration {_OFFSET_RESET}. The value must be either 'earliest', 'latest' or "
        "of the format 'by_duration:<PnDTnHnMn.nS>'."
    )


def _inherited(name: str, doc: str, type_: ConfigType = ConfigType.INT) -> ResourceConfig:
    rule = PROPERTIES[f"group.{name}"].rule
    # The greatest value is the broker's bound, which may lie above what the broker's own property allows.
    rule = Between(rule.least) if isinstance(rule, Between) else rule
    return ResourceConfig(name, None, type_, doc, f"group.{name}", rule)


def _by_name(configs: Iterable[ResourceConfig]) -> Mapping[str, ResourceConfig]:
    return MappingProxyType({config.name: config for config in configs})


GROUP_CONFIGS: Final = _by_name(
    (
        _inherited("consumer.assignment.interval.ms", "Time between two assignments of a consumer group."),
        _inherited("consumer.heartbeat.interval.ms", "Time between two heartbeats of a consumer group's member."),
        _inherited("consumer.session.timeout.ms", "Time without a heartbeat after which a consumer is removed."),
        ResourceConfig(
            "errors.deadletterqueue.copy.record.enable",
            "false",
            ConfigType.BOOLEAN,
            "Whether a share group's dead letters hold the record that failed.",
        ),
        ResourceConfig(_DEAD_LETTERS, "", ConfigType.STRING, "Topic of a share group's dead letters."),
        _inherited("share.assignment.interval.ms", "Time between two assignments of a share group."),
        ResourceConfig(
            _OFFSET_RESET,
            "latest",
            ConfigType.STRING,
            "Where a share group without offsets starts.",
            rule=_offset_reset,
        ),
        _inherited("share.delivery.count.limit", "How often a record is delivered to a share group at most."),
        _inherited("share.heartbeat.interval.ms", "Time between two heartbeats of a share group's member."),
        ResourceConfig(
            "share.isolation.level",
            "read_uncommitted",
            ConfigType.STRING,
            "Which transactions a share group reads.",
            rule=OneOf(("read_committed", "read_uncommitted")),
        ),
        _inherited("share.partition.max.record.locks", "Most records of a partition that a share group may lock."),
        _inherited("share.record.lock.duration.ms", "How long a record is locked for a share group's member."),
        ResourceConfig(
            "share.renew.acknowledge.enable",
            "true",
            ConfigType.BOOLEAN,
            "Whether a share group's member may extend its lock of a record.",
        ),
        _inherited(
            "share.session.timeout.ms", "Time without a heartbeat after which a share group's member is removed."
        ),
        _inherited("streams.assignment.interval.ms", "Time between two assignments of a streams group."),
        ResourceConfig(
            _ASSIGNOR,
            None,
            ConfigType.STRING,
            "Assignor of a streams group.",
            "group.streams.assignors",
        ),
        _inherited("streams.heartbeat.interval.ms", "Time between two heartbeats of a streams group's member."),
        _inherited("streams.initial.rebalance.delay.ms", "How long the first rebalance of a streams group waits."),
        _inherited("streams.num.standby.replicas", "Standby copies of each task of a streams group."),
        _inherited(
            _RACK_TAGS,
            "Tags that spread the standby copies of a streams group.",
            ConfigType.LIST,
        ),
        _inherited("streams.session.timeout.ms", "Time without a heartbeat after which a streams member is removed."),
    )
)

CLIENT_METRICS_CONFIGS: Final = _by_name(
    (
        ResourceConfig(
            "interval.ms",
            "300000",
            ConfigType.INT,
            "Time between two pushes of metrics.",
            rule=Between(100, 3_600_000),
        ),
        ResourceConfig("match", "", ConfigType.LIST, "Which clients push metrics."),
        ResourceConfig("metrics", "", ConfigType.LIST, "Prefixes of the metrics to push."),
    )
)


_MATCH_ON: Final = frozenset((
    "client_instance_id",
    "client_id",
    "client_software_name",
    "client_software_version",
    "client_source_address",
    "client_source_port",
))  # fmt: skip


def describe_group(values: BrokerValues, own: Mapping[str, str]) -> Iterator[ConfigDescription]:
    """Describe the configurations of a group that sets some of its own."""
    for config in GROUP_CONFIGS.values():
        if config.broker_name is None:
            default = ConfigSynonym(name=config.name, value=config.default, source=ConfigSource.DEFAULT_CONFIG)
            inherited: tuple[ConfigSynonym, ...] = (default,)
        else:
            inherited = synonyms_of(values, PROPERTIES[config.broker_name])
        yield _description(config, own, ConfigSource.GROUP_CONFIG, inherited)


def describe_client_metrics(own: Mapping[str, str]) -> Iterator[ConfigDescription]:
    """Describe the configurations of a client metrics subscription that sets some of its own."""
    for config in CLIENT_METRICS_CONFIGS.values():
        yield _description(config, own, ConfigSource.CLIENT_METRICS_CONFIG, ())


def _description(
    config: ResourceConfig, own: Mapping[str, str], source: ConfigSource, inherited: tuple[ConfigSynonym, ...]
) -> ConfigDescription:
    synonyms = inherited
    if config.name in own:
        synonyms = (ConfigSynonym(name=config.name, value=own[config.name], source=source), *inherited)
    # A value from the broker's start is a default for groups, as Kafka shows it.
    return ConfigDescription(
        name=config.name,
        value=synonyms[0].value if synonyms else config.default,
        source=synonyms[0].source if synonyms else ConfigSource.DEFAULT_CONFIG,
        type=config.type,
        doc=config.doc,
        synonyms=synonyms,
        read_only=False,
        sensitive=False,
    )


def check_group(own: Mapping[str, str], values: BrokerValues) -> None:
    """Check the configurations of a group against each other and the broker's bounds. Raises InvalidConfig.

    What Kafka checks first is checked first: names, then types, then bounds, then pairs of configurations.
    """
    unknown = next((name for name in own if name not in GROUP_CONFIGS), None)
    if unknown is not None:
        raise InvalidConfig(f"Unknown group config name: {unknown}")
    tags = [tag.strip() for tag in own.get(_RACK_TAGS, "").split(",")]
    if len(set(tags)) < len(tags):
        raise InvalidConfig(f"{_RACK_TAGS} must not contain duplicate tag keys.")
    parsed = {name: _parsed(config, own[name]) for name, config in GROUP_CONFIGS.items() if name in own}
    for name, bound in values.config.group_bounds.items():
        value = parsed.get(name)
        problem = bound.problem(name, value) if isinstance(value, int) else None
        if problem is not None:
            raise InvalidConfig(problem)
    assignor = parsed.get(_ASSIGNOR)
    if assignor not in (None, *_STREAMS_ASSIGNORS):
        known = ", ".join(_STREAMS_ASSIGNORS)
        raise InvalidConfig(
            f"{_ASSIGNOR} '{assignor}' is not a registered task assignor. Registered assignors are: [{known}]."
        )
    for kind in ("consumer", "share", "streams"):
        _check_session(kind, own, values)
    if own.get(_DEAD_LETTERS, "").startswith("__"):
        raise InvalidConfig(f"{_DEAD_LETTERS}: DLQ topic name must not start with '__'")


def _parsed(config: ResourceConfig, text: str) -> ConfigValue:
    value = parse_value(config.name, config.type, text)
    problem = config.rule(value)
    if problem is not None:
        raise InvalidConfig(f"Invalid value {text} for configuration {config.name}: {problem}")
    return value


def _check_session(kind: str, own: Mapping[str, str], values: BrokerValues) -> None:
    session, heartbeat = f"{kind}.session.timeout.ms", f"{kind}.heartbeat.interval.ms"
    # A group that sets neither has the broker's own, which are checked at start.
    if session not in own and heartbeat not in own:
        return
    timeout, interval = (
        int(own.get(name) or synonyms_of(values, PROPERTIES[f"group.{name}"])[0].value or 0)
        for name in (session, heartbeat)
    )
    if timeout <= interval:
        raise InvalidConfig(f"{session} must be greater than {heartbeat}")


def check_client_metrics(own: Mapping[str, str]) -> None:
    """Check the configurations of a client metrics subscription. Raises RefusedError and InvalidConfig."""
    for name, text in own.items():
        config = CLIENT_METRICS_CONFIGS.get(name)
        if config is None:
            raise RefusedError(ErrorCode.INVALID_REQUEST, f"Unknown client metrics configuration: {name}")
        value = parse_value(name, config.type, text)
        problem = config.rule(value)
        if problem is not None:
            raise RefusedError(ErrorCode.INVALID_REQUEST, f"Invalid value {text} for {name}: it {problem}")
        if name == "match":
            assert isinstance(value, tuple)
            for pattern in value:
                _check_pattern(pattern)


def _check_pattern(pattern: str) -> None:
    key, equals, expression = pattern.partition("=")
    if not equals or key.strip() not in _MATCH_ON:
        raise InvalidConfig(f"Illegal client matching pattern: {pattern}")
    try:
        re.compile(expression.strip())
    except re.error as error:
        raise InvalidConfig(f"Illegal client matching pattern: {pattern}: {error}") from None
