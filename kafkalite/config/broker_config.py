"""The broker's configuration as the program uses it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from kafkalite.addresses import HostPort
from kafkalite.config.group_bounds import GroupBound
from kafkalite.config.initial_topics import InitialTopic
from kafkalite.config.security import ListenerSecurity
from kafkalite.config.setting import Setting
from kafkalite_wire.values import value_class

if TYPE_CHECKING:
    from kafkalite.security.authorizer import AuthorizerSettings
    from kafkalite.security.client_access import ClientAccess
    from kafkalite.security.token_issuer import TokenIssuer


@value_class(kw_only=True)
class BrokerConfig:
    """Checked values of all honoured properties, under Kafka's names; times are seconds, sizes bytes.

    `kafkalite.config.load` returns one with all defaults; vary it with `dataclasses.replace`.
    """

    node_id: int
    """The id of the first broker."""
    brokers: int
    """How many brokers there are, with consecutive ids."""
    racks: tuple[str | None, ...]
    """The rack of each broker."""
    listen: tuple[HostPort, ...]
    security: tuple[ListenerSecurity, ...]
    """What protects each listener, in the order of `listen`."""
    client_access: ClientAccess | None
    """What a client of the first listener needs besides the address, as far as it is known; None without security."""
    token_issuer: TokenIssuer | None
    """What makes the tokens of OAUTHBEARER that listeners accept; None where another issuer does."""
    advertise: HostPort | None
    advertise_by_port: Mapping[int, HostPort]
    """The addresses of listeners that have one of their own, by the port that they listen on."""
    advertise_outside: HostPort | None
    """For clients that do not come from a network of the container; set only in a container."""
    authorizer: AuthorizerSettings | None
    """What the authorizer depends on; None where every client may do everything."""
    data_dir: Path

    auto_create_topics_enable: bool
    auto_create_topics_immediately: bool
    delete_topic_enable: bool
    num_partitions: int

    group_bounds: Mapping[str, GroupBound]
    """What groups may set of their own, by the names of group configurations (`consumer.session.timeout.ms`)."""
    group_consumer_assignment_interval: float
    group_consumer_assignors: tuple[str, ...]
    group_consumer_heartbeat_interval: float
    group_consumer_max_size: int
    group_consumer_migration_policy: str
    group_consumer_session_timeout: float
    group_share_assignment_interval: float
    group_share_delivery_count_limit: int
    group_share_heartbeat_interval: float
    group_share_max_share_sessions: int
    group_share_max_size: int
    group_share_partition_max_record_locks: int
    group_share_record_lock_duration: float
    group_share_session_timeout: float
    share_coordinator_snapshot_updates: int
    group_streams_assignment_interval: float
    group_streams_heartbeat_interval: float
    group_streams_initial_rebalance_delay: float
    group_streams_max_size: int
    group_streams_num_standby_replicas: int
    group_streams_rack_aware_assignment_tags: tuple[str, ...]
    group_streams_session_timeout: float
    group_heartbeat_hold: float
    group_initial_rebalance_delay: float
    group_max_session_timeout: float
    group_max_size: int
    group_min_session_timeout: float
    offset_metadata_max_bytes: int
    offsets_retention: float
    offsets_retention_check_interval: float
    offsets_topic_num_partitions: int
    share_coordinator_state_topic_num_partitions: int
    transaction_state_log_num_partitions: int

    auto_leader_rebalance_enable: bool
    broker_session_timeout: float
    default_replication_factor: int
    leader_imbalance_check_interval: float
    offsets_topic_replication_factor: int
    selects_replicas_by_rack: bool
    share_coordinator_state_topic_min_isr: int
    share_coordinator_state_topic_replication_factor: int
    transaction_state_log_min_isr: int
    transaction_state_log_replication_factor: int

    delegation_token_secret_key: str | None = field(repr=False)
    """None where there are no delegation tokens."""
    delegation_token_max_lifetime: float
    delegation_token_expiry_time: float
    delegation_token_expiry_check_interval: float

    connections_max_idle: float
    """Infinite where connections are never closed for being idle."""
    connection_failed_authentication_delay: float
    failed_logins_per_minute: int
    """Of one address."""
    fetch_max_bytes: int
    connection_limits: Mapping[str, str]
    """The limits of connections that were set, by property; see `kafkalite.config.connection_limits`."""
    max_incremental_fetch_session_cache_slots: int
    max_request_partition_size_limit: int
    sasl_server_max_receive_size: int
    socket_request_max_bytes: int

    quota_window_num: int
    quota_window_size_seconds: int
    controller_quota_window_num: int
    controller_quota_window_size_seconds: int

    producer_id_expiration: float
    transaction_max_timeout: float
    transaction_remove_expired_transaction_cleanup_interval: float
    transactional_id_expiration: float

    log_cleaner_backoff: float
    log_cleaner_dedupe_buffer_size: int
    log_cleaner_enable: bool
    log_cleaner_io_max_bytes_per_second: float
    log_flush_offset_checkpoint_interval: float
    log_retention_check_interval: float
    log_defaults: Mapping[str, str]
    """The defaults of topics that were set, under the broker's names (`log.segment.bytes`) in their units;
    `kafkalite_storage` derives the configuration of a topic from them."""

    topics: tuple[InitialTopic, ...]
    """The topics to create at start."""
    given: Mapping[str, Setting] = field(repr=False)  # some of them are secrets
    """The properties that were set, and where."""
    warnings: tuple[str, ...]
    """What the user should know about these settings."""

    @property
    def broker_ids(self) -> range:
        """The ids of all brokers."""
        return range(self.node_id, self.node_id + self.brokers)

    def of_broker(self, number: int) -> BrokerConfig:
        """Return the configuration of one broker, counted from 0: its id, ports and rack; the rest is shared."""
        if self.brokers == 1:
            return self
        return replace(
            self,
            node_id=self.node_id + number,
            racks=(self.racks[number],),
            listen=tuple(_moved(address, number) for address in self.listen),
            advertise=None if self.advertise is None else _moved(self.advertise, number),
            advertise_by_port={
                port + number: _moved(address, number) for port, address in self.advertise_by_port.items()
            },
            advertise_outside=None if self.advertise_outside is None else _moved(self.advertise_outside, number),
            given={name: self._given(setting, number) for name, setting in self.given.items()},
        )

    def _given(self, setting: Setting, number: int) -> Setting:
        if setting.name == "broker.rack":
            return replace(setting, text=self.racks[number] or "")
        if setting.name in ("listeners", "advertised.listeners"):
            addresses = (_moved_text(text.strip(), number) for text in setting.text.split(","))
            return replace(setting, text=",".join(addresses))
        return setting


def _moved(address: HostPort, by: int) -> HostPort:
    return HostPort(address.host, address.port + by if address.port else 0)


def _moved_text(text: str, by: int) -> str:
    rest, colon, port = text.rpartition(":")
    return f"{rest}{colon}{int(port) + by}" if port.isdecimal() and int(port) else text
