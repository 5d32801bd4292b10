"""Draws the two tables of the classic group's state machine for docs/groups.md.

`python -m tests.support.group_states_page` writes them into the page; a test checks that they are current.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from kafkalite.coordinators.groups.classic.states import ANSWERS, TRANSITIONS, WAITS, GroupState, Trigger

PAGE = Path(__file__).parents[2] / "docs" / "groups.md"
BEGIN, END = "<!-- drawn from states.py: begin -->", "<!-- drawn from states.py: end -->"


def drawn() -> str:
    """Return the diagram and the tables as they should stand in the page."""
    return "\n".join([BEGIN, "", *_diagram(), "", *_triggers(), "", *_answers(), "", END])


def _diagram() -> list[str]:
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> Empty"]
    for (state, trigger), after in TRANSITIONS.items():
        if trigger is not Trigger.DELETED:
            lines.append(f"    {state.value} --> {after.value}: {trigger.name.lower()}")
    lines += [f"    Empty --> {GroupState.DEAD.value}: {Trigger.DELETED.name.lower()}", "    Dead --> [*]", "```"]
    return lines


def _triggers() -> list[str]:
    lines = ["| trigger | when | leads from | to |", "| --- | --- | --- | --- |"]
    for trigger in Trigger:
        edges = [(state, after) for (state, each), after in TRANSITIONS.items() if each is trigger]
        for after, group in groupby(edges, key=lambda edge: edge[1]):
            before = ", ".join(state.value for state, _ in group)
            lines.append(f"| {trigger.name.lower()} | {trigger.value} | {before} | {after.value} |")
    return lines


def _answers() -> list[str]:
    states = [state.value for state in GroupState]
    lines = ["| request | " + " | ".join(states) + " |", "| --- |" + " --- |" * len(states)]
    for request, answers in ANSWERS.items():
        cells = [WAITS if answer == WAITS else _name(answer) for answer in answers]
        lines.append(f"| {request} | " + " | ".join(cells) + " |")
    return lines


def _name(answer: object) -> str:
    name = getattr(answer, "name", str(answer))
    return "ok" if name == "NONE" else name


if __name__ == "__main__":
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(before + drawn() + rest.partition(END)[2])
