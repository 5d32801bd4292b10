"""What is remembered of groups, for those who wait in vain."""

from __future__ import annotations

from kafkalite.controls.watching import History
from kafkalite.coordinators.groups.classic.states import GroupState
from kafkalite.coordinators.groups.views import GroupView


def group(name: str, generation: int) -> GroupView:
    return GroupView(
        group_id=name,
        state=GroupState.STABLE,
        generation=generation,
        protocol_type="consumer",
        protocol_name="range",
        leader=None,
        members=(),
        offsets={},
    )


def test_the_thousand_groups_that_changed_last_are_remembered() -> None:
    history = History(0.0)
    for number in range(1000):
        assert history.note(group(f"g{number}", 1), 1.0)
    assert history.note(group("g0", 2), 2.0)
    assert history.note(group("g1000", 1), 3.0)
    assert history.of("g0").count("generation") == 2
    assert "generation" not in history.of("g1")
    assert "generation" in history.of("g2")
    assert not history.note(group("g2", 1), 4.0)
    assert history.note(group("g1", 1), 4.0)
