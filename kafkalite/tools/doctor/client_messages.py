"""What the client libraries write when they meet a symptom, so that people find theirs.

Seen with kafka-clients 4.3, confluent-kafka 2.16, kafka-python 3.0 and aiokafka 0.14; names and numbers that differ are
left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final


class Symptom(Enum):
    """What a client meets."""

    UNRESOLVED = "unresolved"
    REFUSED = "refused"
    TIMED_OUT = "timed out"
    TLS_EXPECTED = "tls expected"
    NOT_KAFKA = "not kafka"
    CLOSED = "closed"


_CUT_OFF: Final[Mapping[str, str]] = {
    "java": "Bootstrap broker … disconnected",
    "librdkafka": "Disconnected (after 0ms in state APIVERSION_QUERY)",
    "kafka-python": "KafkaTimeoutError: Unable to bootstrap from …",
    "aiokafka": "KafkaConnectionError: Connection at … closed",
}

MESSAGES: Final[Mapping[Symptom, Mapping[str, str]]] = {
    Symptom.UNRESOLVED: {
        "java": "Couldn't resolve server … from bootstrap.servers as DNS resolution failed",
        "librdkafka": "Failed to resolve '…': Name or service not known",
        "kafka-python": "KafkaConnectionError: DNS Resolution failure",
        "aiokafka": "Unable connect to …: Name or service not known",
    },
    Symptom.REFUSED: {
        "java": "Connection to node … could not be established. Node may not be available.",
        "librdkafka": "Connect to ipv4#… failed: Connection refused",
        "kafka-python": "KafkaConnectionError: 111 ECONNREFUSED",
        "aiokafka": "Unable connect to …: Connect call failed",
    },
    Symptom.TIMED_OUT: {
        "kafka-python": "KafkaTimeoutError: Unable to bootstrap from …",
        "aiokafka": "KafkaConnectionError: Unable to bootstrap from …",
    },
    Symptom.TLS_EXPECTED: _CUT_OFF,
    Symptom.NOT_KAFKA: _CUT_OFF,
    Symptom.CLOSED: _CUT_OFF,
}
"""By symptom and the key of a client family; a family of which nothing was seen is left out."""
