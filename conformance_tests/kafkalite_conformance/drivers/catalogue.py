"""The clients of the suite, and what each of them can do at all."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from kafkalite_conformance.drivers import building

ALL_CODECS: Final = frozenset({"none", "gzip", "snappy", "lz4", "zstd"})
ADMINISTRATION: Final = frozenset(
    {
        "create_topic",
        "delete_topic",
        "create_partitions",
        "delete_records",
        "list_topics",
        "describe_topic",
        "describe_configs",
        "alter_configs",
        "list_offset",
        "describe_group",
        "list_groups",
        "delete_group",
        "committed",
        "describe_cluster",
    }
)
EVERYTHING: Final = ADMINISTRATION | {
    "transaction",
    "idempotence",
    "explicit-commit",
    "seek",
    "timestamps",
    "instance-id",
    "consumer-protocol",
    "cooperative-sticky",
    "acks-0",
    "pause",
    "repeated-headers",
    "null-headers",
    "empty-values",
    "chosen-timestamps",
    "cluster-id",
    "absent-topics",
    "commit-errors",
    "transactional-offsets",
}
"""The names of what a scenario may need of a client, beyond producing and consuming in groups."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One client library and how its driver is started."""

    name: str
    library: str
    """What the support table calls it."""
    command: Callable[[], building.Program]
    """Builds the driver when that is due, and returns how to run it; `MissingToolError` without its toolchain."""
    abilities: frozenset[str] = EVERYTHING
    codecs: frozenset[str] = ALL_CODECS
    spares: int = 1
    """How many processes to start ahead of need."""
    range_name: str = "range"
    roundrobin_name: str = "roundrobin"
    range_is_kafkas: bool = True
    """False for a client whose `range` splits topics in a way of its own."""


CLIENTS: Final[dict[str, Client]] = {
    client.name: client
    for client in (
        Client(name="java", library="kafka-clients 4.4.0", command=building.java, spares=2),
        Client(name="librdkafka", library="confluent-kafka", command=building.confluent),
        Client(
            name="kafka-python",
            library="kafka-python",
            command=building.kafka_python,
            abilities=EVERYTHING - {"consumer-protocol", "null-headers"},
        ),
        Client(
            name="aiokafka",
            library="aiokafka",
            command=building.aiokafka,
            abilities=EVERYTHING
            - {"consumer-protocol", "cooperative-sticky", "alter_configs", "list_offset", "delete_group", "cluster-id"},
        ),
        Client(
            name="franz-go",
            library="franz-go",
            command=building.franz_go,
            abilities=EVERYTHING - {"transactional-offsets"},
            spares=0,
        ),
        Client(
            name="sarama",
            library="sarama",
            command=building.sarama,
            abilities=EVERYTHING
            - {"consumer-protocol", "seek", "cluster-id", "commit-errors", "transactional-offsets"},
            spares=0,
        ),
        Client(
            name="kafkajs",
            library="kafkajs",
            command=building.kafkajs,
            abilities=EVERYTHING
            - {
                "consumer-protocol",
                "cooperative-sticky",
                "instance-id",
                "alter_configs",
                "repeated-headers",
                "absent-topics",
            },
        ),
        Client(
            name="kcat",
            library="kcat",
            command=building.kcat,
            abilities=frozenset({"idempotence", "acks-0", "timestamps", "instance-id", "empty-values", "list_topics"}),
        ),
    )
}
