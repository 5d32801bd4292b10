"""Plain English (CONVENTIONS 16): words that pages and sources must not use, and the width of documentation lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]

PAGES: Final = (
    *(f"docs/{name}.md" for name in ("benchmarks", "benchmarks-storage", "benchmarks-stand-ins", "command-line")),
    *(
        f"docs/{name}.md"
        for name in (
            "checker",
            "conformance",
            "containers",
            "demo",
            "differences",
            "interceptors",
            "log-tools",
            "mirror",
            "outgrowing",
            "proxy",
            "proxy/operating",
            "proxy/toxiproxy",
            "proxy/tracing",
            "recipes",
            "security",
            "several-brokers",
        )
    ),
    "README.md",
    "CHANGELOG.md",
    "docs/architecture.md",
    "docs/glossary.md",
    "storage/FORMAT.md",
    "benchmarks/README.md",
    "examples/README.md",
)
SOURCES: Final = ("kafkalite", "wire", "storage", "benchmarks", "examples", "docker")
"""Pages and folders that pass; add those that were rewritten."""

_WORDS: Final = re.compile(r"\b(nobody|whoever|anew|shall|foresaw|meanwhile|suffers?|whom)\b", re.IGNORECASE)
_OPENINGS: Final = re.compile(r'"""(Give|Tell|Let|Have) ')
_SUFFIXES: Final = (".py", ".go", ".js", ".java", ".toml", ".yaml", "Dockerfile")
_WIDTH: Final = 120


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(path.read_text().splitlines(), 1):
        yield f"{path.relative_to(ROOT)}:{number}", line


def _banned(path: Path) -> list[str]:
    return [
        f"{place}: {found[0]!r}"
        for place, line in _lines(path)
        for pattern in (_WORDS, _OPENINGS)
        for found in pattern.finditer(line)
    ]


def _prose(page: Path) -> Iterator[tuple[str, str]]:
    """Yield the lines outside of tables, code blocks and measured parts."""
    in_code = in_measured = False
    for place, line in _lines(page):
        in_measured = "measured: begin" in line or (in_measured and "measured: end" not in line)
        if line.startswith("```"):
            in_code = not in_code
        elif not (in_code or in_measured or line.startswith("|")):
            yield place, line


def test_pages_and_sources_are_in_plain_english() -> None:
    files = [ROOT / page for page in PAGES]
    for folder in SOURCES:
        files += [path for path in sorted((ROOT / folder).rglob("*")) if path.name.endswith(_SUFFIXES)]
    skipped = {"node_modules", "target", "__pycache__"}
    found = [each for path in files if not skipped & set(path.parts) for each in _banned(path)]
    assert not found, "not plain English:\n" + "\n".join(found)


def test_lines_of_pages_fit() -> None:
    long = [place for page in PAGES for place, line in _prose(ROOT / page) if len(line) > _WIDTH]
    assert not long, f"wrap these lines at {_WIDTH} columns:\n" + "\n".join(long)
