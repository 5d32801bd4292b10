"""The outcome of a run as a table: scenarios down, clients across."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import ClassVar, Final

import pytest

from kafkalite_conformance.drivers.catalogue import CLIENTS

_MARKS: Final[Mapping[str, str]] = {
    "passed": "yes",
    "failed": "**no**",
    "skipped": "skipped",
    "not offered": "not offered",
}


class SupportTable:
    """What was played against one broker, by chapter, scenario and client."""

    # A report reaches a hook that has no config; the plugin is one a process, and so is the run.
    _outcomes: ClassVar[dict[tuple[str, int, str], dict[str, str]]] = {}

    def __init__(self, broker: str) -> None:
        self._broker = broker

    @classmethod
    def enter(cls, report: pytest.TestReport) -> None:
        """Enter one phase of a test; a failure in any phase stays."""
        names: dict[str, object] = dict(report.user_properties)
        if "scenario" not in names or (report.when != "call" and report.outcome == "passed"):
            return
        row, client = cls._row(names), str(names["client"])
        if row.get(client) != "failed":
            row[client] = report.outcome

    @classmethod
    def not_offered(cls, properties: Iterable[tuple[str, object]]) -> None:
        """Enter a scenario that was not played because the broker does not offer what it is about."""
        names: dict[str, object] = dict(properties)
        cls._row(names)[str(names["client"])] = "not offered"

    @classmethod
    def _row(cls, names: Mapping[str, object]) -> dict[str, str]:
        place = (str(names["chapter"]), int(str(names["line"])), str(names["scenario"]))
        return cls._outcomes.setdefault(place, {})

    @classmethod
    def _chapters(cls) -> dict[str, dict[str, dict[str, str]]]:
        """Return the outcomes by chapter and scenario, in the order of the sources: tests end in any order."""
        chapters: dict[str, dict[str, dict[str, str]]] = {}
        for chapter, line, scenario in sorted(cls._outcomes):
            chapters.setdefault(chapter, {})[scenario] = cls._outcomes[chapter, line, scenario]
        return chapters

    def as_text(self) -> str:
        """Return the table for a terminal: one letter a client."""
        letters = {"passed": "+", "failed": "F", "skipped": "s", "not offered": "-"}
        clients = list(CLIENTS)
        legend = "+ passed, F failed, s skipped, - not offered by the broker, . not for this client"
        lines = [f"clients and scenarios on {self._broker}: {legend}"]
        lines += [f"{'| ' * position}{client}" for position, client in enumerate(clients)]
        for chapter, scenarios in self._chapters().items():
            lines.append(f"{'| ' * len(clients)} {chapter}")
            for scenario, row in scenarios.items():
                marks = " ".join(letters[row[name]] if name in row else "." for name in clients)
                lines.append(f"{marks}   {scenario}{'' if '' not in row else ': ' + row['']}")
        return "\n".join(lines)

    def as_markdown(self) -> str:
        """Return the section of this broker for the support page."""
        clients = list(CLIENTS)
        lines = [f"## {self._broker}", ""]
        for chapter, scenarios in self._chapters().items():
            lines += [f"### {chapter.capitalize()}", ""]
            if any(set(row) != {""} for row in scenarios.values()):
                lines += [f"| scenario | {' | '.join(CLIENTS[name].library for name in clients)} |"]
                lines += [f"| --- |{' --- |' * len(clients)}"]
                for scenario, row in scenarios.items():
                    cells = [_MARKS[row[name]] if name in row else "" for name in clients]
                    lines.append(f"| {scenario} | {' | '.join(cells)} |")
            else:
                lines += ["| scenario | outcome |", "| --- | --- |"]
                lines += [f"| {scenario} | {_MARKS[row['']]} |" for scenario, row in scenarios.items()]
            lines.append("")
        return "\n".join(lines)

    def write(self, target: Path) -> None:
        """Write this broker's section into the page, in place of an older section of the same broker."""
        sections = _sections(target.read_text()) if target.exists() else {}
        sections[self._broker] = self.as_markdown().rstrip()
        head = (
            "# What works with which client\n\nWritten by `python -m kafkalite_conformance --write-support-table`; "
            "see [the conformance suite](conformance.md). An empty cell: the client has no such ability.\n"
        )
        target.write_text("\n\n".join([head.rstrip(), *sections.values()]) + "\n")


def _sections(page: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in page.split("\n## ")[1:]:
        name, _, _ = part.partition("\n")
        found[name] = f"## {part.rstrip()}"
    return found
