"""docs/apis.md lists every API that is served, and every one of Kafka's that is not."""

from __future__ import annotations

import re
from pathlib import Path

from kafkalite.handlers.reference import markdown
from kafkalite_wire.apis import APIS

PAGE = Path(__file__).parents[2] / "docs" / "apis.md"
KEYS_OF_KAFKA = {*range(4), *range(8, 52), 55, 57, 60, 61, 64, 65, 66, 68, 69, *range(74, 82), *range(83, 95)}
"""What Apache Kafka 4.4.0 answers to ApiVersions."""


def keys(text: str) -> set[int]:
    found: set[int] = set()
    for first, last in re.findall(r"(\d+)(?:-(\d+))?", text):
        found.update(range(int(first), int(last or first) + 1))
    return found


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == markdown(), "run: python -m kafkalite.handlers.reference > docs/apis.md"


def test_every_api_of_kafka_is_served_or_named_as_not_served() -> None:
    served, _, rest = markdown().partition("## Not served")
    first_cells = "\n".join(line.split("|")[1] for line in rest.splitlines() if line.startswith("|"))
    assert keys(first_cells) == KEYS_OF_KAFKA - APIS.keys()
    assert all(f"| {api.name} |" in served for api in APIS.values())
