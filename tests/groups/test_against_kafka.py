"""Random clients, whose dialogue with Apache Kafka 4.4.0's own coordinator was written down, meet ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from kafkalite.coordinators.groups.classic import group
from tests.groups.golden.scenarios import Replay, java_leader, scenarios

SCENARIOS = Path(__file__).parent / "golden" / "group_scenarios.jsonl.gz"


def test_every_answer_and_every_record_is_that_of_kafka(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group, "next_leader", java_leader)
    compared = 0
    for head, steps in scenarios(SCENARIOS):
        replay = Replay(head)
        for step in steps:
            replay.step(step)
            compared += 1
    assert compared == 5000
