"""The results as Markdown: the machine, the table, and what falls short."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.brokers import KINDS
from benchmarks.results import Found, Results
from benchmarks.row import Measure, Row

_REFERENCE: Final = "kafka"
_OURS: Final = "kafkalite"
_WIDTH: Final = 120


def markdown(results: Results) -> str:
    """Return the whole generated part."""
    return "\n\n".join(
        part for part in (_circumstances(results), _table(results), _falls_short(results), _gaps(results)) if part
    )


def marks(section: str = "broker") -> tuple[str, str]:
    """Return the lines of a page between which the table of a section stands."""
    name = "measured" if section == "broker" else f"measured {section}"
    return f"<!-- {name}: begin -->", f"<!-- {name}: end -->"


def write_into(page: Path, generated: str, section: str = "broker") -> None:
    """Replace what stands between the marks of a page. ValueError if it has no marks."""
    text = page.read_text()
    first, last = marks(section)
    before, begin, rest = text.partition(first)
    _, end, after = rest.partition(last)
    if not begin or not end:
        raise ValueError(f"{page} has no line `{first}` followed by `{last}`")
    page.write_text(f"{before}{first}\n\n{generated}\n\n{last}{after}")


def _circumstances(results: Results) -> str:
    lines = [_item(f"Machine: {results.machine.described()}.")]
    lines += [f"- {KINDS[name].title}: {version}." for name, version in results.versions.items() if name in KINDS]
    lines += [f"- {name}: {version}." for name, version in results.versions.items() if name not in KINDS]
    if results.quick:
        lines.append("- **A quick run: small counts, one run each. These numbers show that it works, not how fast.**")
    return "\n".join(lines)


def _table(results: Results) -> str:
    shown = [name for name in KINDS if name in {found.broker for found in results.found}]
    heads = ["", "unit"]
    for name in shown:
        heads.append(KINDS[name].title)
        if name != _REFERENCE and _REFERENCE in shown:
            heads.append("÷ Kafka")
    heads += ["kafkalite must", ""]
    lines = [_line(heads), _line(["---", "---", *["---:"] * (len(heads) - 3), "---"])]
    for row in results.rows:
        lines += [_line(_cells(results, shown, row, measure)) for measure in row.measures]
    return "\n".join(lines)


def _cells(results: Results, shown: Sequence[str], row: Row, measure: Measure) -> list[str]:
    cells = [_name(row, measure), f"{measure.unit} {'↑' if measure.more_is_better else '↓'}"]
    reference = results.median(row.name, _REFERENCE, measure.key)
    for name in shown:
        value = results.median(row.name, name, measure.key)
        cells.append(_value(results.of(row.name, name), measure))
        if name != _REFERENCE and _REFERENCE in shown:
            cells.append(_ratio(value / reference) if measure.has_ratio and value is not None and reference else "")
    ours = results.median(row.name, _OURS, measure.key)
    target = measure.target(reference)
    cells.append("" if target is None else measure.shown(target))
    cells.append("" if target is None or ours is None else ("yes" if measure.meets(ours, target) else "**no**"))
    return cells


def _value(found: Found | None, measure: Measure) -> str:
    """Return a median as shown; nothing for a broker that the row is not about."""
    if found is None:
        return ""
    value = found.median(measure.key)
    return "failed" if value is None else measure.shown(value)


def _falls_short(results: Results) -> str:
    if all(found.broker != _OURS for found in results.found):
        return ""
    lines: list[str] = []
    for row in results.rows:
        for measure in row.measures:
            ours = results.median(row.name, _OURS, measure.key)
            target = measure.target(results.median(row.name, _REFERENCE, measure.key))
            if ours is None or target is None or measure.meets(ours, target):
                continue
            bound = f"{measure.shown(target)} or {'more' if measure.more_is_better else 'less'}"
            beside = _beside(results, row, measure)
            found = f"{measure.shown(ours)} {measure.unit}".strip()
            lines.append(_item(f"{_name(row, measure)}: {found}, must be {bound}{beside}."))
    return "\n".join(["**Falls short of its targets:**", "", *lines]) if lines else "Nothing falls short of its target."


def _beside(results: Results, row: Row, measure: Measure) -> str:
    peers: list[str] = []
    for name, kind in KINDS.items():
        value = results.median(row.name, name, measure.key)
        if name != _OURS and value is not None:
            peers.append(f"{kind.title} {measure.shown(value)}")
    return f" ({', '.join(peers)})" if peers else ""


def _item(text: str) -> str:
    return textwrap.fill(text, _WIDTH, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False)


def _gaps(results: Results) -> str:
    lines = [_item(f"{KINDS[name].title} was left out: {reason}.") for name, reason in results.absent.items()]
    lines += [
        _item(f"{found.row} failed on {KINDS[found.broker].title}: {found.failure}.") for found in results.failures
    ]
    return "\n".join(["**Not measured:**", "", *lines]) if lines else ""


def _name(row: Row, measure: Measure) -> str:
    return f"{row.title}: {measure.label}" if measure.label else row.title


def _ratio(value: float) -> str:
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
