"""Prints what a run found."""

from collections import Counter
from typing import Final

from kafkalite_conformance.checker.analysis.search import Findings

_SHOWN_OF_A_KIND: Final = 10


def report(findings: Findings) -> str:
    """Return the counts of what was observed, and each anomaly with its evidence."""
    width = max(len(name) for name, _ in findings.counts)
    lines = [f"{name:{width}}  {text}" for name, text in findings.counts]
    kinds = Counter(anomaly.kind for anomaly in findings.anomalies)
    for kind, count in sorted(kinds.items()):
        lines += ["", f"{count} of {kind}"]
        of_kind = [anomaly for anomaly in findings.anomalies if anomaly.kind == kind]
        lines += map(str, of_kind[:_SHOWN_OF_A_KIND])
        if count > _SHOWN_OF_A_KIND:
            lines.append(f"and {count - _SHOWN_OF_A_KIND} more")
    lines += ["", f"{len(findings.anomalies)} anomalies"]
    return "\n".join(lines)
