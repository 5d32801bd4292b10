"""docs/transactions.md shows the tables of the state machine."""

from __future__ import annotations

from tests.support.transaction_states_page import PAGE, drawn


def test_the_page_shows_the_tables_of_the_state_machine() -> None:
    assert drawn() in PAGE.read_text(), "run: python -m tests.support.transaction_states_page"
