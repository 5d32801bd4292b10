"""Draws the two tables of the state machine of a transactional id for docs/transactions.md.

`python -m tests.support.transaction_states_page` writes them into the page; a test checks that they are current.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from kafkalite.coordinators.transactions.states import ANSWERS, SHOWN_STATES, STATE_NAMES, TRANSITIONS, Trigger

PAGE = Path(__file__).parents[2] / "docs" / "transactions.md"
BEGIN, END = "<!-- drawn from states.py: begin -->", "<!-- drawn from states.py: end -->"


def drawn() -> str:
    """Return the diagram and the tables as they should stand in the page."""
    return "\n".join([BEGIN, "", *_diagram(), "", *_triggers(), "", *_answers(), "", END])


def _diagram() -> list[str]:
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> Empty"]
    for (state, trigger), after in TRANSITIONS.items():
        if trigger is not Trigger.EXPIRED:
            lines.append(f"    {STATE_NAMES[state]} --> {STATE_NAMES[after]}: {trigger.name.lower()}")
    lines += [f"    Empty --> Dead: {Trigger.EXPIRED.name.lower()}", "    Dead --> [*]", "```"]
    return lines


def _triggers() -> list[str]:
    lines = ["| trigger | when | leads from | to |", "| --- | --- | --- | --- |"]
    for trigger in Trigger:
        edges = [(state, after) for (state, each), after in TRANSITIONS.items() if each is trigger]
        for after, group in groupby(edges, key=lambda edge: edge[1]):
            before = ", ".join(STATE_NAMES[state] for state, _ in group)
            lines.append(f"| {trigger.name.lower()} | {trigger.value} | {before} | {STATE_NAMES[after]} |")
    return lines


def _answers() -> list[str]:
    states = [STATE_NAMES[state] for state in SHOWN_STATES]
    lines = ["| request | " + " | ".join(states) + " |", "| --- |" + " --- |" * len(states)]
    for request, answers in ANSWERS.items():
        cells = ["ok" if answer.name == "NONE" else answer.name for answer in answers]
        lines.append(f"| {request} | " + " | ".join(cells) + " |")
    return lines


if __name__ == "__main__":
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(before + drawn() + rest.partition(END)[2])
