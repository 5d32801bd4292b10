"""All broker properties of Kafka 4.4 and of kafkalite, each described once."""

import sys
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from kafkalite.addresses import address_for_clients, numbers_of_addresses
from kafkalite.config import group_bounds, without_effect
from kafkalite.config.property import Effect, Property
from kafkalite_storage.configs.topic_config import TOPIC_CONFIGS
from kafkalite_storage.configs.values import Between, ConfigType, ConfigValue, OneOf, Rule, any_value, parse_value
from kafkalite_storage.errors import InvalidConfig

DEFAULT_DATA_DIR: Final = "./kafkalite-data"
AUTHORIZER: Final = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
ADVERTISED_OUTSIDE: Final = "kafkalite.advertised.outside"
FAILED_LOGINS: Final = "kafkalite.failed.authentications.per.ip.per.minute"
BROKERS: Final = "kafkalite.brokers"

BOOLEAN, CLASS, STRING, INT, SHORT, LONG, DOUBLE, LIST, PASSWORD = (
    ConfigType.BOOLEAN,
    ConfigType.CLASS,
    ConfigType.STRING,
    ConfigType.INT,
    ConfigType.SHORT,
    ConfigType.LONG,
    ConfigType.DOUBLE,
    ConfigType.LIST,
    ConfigType.PASSWORD,
)
_PROTOCOLS: Final = ("SASL_SSL", "PLAINTEXT", "SSL", "SASL_PLAINTEXT")
_LARGEST_INT: Final = (1 << 31) - 1
_ASSIGNORS: Final = ("uniform", "range", "roundrobin")
_DYNAMIC: Final = frozenset((
    ADVERTISED_OUTSIDE,
    *group_bounds.ASSIGNMENT_INTERVALS,
    "log.cleaner.backoff.ms",
    "log.cleaner.dedupe.buffer.size",
    "log.cleaner.io.max.bytes.per.second",
    "max.connection.creation.rate",
    "max.connections",
    "max.connections.per.ip",
    "max.connections.per.ip.overrides",
))  # fmt: skip
"""Properties that act and may be changed at run time; of topics' defaults, those with the strongest names."""
_Row = tuple[str, ConfigType, ConfigValue | None, Rule, str]


def _rows(section: str, rows: Iterable[_Row], effect: Effect = Effect.HONOURED) -> list[Property]:
    return [
        Property(
            name=name,
            type=kind,
            default=default,
            rule=rule,
            doc=doc,
            section=section,
            effect=effect,
            dynamic=name in _DYNAMIC,
        )
        for name, kind, default, rule, doc in rows
    ]


def _includes_broker(value: ConfigValue) -> str | None:
    roles = value if isinstance(value, tuple) else ()
    return OneOf(("broker", "controller"))(value) or (None if "broker" in roles else "must include broker")


def _is_authorizer(value: ConfigValue) -> str | None:
    return None if value in ("", AUTHORIZER) else f"only {AUTHORIZER} is supported"


def _is_overrides(value: ConfigValue) -> str | None:
    try:
        numbers_of_addresses(str(value))
    except ValueError as error:
        return str(error)
    return None


_HONOURED: Final = [
    *_rows("Address and data", (
        ("node.id", INT, 1, Between(0),
         "Id of this broker."),
        ("broker.id", INT, -1, Between(-1),
         "Older name of node.id; if both are set they must be equal."),
        ("process.roles", LIST, ("broker", "controller"), _includes_broker,
         "Roles of the process, which must include broker; there is no separate controller."),
        ("listeners", LIST, ("PLAINTEXT://127.0.0.1:9092",), any_value,
         "Addresses to listen on: HOST:PORT or NAME://HOST:PORT; port 0 is any free one, no host all. Also --listen."),
        ("advertised.listeners", LIST, None, any_value,
         "Address to send clients to, by listener, or one for all; default: where they connected. Also --advertise."),
        ("listener.security.protocol.map", STRING, ",".join(f"{name}:{name}" for name in _PROTOCOLS), any_value,
         "Security protocol of each listener name, as NAME:PROTOCOL."),
        ("controller.listener.names", LIST, None, any_value,
         "Names of listeners that are not opened, because there is no separate controller."),
        (ADVERTISED_OUTSIDE, STRING, None, address_for_clients,
         "Address for clients from outside of a container's network. Also --advertise-outside."),
        ("log.dirs", LIST, None, any_value,
         "Data directory, exactly one. Also --data."),
        ("log.dir", LIST, (DEFAULT_DATA_DIR,), any_value,
         "Data directory if log.dirs is not set."),
    )),
    *_rows("TLS and SASL", (
        ("kafkalite.security", STRING, "plaintext", OneOf(("plaintext", "ssl", "sasl_plaintext", "sasl_ssl")),
         "Protocol of listeners without a name; certificates and a user are made unless set. Also --security."),
        ("ssl.keystore.location", STRING, None, any_value,
         "File with the broker's certificate chain and key."),
        ("ssl.keystore.type", STRING, "JKS", any_value,
         "Format of ssl.keystore.location: PEM or PKCS12; JKS is not read."),
        ("ssl.keystore.password", PASSWORD, None, any_value,
         "Password of a PKCS12 keystore."),
        ("ssl.keystore.certificate.chain", PASSWORD, None, any_value,
         "The broker's certificate chain as PEM text, in place of a file."),
        ("ssl.keystore.key", PASSWORD, None, any_value,
         "The broker's private key as PEM text."),
        ("ssl.key.password", PASSWORD, None, any_value,
         "Password of the private key."),
        ("ssl.truststore.location", STRING, None, any_value,
         "File with the authorities that client certificates are checked with."),
        ("ssl.truststore.type", STRING, "JKS", any_value,
         "Format of ssl.truststore.location: PEM or PKCS12; JKS is not read."),
        ("ssl.truststore.password", PASSWORD, None, any_value,
         "Password of a PKCS12 truststore."),
        ("ssl.truststore.certificates", PASSWORD, None, any_value,
         "The authorities as PEM text, in place of a file."),
        ("ssl.client.auth", STRING, "none", OneOf(("none", "requested", "required")),
         "Whether clients must have a certificate (mutual TLS)."),
        ("ssl.principal.mapping.rules", STRING, "DEFAULT", any_value,
         "Users of client certificates: rules from their subjects, as RULE:PATTERN/REPLACEMENT/ or DEFAULT."),
        ("ssl.enabled.protocols", LIST, ("TLSv1.2", "TLSv1.3"), OneOf(("TLSv1.2", "TLSv1.3")),
         "Versions of TLS."),
        ("ssl.cipher.suites", LIST, (), any_value,
         "Cipher suites of TLS 1.2, by OpenSSL's names; empty for OpenSSL's choice."),
        ("sasl.enabled.mechanisms", LIST, ("GSSAPI",), any_value,
         "SASL mechanisms: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER. A listener with SASL must set them."),
        ("sasl.jaas.config", PASSWORD, None, any_value,
         "Users of PLAIN (Kafka's PlainLoginModule), or rules for unsecured tokens (OAuthBearerLoginModule)."),
        ("kafkalite.sasl.users", PASSWORD, None, any_value,
         "Users of PLAIN and SCRAM, as NAME:PASSWORD,NAME:PASSWORD."),
        ("sasl.server.callback.handler.class", CLASS, None, any_value,
         "For OAUTHBEARER: Kafka's class that checks signed tokens, or unsecured ones; default: what else is set."),
        ("sasl.oauthbearer.jwks.endpoint.url", STRING, None, any_value,
         "Where the keys that prove tokens are: an https, http or file URL of a JSON Web Key Set."),
        ("sasl.oauthbearer.jwks.endpoint.refresh.ms", LONG, 3_600_000, Between(1),
         "How often these keys are fetched again."),
        ("sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", LONG, 100, Between(1),
         "Pause after the first failure to fetch them; it doubles with each."),
        ("sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms", LONG, 10_000, Between(1),
         "Longest pause after a failure to fetch them."),
        ("sasl.oauthbearer.expected.audience", LIST, (), any_value,
         "Audiences (aud), one of which a token must name."),
        ("sasl.oauthbearer.expected.issuer", STRING, None, any_value,
         "Issuer (iss) that a token must name."),
        ("sasl.oauthbearer.allow.unverified.audience", BOOLEAN, False, any_value,
         "Whether tokens for any audience are accepted, where none is expected."),
        ("sasl.oauthbearer.allow.unverified.issuer", BOOLEAN, False, any_value,
         "Whether tokens of any issuer are accepted, where none is expected."),
        ("sasl.oauthbearer.clock.skew.seconds", INT, 30, Between(0),
         "Difference that is allowed between the clocks of issuer and broker."),
        ("sasl.oauthbearer.sub.claim.name", STRING, "sub", any_value,
         "Claim of a token that holds the user."),
        ("sasl.oauthbearer.scope.claim.name", STRING, "scope", any_value,
         "Claim of a token that holds the scope."),
        ("delegation.token.secret.key", PASSWORD, None, any_value,
         "Secret of delegation tokens (KIP-48); without it there are none."),
        ("delegation.token.max.lifetime.ms", LONG, 604_800_000, Between(1),
         "Time after which a delegation token cannot be renewed."),
        ("delegation.token.expiry.time.ms", LONG, 86_400_000, Between(1),
         "Time after which a delegation token has to be renewed."),
        ("delegation.token.expiry.check.interval.ms", LONG, 3_600_000, Between(1),
         "How often delegation tokens that have expired are removed."),
        ("sasl.server.max.receive.size", INT, 524_288, any_value,
         "Maximum size of a request before the client has authenticated."),
        ("connection.failed.authentication.delay.ms", INT, 100, Between(0),
         "How long a failed authentication waits for its response."),
        (FAILED_LOGINS, INT, 600, Between(1),
         "Logins of one address that may fail in a minute; above it, its connections are held up and closed."),
        ("connections.max.reauth.ms", LONG, 0, any_value,
         "Time after which a client must authenticate again (KIP-368); 0: never."),
    )),
    *_rows("Authorization", (
        ("authorizer.class.name", STRING, "", _is_authorizer,
         f"{AUTHORIZER} lets clients do only what access control entries allow."),
        ("super.users", STRING, "", any_value,
         "Principals that may do everything, as User:NAME;User:NAME."),
        ("allow.everyone.if.no.acl.found", BOOLEAN, False, any_value,
         "Whether everyone may do everything with a resource that has no access control entry."),
    )),
    *_rows("Topics", (
        ("auto.create.topics.enable", BOOLEAN, True, any_value,
         "Whether to create a topic that a client asks for, if the client allows it."),
        ("kafkalite.auto.create.topics.immediately", BOOLEAN, False, any_value,
         "Whether the answer that creates a topic describes it; otherwise, as in Kafka, only the next one does."),
        ("delete.topic.enable", BOOLEAN, True, any_value,
         "Whether clients may delete topics."),
        ("num.partitions", INT, 1, Between(1),
         "Partitions of a topic that is created without a number."),
    )),
    *_rows("Several brokers", (
        (BROKERS, INT, 1, Between(1, 100),
         "Brokers of the cluster, in this process, with consecutive ids and ports. Also --brokers."),
        ("auto.leader.rebalance.enable", BOOLEAN, True, any_value,
         "Whether partitions go back to their preferred leaders from time to time."),
        ("broker.rack", STRING, None, any_value,
         "Rack of the broker; with several brokers one for each, with commas."),
        ("broker.session.timeout.ms", INT, 9_000, Between(0),
         "How long the partitions of a broker that was killed stay without a leader."),
        ("default.replication.factor", INT, 1, Between(1),
         "Replicas of a topic that is created without a number, at most one for each broker."),
        ("leader.imbalance.check.interval.seconds", LONG, 300, Between(1),
         "Interval between two checks for partitions that are not led by their preferred leaders."),
        ("offsets.topic.replication.factor", SHORT, 3, Between(1),
         "Replicas of __consumer_offsets, at most one for each broker."),
        ("replica.selector.class", STRING, None, any_value,
         "RackAwareReplicaSelector sends consumers to a replica in their own rack (KIP-392)."),
        ("share.coordinator.state.topic.min.isr", SHORT, 2, Between(1),
         "min.insync.replicas of __share_group_state, at most one for each broker."),
        ("share.coordinator.state.topic.replication.factor", SHORT, 3, Between(1),
         "Replicas of __share_group_state, at most one for each broker."),
        ("transaction.state.log.min.isr", INT, 2, Between(1),
         "min.insync.replicas of __transaction_state, at most one for each broker."),
        ("transaction.state.log.replication.factor", SHORT, 3, Between(1),
         "Replicas of __transaction_state, at most one for each broker."),
    )),
    *_rows("Consumer groups", (
        ("group.consumer.assignment.interval.ms", INT, 0, Between(0),
         "Least time between two assignments of a group of the consumer protocol (Kafka: 1000 ms)."),
        ("group.consumer.assignors", LIST, _ASSIGNORS, OneOf(_ASSIGNORS),
         "Assignors that members may ask for; the first one is for those that do not ask. Kafka has no roundrobin."),
        ("group.consumer.heartbeat.interval.ms", INT, 5_000, Between(1),
         "Time between two heartbeats of a member of the consumer protocol."),
        ("group.consumer.max.size", INT, _LARGEST_INT, Between(1),
         "Maximum number of members of a group of the consumer protocol."),
        ("group.consumer.migration.policy", STRING, "bidirectional",
         OneOf(("bidirectional", "upgrade", "downgrade", "disabled")),
         "In which directions a group with members changes between the classic and the consumer protocol."),
        ("group.consumer.session.timeout.ms", INT, 45_000, Between(1),
         "Time without a heartbeat after which a member of the consumer protocol is removed."),
        ("group.share.assignment.interval.ms", INT, 0, Between(0),
         "Least time between two assignments of a share group (Kafka: 1000 ms)."),
        ("group.share.delivery.count.limit", INT, 5, Between(2, 10),
         "How often a record is delivered to a share group before it is archived."),
        ("group.share.heartbeat.interval.ms", INT, 5_000, Between(1),
         "Time between two heartbeats of a member of a share group."),
        ("group.share.max.share.sessions", INT, 2_000, Between(1),
         "Maximum number of share sessions at a broker."),
        ("group.share.max.size", INT, 200, Between(1, 1_000),
         "Maximum number of members of a share group."),
        ("group.share.partition.max.record.locks", INT, 2_000, Between(100, 10_000),
         "Maximum number of records of a partition that are delivered and not finished."),
        ("group.share.record.lock.duration.ms", INT, 30_000, Between(1_000, 3_600_000),
         "How long a record is locked for the member of a share group that has acquired it."),
        ("group.share.session.timeout.ms", INT, 45_000, Between(1),
         "Time without a heartbeat after which a member of a share group is removed."),
        ("group.streams.assignment.interval.ms", INT, 0, Between(0),
         "Least time between two assignments of a streams group (Kafka: 1000 ms)."),
        ("group.streams.heartbeat.interval.ms", INT, 5_000, Between(1),
         "Time between two heartbeats of a member of a streams group."),
        ("group.streams.initial.rebalance.delay.ms", INT, 0, Between(0),
         "How long the first assignment of an empty streams group waits for further members (Kafka: 3000 ms)."),
        ("group.streams.max.size", INT, _LARGEST_INT, Between(1),
         "Maximum number of members of a streams group."),
        ("group.streams.num.standby.replicas", INT, 0, Between(0),
         "Standby copies of each task of a streams group."),
        ("group.streams.rack.aware.assignment.tags", LIST, (), any_value,
         "Tags that members of streams groups are to have. As in Kafka 4.4, the assignor does not use them."),
        ("group.streams.session.timeout.ms", INT, 45_000, Between(1),
         "Time without a heartbeat after which a member of a streams group is removed."),
        ("group.initial.rebalance.delay.ms", INT, 0, Between(0),
         "How long the first rebalance of an empty group waits for further members (Kafka: 3000 ms)."),
        ("group.max.session.timeout.ms", INT, 1_800_000, Between(1),
         "Maximum session timeout of a consumer."),
        ("group.max.size", INT, _LARGEST_INT, Between(1),
         "Maximum number of members of a group."),
        ("group.min.session.timeout.ms", INT, 6_000, Between(1),
         "Minimum session timeout of a consumer. Lower it to make tests of crashes fast."),
        ("kafkalite.group.heartbeat.hold.ms", INT, 0, Between(0),
         "How long a heartbeat's response may wait for a rebalance; 0 responds at once, as Kafka does."),
        ("offset.metadata.max.bytes", INT, 4096, Between(0),
         "Maximum length of the metadata of a committed offset."),
        ("offsets.retention.check.interval.ms", LONG, 600_000, Between(1),
         "Interval between checks for expired offsets."),
        ("offsets.retention.minutes", INT, 10_080, Between(1),
         "How long committed offsets are kept after the last member has left the group."),
        ("offsets.topic.num.partitions", INT, 50, Between(1),
         "Partitions of __consumer_offsets, when it is created."),
        ("share.coordinator.snapshot.update.records.per.snapshot", INT, 500, Between(0, 500),
         "Updates of a share group's state between two records of the whole state."),
        ("share.coordinator.state.topic.num.partitions", INT, 50, Between(1),
         "Partitions of __share_group_state, when it is created."),
        ("transaction.state.log.num.partitions", INT, 50, Between(1),
         "Partitions of __transaction_state, when it is created."),
    )),
    *group_bounds.properties("Consumer groups"),
    *_rows("Limits", (
        ("connections.max.idle.ms", LONG, 600_000, any_value,
         "Idle time after which a connection is closed; negative: never."),
        ("fetch.max.bytes", INT, 55 * 1024 * 1024, Between(1024),
         "Maximum bytes of records in a fetch response, even if the consumer allows more."),
        ("max.connections", INT, _LARGEST_INT, Between(0),
         "Maximum number of connections; further ones are accepted when others end. Also of a listener."),
        ("max.connections.per.ip", INT, _LARGEST_INT, Between(0),
         "Maximum number of connections from an address; further ones are closed at once."),
        ("max.connections.per.ip.overrides", STRING, "", _is_overrides,
         "Other numbers for single addresses, as ADDRESS:NUMBER,ADDRESS:NUMBER."),
        ("max.connection.creation.rate", INT, _LARGEST_INT, Between(0),
         "Maximum number of new connections per second; further ones are accepted later. Also of a listener."),
        ("max.incremental.fetch.session.cache.slots", INT, 1000, Between(0),
         "Maximum number of fetch sessions; a consumer without one sends its partitions each time."),
        ("max.request.partition.size.limit", INT, 2000, Between(1),
         "Maximum number of partitions in a DescribeTopicPartitions response."),
        ("socket.request.max.bytes", INT, 100 * 1024 * 1024, Between(1),
         "Maximum size of a request; a larger one closes the connection."),
    )),
    *_rows("Quotas", (
        ("quota.window.num", INT, 11, Between(1),
         "Number of samples that the rates of clients are measured over."),
        ("quota.window.size.seconds", INT, 1, Between(1),
         "Seconds of each sample."),
        ("controller.quota.window.num", INT, 11, Between(1),
         "Number of samples of the quotas of new and deleted partitions, which may be used up at once."),
        ("controller.quota.window.size.seconds", INT, 1, Between(1),
         "Seconds of each of these samples."),
    )),
    *_rows("Producers", (
        ("producer.id.expiration.ms", INT, 86_400_000, Between(1),
         "How long a partition keeps the sequence numbers of an inactive producer."),
        ("transaction.max.timeout.ms", INT, 900_000, Between(1),
         "Maximum transaction timeout that a producer may ask for."),
        ("transaction.remove.expired.transaction.cleanup.interval.ms", INT, 3_600_000, Between(1),
         "Interval between checks for expired transactional ids."),
        ("transactional.id.expiration.ms", INT, 604_800_000, Between(1),
         "How long an unused transactional id is kept."),
    )),
    *_rows("Log maintenance", (
        ("log.cleaner.backoff.ms", LONG, 15_000, Between(0),
         "Interval between checks for a log to compact; at least 100 ms."),
        ("log.cleaner.dedupe.buffer.size", LONG, 134_217_728, any_value,
         "Memory for the keys of a log under compaction; with more keys, compaction takes several passes."),
        ("log.cleaner.enable", BOOLEAN, True, any_value,
         "Whether to compact topics with cleanup.policy=compact, including internal topics."),
        ("log.cleaner.io.max.bytes.per.second", DOUBLE, sys.float_info.max, any_value,
         "Maximum bytes that compaction reads and writes per second."),
        ("log.flush.offset.checkpoint.interval.ms", INT, 60_000, Between(0),
         "Interval between recovery checkpoints."),
        ("log.retention.check.interval.ms", LONG, 300_000, Between(1),
         "Interval between retention checks; the first is after 30 s at most."),
    )),
]  # fmt: skip


def _topic_defaults() -> Iterable[Property]:
    for topic_config in TOPIC_CONFIGS.values():
        for name, factor in topic_config.broker_names:
            weakest = name == topic_config.broker_names[-1][0]
            default = topic_config.default if weakest else None
            if factor != 1 and isinstance(default, int):
                default //= factor
            yield Property(
                name=name,
                # Kafka counts hours and minutes in 32 bits, milliseconds in 64.
                type=topic_config.type if factor == 1 else ConfigType.INT,
                default=default,
                doc=topic_config.doc,
                section="Defaults of topics",
                effect=Effect.TOPIC_DEFAULT,
                rule=topic_config.rule if weakest or factor == 1 else any_value,
                topic_config=topic_config.name,
                dynamic=topic_config.broker_names[0][0] == name,
            )


PROPERTIES: Final[Mapping[str, Property]] = MappingProxyType({
    property_.name: property_ for property_ in (*_HONOURED, *_topic_defaults(), *without_effect.properties())
})  # fmt: skip


def names_for_same_value(known: Property) -> tuple[str, ...]:
    """Return the properties that set the same value, strongest first: log.retention.ms, .minutes and .hours."""
    if known.topic_config is None:
        return (known.name,)
    return tuple(name for name, _ in TOPIC_CONFIGS[known.topic_config].broker_names)


def check_changes(changes: Mapping[str, str | None]) -> None:
    """Check new values of properties, None for those to be reset; raises InvalidConfig.

    Unknown properties are accepted, as in Kafka, whose plug-ins may have properties of their own.
    """
    given = {name: value for name, value in changes.items() if value is not None}
    fixed = [name for name in given if name in PROPERTIES and not PROPERTIES[name].dynamic]
    if fixed:
        raise InvalidConfig(f"Cannot update these configs dynamically: [{', '.join(fixed)}]")
    for name, text in given.items():
        known = PROPERTIES.get(name)
        if known is not None:
            problem = known.rule(parse_value(name, known.type, text))
            if problem is not None:
                raise InvalidConfig(f"Invalid value {text} for configuration {name}: {problem}")
