"""Load a BrokerConfig from settings: precedence, types, and the rules between properties."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Self

from kafkalite.addresses import HostPort
from kafkalite.config import group_bounds, initial_topics, without_effect
from kafkalite.config.broker_config import BrokerConfig
from kafkalite.config.connection_limits import OVERRIDES, PER_IP, check_limits, is_connection_limit
from kafkalite.config.initial_topics import TOPICS_VARIABLE, InitialTopic
from kafkalite.config.listeners import ListenerError, Listeners, resolve
from kafkalite.config.property import ConfigError, Effect
from kafkalite.config.security import (
    SECURITY,
    USERS,
    ListenerSecurity,
    listener_property,
    listener_security,
    parse_users,
)
from kafkalite.config.setting import (
    Setting,
    files_of,
    from_arguments,
    from_environment,
    from_file,
    from_program,
)
from kafkalite.config.table import ADVERTISED_OUTSIDE, BROKERS, FAILED_LOGINS, PROPERTIES
from kafkalite.config.toml_file import TomlFile
from kafkalite.security.protocol import SecurityProtocol
from kafkalite_storage.configs.topic_config import broker_defaults
from kafkalite_storage.configs.values import ConfigValue, format_value
from kafkalite_storage.errors import InvalidConfig

if TYPE_CHECKING:
    from kafkalite.config.ready_made import Made
    from kafkalite.security.authorizer import AuthorizerSettings
    from kafkalite.security.client_access import ClientAccess
    from kafkalite.security.token_issuer import TokenIssuer

_LARGEST_PORT: Final = 65535
_SECONDS: Final = {"ms": 0.001, "minutes": 60.0}


def load(
    *,
    file: Path | None = None,
    environment: Mapping[str, str] | None = None,
    settings: Iterable[str] = (),
    properties: Mapping[str, str] | None = None,
    topics: Iterable[str] = (),
    listen: Iterable[str] = (),
    advertise: str | None = None,
    advertise_outside: str | None = None,
    security: str | None = None,
    brokers: int | None = None,
    data: str | Path | None = None,
    defaults: Mapping[str, str] | None = None,
) -> BrokerConfig:
    """Load the configuration of a broker; raises ConfigError, whose message names the setting and its source.

    The later one wins: Kafka's defaults, `defaults`, `file` (Kafka's properties or TOML, or a folder of such files),
    `environment`, `settings` (`key=value`), `properties`, and then the other six, which are the options of the same
    names. Topics, from `file`, `environment` and `topics` (`NAME:PARTITIONS`), are described once each. Environment
    variables are read from `environment` only.
    """
    options = (
        Setting("listeners", ",".join(listen), "--listen"),
        Setting("advertised.listeners", advertise or "", "--advertise"),
        Setting(ADVERTISED_OUTSIDE, advertise_outside or "", "--advertise-outside"),
        Setting(SECURITY, security or "", "--security"),
        Setting(BROKERS, "" if brokers is None else str(brokers), "--brokers"),
        Setting("log.dirs", "" if data is None else str(data), "--data"),
    )
    files = [] if file is None else files_of(file)
    environment = environment or {}
    given: dict[str, Setting] = {}
    for source in (
        (Setting(name, text, "default of a broker for tests") for name, text in (defaults or {}).items()),
        *(from_file(each) for each in files),
        from_environment(environment),
        from_arguments(settings),
        from_program(properties or {}),
        (option for option in options if option.text),
    ):
        given.update((setting.name, setting) for setting in source)
    described = initial_topics.merged([
        *(topic for each in files if isinstance(each, TomlFile) for topic in initial_topics.from_file(each)),
        *initial_topics.from_list(environment.get(TOPICS_VARIABLE, ""), f"environment variable {TOPICS_VARIABLE}"),
        *(topic for each in topics for topic in initial_topics.from_list(each, "--topics")),
    ])  # fmt: skip
    return broker_config(given, described)


class _Values:
    """Typed access to the values of properties, set or default."""

    def __init__(self, given: Mapping[str, Setting]) -> None:
        self.given = given
        self.parsed = {name: _parsed(setting) for name, setting in given.items()}

    @classmethod
    def of(cls, all_given: Mapping[str, Setting]) -> Self:
        return cls({name: setting for name, setting in all_given.items() if name in PROPERTIES})

    def value(self, name: str) -> ConfigValue | None:
        return self.parsed[name] if name in self.parsed else PROPERTIES[name].default

    def integer(self, name: str) -> int:
        value = self.value(name)
        assert isinstance(value, int)
        return value

    def number(self, name: str) -> float:
        value = self.value(name)
        assert isinstance(value, int | float)
        return value

    def boolean(self, name: str) -> bool:
        return self.integer(name) != 0

    def seconds(self, name: str) -> float:
        return self.integer(name) * _SECONDS[name.rpartition(".")[2]]

    def texts(self, name: str) -> tuple[str, ...]:
        value = self.value(name)
        return value if isinstance(value, tuple) else ()

    def problem(self, name: str, what: str) -> ConfigError:
        origin = self.given[name].origin if name in self.given else "default"
        return ConfigError(f"{origin}: {name}: {what}")


def _parsed(setting: Setting) -> ConfigValue:
    try:
        return PROPERTIES[setting.name].parse(setting.text)
    except ValueError as error:
        raise ConfigError(f"{setting.origin}: {setting.name}: {error}") from None


def broker_config(
    all_given: Mapping[str, Setting], topics: tuple[InitialTopic, ...] = (), *, certified: tuple[str, ...] = ()
) -> BrokerConfig:
    """Return the configuration that settings make. ``certified`` are more host names for a certificate that is made.

    Raises ConfigError.
    """
    values = _Values.of(all_given)
    listeners, outside = _listeners(values), _advertise_outside(values)
    made: Made | None = None
    if any(protocol is not SecurityProtocol.PLAINTEXT for _, protocol in listeners.protocols):
        # Imported here, because most brokers need none of it.
        from kafkalite.config.ready_made import made_for

        made = made_for(listeners, outside, all_given, certified)
        all_given = {**all_given, **made.settings}
        values = _Values.of(all_given)
    security, access = _security(values, all_given, listeners, made)
    given = values.given
    brokers = values.integer(BROKERS)
    _check_ports(values, listeners.listen, brokers)
    idle = values.seconds("connections.max.idle.ms")
    secret = values.value("delegation.token.secret.key")
    config = BrokerConfig(
        node_id=_node_id(values),
        brokers=brokers,
        racks=_racks(values, brokers),
        listen=listeners.listen,
        security=security,
        client_access=access,
        token_issuer=_accepted_issuer(security),
        advertise=listeners.advertise,
        advertise_by_port=listeners.advertise_by_port,
        advertise_outside=outside,
        authorizer=_authorizer(values, access),
        data_dir=_data_dir(values),
        auto_create_topics_immediately=values.boolean("kafkalite.auto.create.topics.immediately"),
        auto_create_topics_enable=values.boolean("auto.create.topics.enable"),
        delete_topic_enable=values.boolean("delete.topic.enable"),
        num_partitions=values.integer("num.partitions"),
        group_bounds=group_bounds.bounds(values),
        group_consumer_assignment_interval=group_bounds.assignment_interval(values, "consumer"),
        group_consumer_assignors=values.texts("group.consumer.assignors"),
        group_consumer_heartbeat_interval=values.seconds("group.consumer.heartbeat.interval.ms"),
        group_consumer_max_size=values.integer("group.consumer.max.size"),
        group_consumer_migration_policy=str(values.value("group.consumer.migration.policy")),
        group_consumer_session_timeout=values.seconds("group.consumer.session.timeout.ms"),
        group_share_assignment_interval=group_bounds.assignment_interval(values, "share"),
        group_share_delivery_count_limit=values.integer("group.share.delivery.count.limit"),
        group_share_heartbeat_interval=values.seconds("group.share.heartbeat.interval.ms"),
        group_share_max_share_sessions=values.integer("group.share.max.share.sessions"),
        group_share_max_size=values.integer("group.share.max.size"),
        group_share_partition_max_record_locks=values.integer("group.share.partition.max.record.locks"),
        group_share_record_lock_duration=values.seconds("group.share.record.lock.duration.ms"),
        group_share_session_timeout=values.seconds("group.share.session.timeout.ms"),
        share_coordinator_snapshot_updates=values.integer("share.coordinator.snapshot.update.records.per.snapshot"),
        group_streams_assignment_interval=group_bounds.assignment_interval(values, "streams"),
        group_streams_heartbeat_interval=values.seconds("group.streams.heartbeat.interval.ms"),
        group_streams_initial_rebalance_delay=values.seconds("group.streams.initial.rebalance.delay.ms"),
        group_streams_max_size=values.integer("group.streams.max.size"),
        group_streams_num_standby_replicas=values.integer("group.streams.num.standby.replicas"),
        group_streams_rack_aware_assignment_tags=values.texts("group.streams.rack.aware.assignment.tags"),
        group_streams_session_timeout=values.seconds("group.streams.session.timeout.ms"),
        group_heartbeat_hold=values.seconds("kafkalite.group.heartbeat.hold.ms"),
        group_initial_rebalance_delay=values.seconds("group.initial.rebalance.delay.ms"),
        group_max_session_timeout=values.seconds("group.max.session.timeout.ms"),
        group_max_size=values.integer("group.max.size"),
        group_min_session_timeout=values.seconds("group.min.session.timeout.ms"),
        offset_metadata_max_bytes=values.integer("offset.metadata.max.bytes"),
        offsets_retention=values.seconds("offsets.retention.minutes"),
        offsets_retention_check_interval=values.seconds("offsets.retention.check.interval.ms"),
        offsets_topic_num_partitions=values.integer("offsets.topic.num.partitions"),
        share_coordinator_state_topic_num_partitions=values.integer("share.coordinator.state.topic.num.partitions"),
        transaction_state_log_num_partitions=values.integer("transaction.state.log.num.partitions"),
        auto_leader_rebalance_enable=values.boolean("auto.leader.rebalance.enable"),
        broker_session_timeout=values.seconds("broker.session.timeout.ms"),
        default_replication_factor=values.integer("default.replication.factor"),
        leader_imbalance_check_interval=float(values.integer("leader.imbalance.check.interval.seconds")),
        offsets_topic_replication_factor=values.integer("offsets.topic.replication.factor"),
        selects_replicas_by_rack=_selects_by_rack(values),
        share_coordinator_state_topic_min_isr=values.integer("share.coordinator.state.topic.min.isr"),
        share_coordinator_state_topic_replication_factor=values.integer(
            "share.coordinator.state.topic.replication.factor"
        ),
        transaction_state_log_min_isr=values.integer("transaction.state.log.min.isr"),
        transaction_state_log_replication_factor=values.integer("transaction.state.log.replication.factor"),
        connections_max_idle=math.inf if idle < 0 else idle,
        connection_failed_authentication_delay=_authentication_delay(values, idle),
        failed_logins_per_minute=values.integer(FAILED_LOGINS),
        delegation_token_secret_key=None if secret is None else str(secret),
        delegation_token_max_lifetime=values.seconds("delegation.token.max.lifetime.ms"),
        delegation_token_expiry_time=values.seconds("delegation.token.expiry.time.ms"),
        delegation_token_expiry_check_interval=values.seconds("delegation.token.expiry.check.interval.ms"),
        fetch_max_bytes=values.integer("fetch.max.bytes"),
        connection_limits=_connection_limits(values, all_given),
        max_incremental_fetch_session_cache_slots=values.integer("max.incremental.fetch.session.cache.slots"),
        max_request_partition_size_limit=values.integer("max.request.partition.size.limit"),
        sasl_server_max_receive_size=values.integer("sasl.server.max.receive.size"),
        socket_request_max_bytes=values.integer("socket.request.max.bytes"),
        quota_window_num=values.integer("quota.window.num"),
        quota_window_size_seconds=values.integer("quota.window.size.seconds"),
        controller_quota_window_num=values.integer("controller.quota.window.num"),
        controller_quota_window_size_seconds=values.integer("controller.quota.window.size.seconds"),
        producer_id_expiration=values.seconds("producer.id.expiration.ms"),
        transaction_max_timeout=values.seconds("transaction.max.timeout.ms"),
        transaction_remove_expired_transaction_cleanup_interval=values.seconds(
            "transaction.remove.expired.transaction.cleanup.interval.ms"
        ),
        transactional_id_expiration=values.seconds("transactional.id.expiration.ms"),
        log_cleaner_backoff=values.seconds("log.cleaner.backoff.ms"),
        log_cleaner_dedupe_buffer_size=values.integer("log.cleaner.dedupe.buffer.size"),
        log_cleaner_enable=values.boolean("log.cleaner.enable"),
        log_cleaner_io_max_bytes_per_second=values.number("log.cleaner.io.max.bytes.per.second"),
        log_flush_offset_checkpoint_interval=values.seconds("log.flush.offset.checkpoint.interval.ms"),
        log_retention_check_interval=values.seconds("log.retention.check.interval.ms"),
        log_defaults=_log_defaults(values),
        topics=topics,
        given=MappingProxyType(given),
        warnings=(
            *_without_effect(all_given, listeners),
            *_unreachable(listeners, outside),
            *_unprotected(listeners, outside),
        ),
    )
    if config.group_min_session_timeout > config.group_max_session_timeout:
        least, most = "group.min.session.timeout.ms", "group.max.session.timeout.ms"
        if most in given:
            raise values.problem(most, f"must not be less than {least}")
        raise values.problem(least, f"must not be greater than {most}")
    broken = group_bounds.broken_rule(values)
    if broken is not None:
        source = given.get(broken.name) or given.get(broken.other)
        raise ConfigError(f"{'default' if source is None else source.origin}: {broken.message}")
    return config


def _listeners(values: _Values) -> Listeners:
    unnamed = SecurityProtocol(str(values.value(SECURITY)).upper())
    listeners = values.texts("listeners")
    if "listeners" not in values.given and unnamed is not SecurityProtocol.PLAINTEXT:
        listeners = tuple(text.rpartition("://")[2] for text in listeners)
    try:
        return resolve(
            listeners,
            values.texts("advertised.listeners"),
            protocol_map=str(values.value("listener.security.protocol.map")),
            controllers=values.texts("controller.listener.names"),
            unnamed=unnamed,
        )
    except ListenerError as error:
        raise values.problem(error.property, str(error)) from None


def _security(
    values: _Values, all_given: Mapping[str, Setting], listeners: Listeners, made: Made | None
) -> tuple[tuple[ListenerSecurity, ...], ClientAccess | None]:
    """Return what protects each listener, and what clients of the first need; None if no listener is protected."""
    try:
        users = parse_users(str(values.value(USERS) or ""))
    except ValueError as error:
        raise values.problem(USERS, str(error)) from None
    issuer = None if made is None else made.issuer
    security = tuple(
        listener_security(name, protocol, all_given, users, issuer) for name, protocol in listeners.protocols
    )
    if made is None:
        return security, None
    from kafkalite.config.ready_made import client_access

    return security, client_access(security[0], users, made)


def _accepted_issuer(security: tuple[ListenerSecurity, ...]) -> TokenIssuer | None:
    found = (listener.sasl.tokens.issuer for listener in security if listener.sasl and listener.sasl.tokens)
    return next((issuer for issuer in found if issuer is not None), None)


def _advertise_outside(values: _Values) -> HostPort | None:
    address = values.value(ADVERTISED_OUTSIDE)
    return HostPort.parse(address) if isinstance(address, str) and address else None


def _node_id(values: _Values) -> int:
    node_id, broker_id = values.integer("node.id"), values.value("broker.id")
    if not isinstance(broker_id, int) or broker_id == -1:
        return node_id
    if "node.id" in values.given and node_id != broker_id:
        raise values.problem("broker.id", f"{broker_id} differs from node.id, which is {node_id}")
    return broker_id


def _authorizer(values: _Values, access: ClientAccess | None) -> AuthorizerSettings | None:
    if not values.value("authorizer.class.name"):
        return None
    # Imported here, because most brokers need none of it.
    from kafkalite.security.authorizer import AuthorizerSettings

    super_users = frozenset(filter(None, (user.strip() for user in str(values.value("super.users")).split(";"))))
    unclear = next((user for user in super_users if ":" not in user), None)
    if unclear is not None:
        raise values.problem("super.users", f"{unclear!r} is not of the form User:NAME")
    if access is not None and access.ready_made_principal is not None:
        super_users |= {access.ready_made_principal}
    return AuthorizerSettings(
        super_users=super_users, allow_everyone_if_no_acl_found=values.boolean("allow.everyone.if.no.acl.found")
    )


def _racks(values: _Values, brokers: int) -> tuple[str | None, ...]:
    racks = values.value("broker.rack")
    if not isinstance(racks, str) or not racks:
        return (None,) * brokers
    each = (racks,) if brokers == 1 else tuple(rack.strip() for rack in racks.split(","))
    if len(each) != brokers:
        raise values.problem("broker.rack", f"{len(each)} racks for {brokers} brokers; it takes one for each")
    return each


def _selects_by_rack(values: _Values) -> bool:
    name = values.value("replica.selector.class")
    if not isinstance(name, str) or not name:
        return False
    kind = name.rpartition(".")[2]
    if kind not in ("RackAwareReplicaSelector", "LeaderSelector"):
        raise values.problem("replica.selector.class", f"{name} is not RackAwareReplicaSelector")
    return kind == "RackAwareReplicaSelector"


def _authentication_delay(values: _Values, idle: float) -> float:
    name = "connection.failed.authentication.delay.ms"
    delay = values.seconds(name)
    if 0 <= idle <= delay:
        raise values.problem(name, "must be less than connections.max.idle.ms, or clients are closed without an answer")
    return delay


def _check_ports(values: _Values, listen: tuple[HostPort, ...], brokers: int) -> None:
    taken = [address.port + number for address in listen if address.port for number in range(brokers)]
    if brokers > 1 and len(set(taken)) < len(taken):
        raise values.problem(
            "listeners", f"{brokers} brokers need {brokers} consecutive ports for each listener, and these overlap"
        )
    if any(port > _LARGEST_PORT for port in taken):
        raise values.problem("listeners", f"{brokers} brokers need ports up to {max(taken)}")


def _data_dir(values: _Values) -> Path:
    name = "log.dirs" if "log.dirs" in values.given else "log.dir"
    directories = values.texts(name)
    if len(directories) != 1 or not directories[0]:
        raise values.problem(name, "exactly one data directory is needed")
    return Path(directories[0]).expanduser()


def _log_defaults(values: _Values) -> Mapping[str, str]:
    defaults = {
        name: format_value(value)
        for name, value in values.parsed.items()
        if PROPERTIES[name].effect is Effect.TOPIC_DEFAULT
    }
    try:
        broker_defaults(defaults)
    except InvalidConfig as error:
        raise ConfigError(str(error)) from None
    return MappingProxyType(defaults)


def _connection_limits(values: _Values, all_given: Mapping[str, Setting]) -> Mapping[str, str]:
    limits = {name: setting for name, setting in all_given.items() if is_connection_limit(name)}
    for name, setting in limits.items():
        try:
            check_limits({name: setting.text})
        except InvalidConfig as error:
            raise ConfigError(f"{setting.origin}: {error}") from None
    if values.integer(PER_IP) == 0 and OVERRIDES not in limits:
        raise values.problem(PER_IP, f"0 is allowed only with {OVERRIDES}")
    return MappingProxyType({name: setting.text for name, setting in limits.items()})


def _without_effect(given: Mapping[str, Setting], listeners: Listeners) -> list[str]:
    reasons = {
        name: PROPERTIES[name].doc if name in PROPERTIES else without_effect.foreign(name) or ""
        for name in given
        if listener_property(name) is None
        and not is_connection_limit(name)
        and (name not in PROPERTIES or PROPERTIES[name].effect is Effect.NONE)
    }
    warnings: list[str] = []
    if len(reasons) == 1:
        ((name, reason),) = reasons.items()
        warnings.append(f"{given[name].origin}: {name} has no effect here: {reason}")
    elif reasons:
        warnings.append(f"{len(reasons)} properties have no effect here: {', '.join(sorted(reasons))}")
    if listeners.not_opened:
        warnings.append(f"not listening on {', '.join(listeners.not_opened)}: there is no separate controller")
    return warnings


def _unreachable(listeners: Listeners, outside: HostPort | None) -> list[str]:
    if listeners.advertise or outside:
        return []
    return [
        f"listening on {address} without --advertise: clients are sent to the address that they connected to, "
        "which fails behind a port mapping"
        for address in listeners.listen
        if not address.is_loopback and address.port not in listeners.advertise_by_port
    ]


def _unprotected(listeners: Listeners, outside: HostPort | None) -> list[str]:
    if outside:
        return []  # in a container its user decides which ports are published
    exposed = [
        str(address)
        for address, (_, protocol) in zip(listeners.listen, listeners.protocols, strict=True)
        if protocol is SecurityProtocol.PLAINTEXT and not address.is_loopback
    ]
    if not exposed:
        return []
    return [
        f"anyone who can reach {' or '.join(exposed)} can read and write all data; --security sasl_ssl asks for a login"
    ]
