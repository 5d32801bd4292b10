"""Runs scripts with both brokers and compares what they wrote down."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from kafkalite_conformance.differential.authentication.line import Visit
from kafkalite_conformance.differential.authentication.scram_credentials import create_scram_users
from kafkalite_conformance.differential.authentication.secured_brokers import Secured, SecuredBrokers
from kafkalite_conformance.differential.authentication.visits import VISITS
from kafkalite_conformance.differential.comparing import Difference, Step, differences

_AT_A_TIME: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Visited:
    """What came of one script."""

    kafka: Sequence[Step]
    kafkalite: Sequence[Step]
    differences: Sequence[Difference]


def visit_both(names: Iterable[str], brokers: SecuredBrokers) -> Mapping[str, Visited]:
    """Run scripts, several at a time."""
    for broker in (brokers.kafka, brokers.kafkalite):
        create_scram_users(broker)
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        held = {
            name: [pool.submit(_steps, name, broker, brokers) for broker in (brokers.kafka, brokers.kafkalite)]
            for name in names
        }
        return {name: _compared(name, theirs.result(), ours.result()) for name, (theirs, ours) in held.items()}


def _compared(name: str, kafka: Sequence[Step], kafkalite: Sequence[Step]) -> Visited:
    return Visited(kafka=kafka, kafkalite=kafkalite, differences=differences(name, kafka, kafkalite))


def _steps(name: str, broker: Secured, brokers: SecuredBrokers) -> list[Step]:
    visit = Visit(broker, brokers.certificates)
    try:
        VISITS[name](visit)
    finally:
        visit.close()
    return visit.steps
