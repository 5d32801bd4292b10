"""A start after a million commits to a thousand keys, as `benchmarks.million_commits` measures it."""

import re
import sys
from typing import Final

from benchmarks.processes import RunFailedError, run_client
from benchmarks.storage.bench import Bench
from benchmarks.storage.lines import Line, median

_LIMIT_S: Final = 1800
_START: Final = re.compile(r"offsets, (?P<how>.+): ready after .+ s, all offsets after (?P<seconds>[\d.]+) s")
_HOW: Final = {"stop": "a clean stop", "kill -9": "a kill"}


def restart(bench: Bench) -> list[Line]:
    """Measure starts after a stop and after a kill, with the log cleaner and without."""
    commits = bench.count(1_000_000, 20_000)
    ours, peer = _starts(bench, commits), _starts(bench, commits, "--without-cleaner")
    lines: list[Line] = []
    for how, words in _HOW.items():
        seconds = ours.get(how)
        lines.append(
            Line(
                title=f"{commits:,} commits to a thousand keys: start after {words}, until all offsets are fetched",
                unit="s",
                ours=seconds,
                peer=peer.get(how),
                peer_name="kafkalite without its log cleaner",
                target="under a second",
                met=seconds < 1 if seconds is not None else None,
            )
        )
    return lines


def _starts(bench: Bench, commits: int, *options: str) -> dict[str, float | None]:
    command = [sys.executable, "-m", "benchmarks.million_commits", "--commits", str(commits), *options]
    printed = run_client(command, timeout=_LIMIT_S)
    samples: dict[str, list[float]] = {}
    for found in _START.finditer(printed):
        samples.setdefault(found["how"], []).append(float(found["seconds"]))
    if set(samples) != set(_HOW):
        raise RunFailedError(f"million_commits printed {printed.strip()[-200:]!r}")
    bench.say(f"{commits} commits {' '.join(options)}: {samples}")
    return {how: median(seconds) for how, seconds in samples.items()}
