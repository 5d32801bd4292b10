"""The live table, its plain form for pipes, and the verdicts at the end."""

import json
import time
from collections.abc import Sequence
from typing import Final

import trio
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from kafkalite.tools.demo.promises import Verdict
from kafkalite.tools.demo.story import GROUP, PARTITIONS, READERS, STANDBY, VICTIM, Story

_FRAME: Final = 0.2
_EVENTS: Final = 12


class Screen:
    """Shows events as they come, and on a terminal the state of every partition."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self._events: list[str] = []

    def tell(self, event: str) -> None:
        """Show an event."""
        line = f"{time.monotonic() - self._began:6.1f} s  {event}"
        self._events.append(line)
        if not self._console.is_terminal:
            self._console.print(line, highlight=False, soft_wrap=True)

    async def show(self, story: Story) -> None:
        """Keep the live table up to date until cancelled; does nothing where there is no terminal."""
        if not self._console.is_terminal:
            return
        with Live(console=self._console, auto_refresh=False) as live:
            try:
                while True:
                    live.update(self._frame(story), refresh=True)
                    await trio.sleep(_FRAME)
            finally:
                live.update(self._frame(story), refresh=True)

    def verdicts(self, verdicts: Sequence[Verdict], story: Story, failure: str | None) -> None:
        """Show which promises held, with the numbers behind them."""
        evidence = story.evidence
        self._console.print()
        if evidence.seconds:
            held = evidence.sent / evidence.seconds
            line = f"The producer asked for {story.pace.rate:,} clicks/s; this machine held {held:,.0f}/s."
            self._console.print(Text(line), soft_wrap=True)
        if failure is not None:
            self._console.print(Text(f"✗ The story broke off: {failure}", "bold red"), soft_wrap=True)
        for verdict in verdicts:
            mark = Text("✓ ", "bold green") if verdict.held else Text("✗ ", "bold red")
            self._console.print(mark + Text(verdict.promise, "bold"))
            self._console.print(Text(f"  {verdict.numbers}", "dim"), soft_wrap=True)

    def _frame(self, story: Story) -> RenderableType:
        return Group(self._table(story), self._others(story), Text(), *map(_line, self._events[-_EVENTS:]))

    def _table(self, story: Story) -> Table:
        evidence = story.evidence
        table = Table(title=f"topic {story.topic}, group {GROUP}", title_justify="left")
        table.add_column("partition", justify="right")
        table.add_column("owner")
        for name in ("committed", "end", "lag"):
            table.add_column(name, justify="right", min_width=10)
        committed = evidence.committed.get(GROUP, {})
        for partition in range(PARTITIONS):
            end, done = evidence.ends.get(partition, 0), committed.get(partition, 0)
            owner = _owner(story, partition)
            table.add_row(str(partition), owner, f"{done:,}", f"{end:,}", f"{max(0, end - done):,}")
        return table

    def _others(self, story: Story) -> Text:
        evidence, parts = story.evidence, list[str]()
        if evidence.seconds:
            parts.append(f"producer {evidence.sent / evidence.seconds:,.0f}/s of {story.pace.rate:,}/s asked for")
        if evidence.crash is not None and not evidence.owned_by(STANDBY) and evidence.crash.taken_over_at is None:
            parts.append(f"{STANDBY} on standby")
        parts.extend(f"{name} has read {story.progress[name]:,}" for name in READERS if name in story.progress)
        return _line(" · ".join(parts), "dim")


def _line(text: str, style: str = "") -> Text:
    return Text(text, style, no_wrap=True, overflow="ellipsis")


def _owner(story: Story, partition: int) -> Text:
    crash = story.evidence.crash
    owner = story.evidence.owner_of(partition)
    if owner is not None:
        return Text(owner, "bold green")
    if crash is not None and crash.partition == partition and crash.killed_at and not crash.taken_over_at:
        left = max(0.0, crash.killed_at + crash.session_timeout - time.monotonic())
        return Text(f"{VICTIM} (dead, {left:.0f} s left)", "bold red")
    return Text("-", "dim")


def as_json(verdicts: Sequence[Verdict], story: Story, failure: str | None) -> str:
    """Write the outcome for programs."""
    evidence = story.evidence
    return json.dumps(
        {
            "held": failure is None and all(verdict.held for verdict in verdicts),
            "failure": failure,
            "asked_per_second": story.pace.rate,
            "produced_per_second": round(evidence.sent / evidence.seconds) if evidence.seconds else 0,
            "clicks": evidence.sent,
            "promises": [
                {"promise": verdict.promise, "held": verdict.held, "numbers": verdict.numbers} for verdict in verdicts
            ],
        },
        indent=2,
        ensure_ascii=False,
    )
