"""docs/groups.md shows the state machine as it is."""

from __future__ import annotations

from tests.support.group_states_page import PAGE, drawn


def test_the_drawn_part_of_the_page_is_current() -> None:
    assert drawn() in PAGE.read_text(), "run: python -m tests.support.group_states_page"
