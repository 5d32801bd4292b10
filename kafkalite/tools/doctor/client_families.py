"""Which versions of which requests the client libraries speak, and whether a broker's suit them.

The numbers are facts about releases: Java's from the messages in kafka-clients 4.4, kafka-python's from its schemas,
librdkafka's from its table of supported requests (2.15), those of aiokafka 0.14, kafkajs 2.2 and kafka-go 0.4 from
their request classes; franz-go 1.21 speaks all versions up to those of Kafka 4.2. A client and a broker use the
highest version that both know, so all that matters is whether their ranges meet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from kafkalite_wire.apis import APIS

Range = tuple[int, int]
"""The lowest and the highest version."""


class Job(Enum):
    """What a program may want to do."""

    PRODUCE = "produce"
    READ = "read"
    GROUP = "group"
    TRANSACTIONS = "transactions"
    ADMIN = "admin"


ESSENTIAL: Final = (Job.PRODUCE, Job.READ, Job.GROUP)
"""Jobs whose failure is a problem; a broker may do without the others."""

_NEEDED: Final[Mapping[Job, tuple[int, ...]]] = {
    Job.PRODUCE: (3, 0),
    Job.READ: (3, 2, 1),
    Job.GROUP: (3, 10, 11, 14, 12, 13, 9, 8, 2, 1),
    Job.TRANSACTIONS: (3, 0, 22, 24, 25, 26, 28),
    Job.ADMIN: (3, 19, 20, 32),
}

_OTHER_NAMES: Final = {24: "AddPartitionsToTxn", 25: "AddOffsetsToTxn", 26: "EndTxn", 28: "TxnOffsetCommit"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A client library; what `speaks` leaves out is not known here, and not held against it."""

    key: str
    name: str
    speaks: Mapping[int, Range]
    idempotent: bool = False
    """Whether its producers ask for an id (InitProducerId) unless they are told not to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a client can do a job; the reason is empty if it can."""

    job: Job
    works: bool
    reason: str = ""


_JAVA: Final[Mapping[int, Range]] = {
    0: (3, 13), 1: (4, 18), 2: (1, 11), 3: (0, 13), 8: (2, 10), 9: (1, 10), 10: (0, 6), 11: (0, 9), 12: (0, 4),
    13: (0, 5), 14: (0, 5), 19: (2, 7), 20: (1, 6), 22: (0, 6), 24: (0, 5), 25: (0, 4), 26: (0, 5), 28: (0, 6),
    32: (1, 4),
}  # fmt: skip

FAMILIES: Final = (
    Family(key="java", name="Java kafka-clients 4.4", speaks=_JAVA, idempotent=True),
    Family(key="librdkafka", name="librdkafka 2.15", speaks={
        0: (0, 10), 1: (0, 16), 2: (0, 7), 3: (0, 13), 8: (0, 9), 9: (0, 9), 10: (0, 2), 11: (0, 5), 12: (0, 3),
        13: (0, 1), 14: (0, 3), 19: (0, 4), 20: (0, 4), 22: (0, 4), 24: (0, 0), 25: (0, 0), 26: (0, 1), 28: (0, 3),
        32: (0, 1),
    }),
    Family(key="kafka-python", name="kafka-python 3.0", speaks={**_JAVA, 28: (0, 5)}, idempotent=True),
    Family(key="aiokafka", name="aiokafka 0.14", speaks={
        0: (0, 8), 1: (0, 11), 2: (0, 5), 3: (0, 5), 8: (0, 3), 9: (0, 3), 10: (0, 1), 11: (0, 5), 12: (0, 1),
        13: (0, 1), 14: (0, 3), 19: (0, 3), 20: (0, 3), 22: (0, 0), 24: (0, 0), 25: (0, 0), 26: (0, 0), 28: (0, 0),
        32: (0, 2),
    }),
    Family(key="kafkajs", name="kafkajs 2.2", speaks={
        0: (0, 7), 1: (0, 11), 2: (0, 3), 3: (0, 6), 8: (0, 5), 9: (1, 4), 10: (0, 2), 11: (0, 5), 12: (0, 3),
        13: (0, 3), 14: (0, 3), 19: (0, 3), 20: (0, 1), 22: (0, 1), 24: (0, 1), 25: (0, 1), 26: (0, 1), 28: (0, 1),
        32: (0, 2),
    }),
    Family(key="kafka-go", name="kafka-go 0.4", speaks={
        0: (0, 8), 1: (0, 11), 2: (1, 5), 3: (0, 8), 8: (0, 7), 9: (0, 5), 10: (0, 2), 11: (0, 7), 12: (0, 4),
        14: (0, 5), 19: (0, 5),
    }),
    Family(key="franz-go", name="franz-go 1.21", speaks={
        **{key: (0, highest) for key, (_, highest) in _JAVA.items()}, 22: (0, 5), 28: (0, 5),
    }),
)  # fmt: skip


def judge(family: Family, broker: Mapping[int, Range]) -> tuple[Verdict, ...]:
    """Tell for each job whether a client's versions and a broker's meet in every request that it takes."""
    return tuple(_verdict(family, broker, job) for job in Job)


def _verdict(family: Family, broker: Mapping[int, Range], job: Job) -> Verdict:
    needed = _NEEDED[job] + ((22,) if job is Job.PRODUCE and family.idempotent else ())
    reasons = [reason for key in needed if (reason := _obstacle(key, family.speaks.get(key), broker.get(key)))]
    return Verdict(job=job, works=not reasons, reason="; ".join(reasons))


def _obstacle(key: int, spoken: Range | None, offered: Range | None) -> str:
    name = api_name(key)
    if offered is None:
        return f"the broker has no {name}"
    if spoken is None:
        return ""
    if spoken[0] > offered[1]:
        return f"the broker is too old: {name} up to {offered[1]}, the client needs {spoken[0]}"
    if spoken[1] < offered[0]:
        return f"the broker is too new: {name} from {offered[0]} on, the client knows up to {spoken[1]}"
    return ""


def api_name(key: int) -> str:
    """Name an API as Kafka's protocol guide does."""
    return APIS[key].name if key in APIS else _OTHER_NAMES.get(key, f"API {key}")
