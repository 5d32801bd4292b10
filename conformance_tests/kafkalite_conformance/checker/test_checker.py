"""The checker on the judged broker: twenty seconds under faults, and the same broker with faults of its own."""

import random
from pathlib import Path

import pytest

from kafkalite_conformance.broker import Broker
from kafkalite_conformance.checker.analysis.search import Findings, search
from kafkalite_conformance.checker.broken import BROKEN
from kafkalite_conformance.checker.reading import read_history
from kafkalite_conformance.checker.report import report
from kafkalite_conformance.checker.workload.frames import Meddler
from kafkalite_conformance.checker.workload.run import Plan, run_workload

SECONDS = 20
SECONDS_BROKEN = 8
ENOUGH_FAULTS = 3


def check(broker: Broker, history: Path, plan: Plan, meddler: Meddler | None = None) -> Findings:
    """Run the workload and search its history, which stays in the test's folder."""
    with history.open("w") as file:
        run_workload(broker.bootstrap, file, plan, broker=broker, meddler=meddler)
    with history.open() as lines:
        return search(read_history(lines))


def test_the_checker_finds_no_anomaly(own_broker: Broker, tmp_path: Path) -> None:
    """Every fault in turn, by a seed that is new each time and that the report names."""
    seed = random.SystemRandom().randrange(1_000_000)
    findings = check(own_broker, tmp_path / "history.jsonl", Plan(seconds=SECONDS, seed=seed))
    assert not findings.anomalies, f"seed {seed}\n{report(findings)}"
    counts = dict(findings.counts)
    assert int(counts["records polled"]) > 0
    assert "kill" in counts["faults"]


@pytest.mark.once
@pytest.mark.parametrize("fault", [name for name, broken in BROKEN.items() if not broken.needs_transactions])
def test_a_broken_broker_is_found(fault: str, own_broker: Broker, tmp_path: Path) -> None:
    """Without other faults, so that the one in question is what is found."""
    find(fault, own_broker, tmp_path)


@pytest.mark.once
@pytest.mark.apis(22, 24, 25, 26, 28)
@pytest.mark.parametrize("fault", [name for name, broken in BROKEN.items() if broken.needs_transactions])
def test_a_broker_with_broken_transactions_is_found(fault: str, own_broker: Broker, tmp_path: Path) -> None:
    """The same for transactions."""
    find(fault, own_broker, tmp_path)


def find(fault: str, broker: Broker, folder: Path) -> None:
    """Run the workload on a broken broker; the anomaly must be found, and the fault must have taken place."""
    broken = BROKEN[fault]
    meddler = broken.make()
    plan = Plan(seconds=SECONDS_BROKEN, faults=(), is_enough=lambda: meddler.changed >= ENOUGH_FAULTS)
    findings = check(broker, folder / "history.jsonl", plan, meddler)
    assert meddler.changed > 0
    assert broken.anomaly in findings.kinds, report(findings)
