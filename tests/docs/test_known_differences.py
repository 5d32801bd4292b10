"""The list that the differential suite goes by, and the page for people, speak of the same differences."""

from __future__ import annotations

from pathlib import Path

from kafkalite_conformance.differential.known_differences import KNOWN_DIFFERENCES

PAGE = Path(__file__).parents[2] / "docs" / "differences.md"


def test_every_known_difference_has_its_row_on_the_page() -> None:
    rows = [line.split("|")[1].strip() for line in PAGE.read_text().splitlines() if line.startswith("|")]
    assert rows
    without = {entry.row for entry in KNOWN_DIFFERENCES if not any(row.startswith(entry.row) for row in rows)}
    assert not without
