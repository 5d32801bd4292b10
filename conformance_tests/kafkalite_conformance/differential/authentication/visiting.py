"""Runs scripts with both brokers and compares what they wrote down."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeAlias

from kafkalite_conformance.differential.authentication.line import Visit
from kafkalite_conformance.differential.authentication.scram_credentials import create_scram_users
from kafkalite_conformance.differential.authentication.secured_brokers import Secured, SecuredBrokers
from kafkalite_conformance.differential.authentication.visits import VISITS
from kafkalite_conformance.differential.comparing import Difference, Step, differences

_AT_A_TIME: Final = 8
_MORE_TIMES: Final = 2
_Run: TypeAlias = "Future[list[Step]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visited:
    """What came of one script."""

    kafka: Sequence[Step]
    kafkalite: Sequence[Step]
    differences: Sequence[Difference]


def visit_both(names: Iterable[str], brokers: SecuredBrokers) -> Mapping[str, Visited]:
    """Run scripts, several at a time.

    One that differs is run again alone, a few times if need be: a busy machine is slow to answer, and what brokers do
    differently they do each time.
    """
    for broker in (brokers.kafka, brokers.kafkalite):
        create_scram_users(broker)
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        started = {name: _start(name, brokers, pool) for name in names}
        visited = {name: _compared(name, *runs) for name, runs in started.items()}
        for name in visited:
            for _ in range(_MORE_TIMES):
                if not visited[name].differences:
                    break
                visited[name] = _compared(name, *_start(name, brokers, pool))
    return visited


def _start(name: str, brokers: SecuredBrokers, pool: ThreadPoolExecutor) -> tuple[_Run, _Run]:
    return pool.submit(_steps, name, brokers.kafka, brokers), pool.submit(_steps, name, brokers.kafkalite, brokers)


def _compared(name: str, kafka: _Run, kafkalite: _Run) -> Visited:
    theirs, ours = kafka.result(), kafkalite.result()
    return Visited(kafka=theirs, kafkalite=ours, differences=differences(name, theirs, ours))


def _steps(name: str, broker: Secured, brokers: SecuredBrokers) -> list[Step]:
    visit = Visit(broker, brokers.certificates)
    try:
        VISITS[name](visit)
    finally:
        visit.close()
    return visit.steps
