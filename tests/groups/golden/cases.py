"""Read ``group_cases.jsonl``, which ``GroupCases.java`` wrote with Apache Kafka 4.4.0's own classes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafkalite.coordinators.assignors import Subscription

_FILE = Path(__file__).with_name("group_cases.jsonl")


@dataclass(frozen=True)
class AssignmentCase:
    partitions: dict[str, int]
    members: dict[str, Subscription]
    range: dict[str, dict[str, list[int]]]
    round_robin: dict[str, dict[str, list[int]]]


def lines(kind: str) -> Iterator[list[Any]]:
    found = [json.loads(line) for line in _FILE.read_text().splitlines()]
    of_kind = [line[1:] for line in found if line[0] == kind]
    assert of_kind
    return iter(of_kind)


def assignments() -> Iterator[AssignmentCase]:
    for partitions, members, by_range, by_round_robin in lines("assign"):
        subscriptions = {
            member: Subscription(topics=tuple(topics), group_instance_id=instance_id)
            for member, (instance_id, topics) in members.items()
        }
        yield AssignmentCase(partitions, subscriptions, by_range, by_round_robin)
