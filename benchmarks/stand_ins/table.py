"""The results as Markdown: seconds, what fails where, and the tests that take longest."""

from collections.abc import Mapping, Sequence
from importlib import metadata
from statistics import median

from benchmarks.machine import Machine
from benchmarks.stand_ins.running import Run
from benchmarks.stand_ins.stand_in import STAND_INS, librdkafka_version

Runs = Mapping[str, Sequence[Run]]
"""The runs of each stand-in, by its name."""


def markdown(machine: Machine, versions: Mapping[str, str], runs: Runs, absent: Mapping[str, str]) -> str:
    """Return the whole generated part."""
    parts = (_circumstances(machine, versions, runs), _seconds(runs), _failures(runs), _longest(runs), _gaps(absent))
    return "\n\n".join(part for part in parts if part)


def _circumstances(machine: Machine, versions: Mapping[str, str], runs: Runs) -> str:
    lines = [f"- Machine: {machine.described()}."]
    lines += [f"- {STAND_INS[name].title}: {version}." for name, version in versions.items()]
    counts = sorted({len(of) for of in runs.values()})
    lines.append(f"- Client: confluent-kafka {metadata.version('confluent-kafka')}, librdkafka {librdkafka_version()}.")
    lines.append(f"- Medians of {' or '.join(map(str, counts))} run(s) after one that does not count.")
    return "\n".join(lines)


def _seconds(runs: Runs) -> str:
    everywhere = _passed_everywhere(runs)
    rows = {
        "whole, s": lambda run: run.whole_s,
        "of that until the broker is ready, s": lambda run: run.start_s,
        "of that pytest, with its imports, s": lambda run: run.session_s,
        f"the {len(everywhere)} tests that pass on all, s": lambda run: sum(run.tests[t].seconds for t in everywhere),
        "passed": lambda run: len(run.tests) - len(run.failed),
        "failed": lambda run: len(run.failed),
        "most memory: the broker, MB": lambda run: run.broker_megabytes,
        "most memory: pytest, MB": lambda run: run.pytest_megabytes,
    }
    lines = [_line(["", *(STAND_INS[name].title for name in runs)]), _line(["---", *["---:"] * len(runs)])]
    for title, value in rows.items():
        cells = [_shown(title, median(value(run) for run in of)) for of in runs.values()]
        lines.append(_line([title, *cells]))
    return "\n".join(lines)


def _failures(runs: Runs) -> str:
    lines: list[str] = []
    for name, of in runs.items():
        reasons: dict[str, str] = {}
        for run in of:
            reasons |= run.failed
        if not reasons:
            lines += [f"**{STAND_INS[name].title}** fails none.", ""]
            continue
        lines += [f"**{STAND_INS[name].title}** fails:", ""]
        for test, reason in reasons.items():
            times = sum(test in run.failed for run in of)
            often = "" if times == len(of) else f" ({times} of {len(of)} runs)"
            lines.append(f"- `{test}`{often}: {_short(reason)}")
        lines.append("")
    lines += [
        f"With {STAND_INS[name].title} pytest did not end by itself in {stuck} of {len(of)} runs, after its last test."
        for name, of in runs.items()
        if (stuck := sum(not run.ended for run in of))
    ]
    return "\n".join(lines).strip()


def _longest(runs: Runs) -> str:
    tests = list(dict.fromkeys(test for of in runs.values() for run in of for test in run.tests))
    lines = [
        "Seconds of each test; in brackets where it fails:",
        "",
        _line(["", *(STAND_INS[name].title for name in runs)]),
        _line(["---", *["---:"] * len(runs)]),
    ]
    for test in tests:
        cells: list[str] = []
        for of in runs.values():
            seconds = f"{median(run.tests[test].seconds for run in of):.2f}"
            cells.append(f"({seconds})" if any(test in run.failed for run in of) else seconds)
        lines.append(_line([test.removeprefix("test_").replace("_", " "), *cells]))
    return "\n".join(lines)


def _gaps(absent: Mapping[str, str]) -> str:
    lines = [f"- {STAND_INS[name].title}: {reason}." for name, reason in absent.items()]
    return "\n".join(["**Not measured:**", "", *lines]) if lines else ""


def _passed_everywhere(runs: Runs) -> list[str]:
    every = [run for of in runs.values() for run in of]
    return [test for test in every[0].tests if all(run.tests[test].passed for run in every)] if every else []


def _shown(title: str, value: float) -> str:
    if title.endswith("MB"):
        return f"{value:.0f}" if value else ""
    return f"{value:.1f}" if title.endswith(", s") else f"{value:.0f}"


def _short(reason: str) -> str:
    text = reason.replace("|", "\\|").replace("`", "'")
    return text if len(text) <= 160 else f"{text[:157]}..."


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
