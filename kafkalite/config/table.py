"""All broker properties that kafkalite accepts, each described once."""

import sys
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from kafkalite.config.address import address_for_clients
from kafkalite.config.property import Effect, Property
from kafkalite_storage.configs.topic_config import TOPIC_CONFIGS
from kafkalite_storage.configs.values import Between, ConfigType, ConfigValue, OneOf, Rule, any_value

DEFAULT_DATA_DIR: Final = "./kafkalite-data"
ADVERTISED_OUTSIDE: Final = "kafkalite.advertised.outside"

BOOLEAN, STRING, INT, SHORT, LONG, DOUBLE, LIST = (
    ConfigType.BOOLEAN,
    ConfigType.STRING,
    ConfigType.INT,
    ConfigType.SHORT,
    ConfigType.LONG,
    ConfigType.DOUBLE,
    ConfigType.LIST,
)
_NO_EFFECT: Final = Effect.NONE
_LARGEST_INT: Final = (1 << 31) - 1
_Row = tuple[str, ConfigType, ConfigValue | None, Rule, str]


def _rows(section: str, rows: Iterable[_Row], effect: Effect = Effect.HONOURED) -> list[Property]:
    return [
        Property(name=name, type=kind, default=default, rule=rule, doc=doc, section=section, effect=effect)
        for name, kind, default, rule, doc in rows
    ]


_HONOURED: Final = [
    *_rows("Address and data", (
        ("node.id", INT, 1, Between(0),
         "Number of this broker, as clients see it."),
        ("broker.id", INT, None, Between(-1),
         "Older name of node.id; where both are set they must agree."),
        ("listeners", LIST, ("PLAINTEXT://127.0.0.1:9092",), any_value,
         "Addresses to listen on; port 0 picks a free one, an empty host is every interface. Also --listen."),
        ("advertised.listeners", LIST, None, any_value,
         "Where clients are told to connect to; by default, where they already came in. Also --advertise."),
        (ADVERTISED_OUTSIDE, STRING, None, address_for_clients,
         "What clients from outside of a container's network are told instead. Also --advertise-outside."),
        ("log.dirs", LIST, None, any_value,
         "The data directory: exactly one. Also --data."),
        ("log.dir", LIST, (DEFAULT_DATA_DIR,), any_value,
         "The data directory where log.dirs is not set."),
    )),
    *_rows("Topics", (
        ("auto.create.topics.enable", BOOLEAN, True, any_value,
         "Whether a topic that a client asks about comes into being, if the client allows it as well."),
        ("delete.topic.enable", BOOLEAN, True, any_value,
         "Whether clients may delete topics."),
        ("num.partitions", INT, 1, Between(1),
         "Partitions of a topic that is created without saying how many."),
    )),
    *_rows("Consumer groups", (
        ("group.initial.rebalance.delay.ms", INT, 0, Between(0),
         "How long the first rebalance of an empty group waits for further members (Kafka: 3000 ms)."),
        ("group.max.session.timeout.ms", INT, 1_800_000, Between(1),
         "Longest session timeout that a consumer may ask for."),
        ("group.max.size", INT, _LARGEST_INT, Between(1),
         "Most members of a group."),
        ("group.min.session.timeout.ms", INT, 6_000, Between(1),
         "Shortest session timeout that a consumer may ask for. Lower it to make tests of crashes fast."),
        ("kafkalite.group.heartbeat.hold.ms", INT, 0, Between(0),
         "How long the answer to a heartbeat may wait for news of a rebalance; 0 answers at once, as Kafka does."),
        ("offset.metadata.max.bytes", INT, 4096, Between(0),
         "Longest text that may be committed beside an offset."),
        ("offsets.retention.check.interval.ms", LONG, 600_000, Between(1),
         "Time between two searches for expired offsets."),
        ("offsets.retention.minutes", INT, 10_080, Between(1),
         "How long committed offsets outlive the last member of their group."),
        ("offsets.topic.num.partitions", INT, 50, Between(1),
         "Partitions of __consumer_offsets; not to be changed once the data directory has been used."),
    )),
    *_rows("Limits", (
        ("connections.max.idle.ms", LONG, 600_000, any_value,
         "Time without a request after which a connection is closed; negative is never."),
        ("fetch.max.bytes", INT, 55 * 1024 * 1024, Between(1024),
         "Most bytes of records in one answer to a fetch, whatever the consumer allows."),
        ("max.connections", INT, _LARGEST_INT, Between(0),
         "Most connections at a time; further ones are closed at once."),
        ("max.incremental.fetch.session.cache.slots", INT, 1000, Between(0),
         "Most fetch sessions that are remembered; consumers without one send their partitions each time."),
        ("socket.request.max.bytes", INT, 100 * 1024 * 1024, Between(1),
         "Largest request; a connection that announces a larger one is closed."),
    )),
    *_rows("Producers", (
        ("producer.id.expiration.ms", INT, 86_400_000, Between(1),
         "How long a partition remembers the sequence numbers of a producer that has gone quiet."),
    )),
    *_rows("Upkeep of the log", (
        ("log.cleaner.backoff.ms", LONG, 15_000, Between(0),
         "Time between two looks for a log to compact, while there is none; less than 100 ms counts as 100 ms."),
        ("log.cleaner.dedupe.buffer.size", LONG, 134_217_728, any_value,
         "Most memory for the keys of the log that is being compacted; where they are more, it takes several rounds."),
        ("log.cleaner.enable", BOOLEAN, True, any_value,
         "Whether topics with cleanup.policy=compact are compacted, and with them the broker's own topics."),
        ("log.cleaner.io.max.bytes.per.second", DOUBLE, sys.float_info.max, any_value,
         "Most bytes that compaction reads and writes in a second."),
        ("log.flush.offset.checkpoint.interval.ms", INT, 60_000, Between(0),
         "Time between two notes of how far the log is safely on disk; recovery starts from there."),
        ("log.retention.check.interval.ms", LONG, 300_000, Between(1),
         "Time between two searches for segments that retention does not keep; the first is after 30 s at most."),
    )),
]  # fmt: skip

_ACCEPTED: Final = _rows("Accepted without effect", (
    ("background.threads", INT, 10, Between(1), "There is no pool of background threads."),
    ("broker.rack", STRING, None, any_value, "A single broker has no use for racks."),
    ("controller.listener.names", LIST, None, any_value, "There is no separate controller."),
    ("controller.quorum.voters", LIST, (), any_value, "There is no separate controller."),
    ("default.replication.factor", INT, 1, Between(1), "Every partition has exactly one replica."),
    ("inter.broker.listener.name", STRING, None, any_value, "There are no other brokers."),
    ("listener.security.protocol.map", STRING, "PLAINTEXT:PLAINTEXT", any_value,
     "Every listener is PLAINTEXT."),
    ("log.cleaner.io.buffer.load.factor", DOUBLE, 0.9, any_value,
     "The memory of compaction is counted in bytes, not in slots of a table."),
    ("log.cleaner.io.buffer.size", INT, 524_288, Between(0), "Compaction reads in pieces of 128 KiB."),
    ("log.cleaner.threads", INT, 1, Between(0),
     "Compaction has no threads of its own: it works between requests."),
    ("log.flush.start.offset.checkpoint.interval.ms", INT, 60_000, Between(0),
     "Log start offsets are noted together with recovery points."),
    ("max.connections.per.ip", INT, _LARGEST_INT, Between(0), "Connections are counted together only."),
    ("num.io.threads", INT, 8, Between(1), "One thread serves all requests."),
    ("num.network.threads", INT, 3, Between(1), "One thread serves all connections."),
    ("num.recovery.threads.per.data.dir", INT, 2, Between(1), "Recovery takes one thread."),
    ("num.replica.fetchers", INT, 1, Between(1), "There are no followers."),
    ("offsets.commit.timeout.ms", INT, 5_000, Between(1), "A commit waits for no other replica."),
    ("offsets.load.buffer.size", INT, 5_242_880, Between(1),
     "Offsets are loaded without a buffer of fixed size."),
    ("offsets.topic.replication.factor", SHORT, 1, Between(1), "Every partition has exactly one replica."),
    ("offsets.topic.segment.bytes", INT, 104_857_600, Between(1),
     "Segments of __consumer_offsets are as all others."),
    ("process.roles", LIST, ("broker", "controller"), OneOf(("broker", "controller")),
     "The process is always both."),
    ("queued.max.request.bytes", LONG, -1, any_value,
     "What a connection may have in flight is bounded otherwise."),
    ("queued.max.requests", INT, 500, Between(1),
     "What a connection may have in flight is bounded otherwise."),
    ("replica.fetch.max.bytes", INT, 1_048_576, Between(0), "There are no followers."),
    ("replica.lag.time.max.ms", LONG, 30_000, any_value, "There are no followers."),
    ("request.timeout.ms", INT, 30_000, any_value, "The broker sends no requests to other brokers."),
    ("share.coordinator.state.topic.min.isr", SHORT, 1, Between(1), "Share groups are not supported."),
    ("share.coordinator.state.topic.replication.factor", SHORT, 1, Between(1),
     "Share groups are not supported."),
    ("socket.listen.backlog.size", INT, 50, Between(1), "The backlog has a fixed length of 512."),
    ("socket.receive.buffer.bytes", INT, 102_400, any_value,
     "The operating system sizes its buffers itself."),
    ("socket.send.buffer.bytes", INT, 102_400, any_value, "The operating system sizes its buffers itself."),
    ("transaction.max.timeout.ms", INT, 900_000, Between(1), "Transactions are not supported yet."),
    ("transaction.state.log.min.isr", INT, 1, Between(1), "Transactions are not supported yet."),
    ("transaction.state.log.num.partitions", INT, 50, Between(1), "Transactions are not supported yet."),
    ("transaction.state.log.replication.factor", SHORT, 1, Between(1), "Transactions are not supported yet."),
    ("transactional.id.expiration.ms", INT, 604_800_000, Between(1), "Transactions are not supported yet."),
), _NO_EFFECT)  # fmt: skip


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
            )


PROPERTIES: Final[Mapping[str, Property]] = MappingProxyType({
    property_.name: property_ for property_ in (*_HONOURED, *_topic_defaults(), *_ACCEPTED)
})  # fmt: skip
