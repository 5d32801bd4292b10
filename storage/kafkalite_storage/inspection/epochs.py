"""Compare the leader epochs of batches with `leader-epoch-checkpoint`; neither has a checksum."""

from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise

from kafkalite_storage.inspection.report import Report
from kafkalite_storage.recovery.epoch_verifier import disorder


@dataclass(slots=True)
class EpochRun:
    """Batches of one leader epoch in a row, up to and including last_offset."""

    epoch: int
    first_offset: int
    last_offset: int
    file: str
    position: int


class EpochRuns:
    """The runs of a partition, oldest first."""

    def __init__(self) -> None:
        self.runs: list[EpochRun] = []

    def see(self, epoch: int, first_offset: int, last_offset: int, file: str, position: int) -> None:
        """Add the next batch."""
        if self.runs and self.runs[-1].epoch == epoch:
            self.runs[-1].last_offset = last_offset
        else:
            self.runs.append(EpochRun(epoch, first_offset, last_offset, file, position))


def check_epochs(
    report: Report,
    file: str,
    entries: list[tuple[int, int]],
    runs: list[EpochRun],
    *,
    log_start: int,
    end: int,
    in_use: bool,
    is_whole: bool,
) -> None:
    """Compare, and report the one that contradicts all others.

    Entries of a log that has lost batches to compaction or to damage (not `is_whole`) need no batch. While a log is
    `in_use` the checkpoint may be ahead of it or behind.
    """
    _check_order(report, runs, log_start)
    problem = disorder(entries)
    if problem is not None:
        number, what = problem
        report.cache(file, what, line=number + 3)
        return
    starts = [start for _, start in entries]
    agreeing = {epoch for number, (epoch, _) in enumerate(entries) if _agrees(entries, number, runs)}
    epochs = {epoch for epoch, _ in entries}
    for run in runs:
        if run.last_offset < log_start:
            continue
        if in_use and (not entries or run.epoch > entries[-1][0]):
            continue
        number = bisect_right(starts, max(run.first_offset, log_start)) - 1
        if number < 0:
            report.cache(file, f"says nothing of offset {max(run.first_offset, log_start)}, where the log begins")
        elif entries[number][0] != run.epoch:
            said = entries[number][0]
            if run.epoch in epochs or said not in agreeing:
                report.cache(
                    file,
                    f"says that leader epoch {said} wrote offset {run.first_offset}, "
                    f"but the batch in {run.file} at byte {run.position} says {run.epoch}",
                    line=number + 3,
                )
            if run.epoch not in epochs:
                report.damage(
                    run.file,
                    f"the batch says leader epoch {run.epoch}, leader-epoch-checkpoint says {said}",
                    byte=run.position,
                )
    if is_whole:
        firsts = {(run.epoch, run.first_offset) for run in runs}
        for number, (epoch, start) in enumerate(entries):
            # An epoch without a batch begins at the end of the log, the first epoch at its start.
            starts_log = number == 0 and start <= log_start
            is_new = number == len(entries) - 1 and (start == end or (in_use and start >= end))
            if (epoch, start) not in firsts and not starts_log and not is_new:
                report.cache(file, f"no batch of leader epoch {epoch} begins at offset {start}", line=number + 3)


def _check_order(report: Report, runs: list[EpochRun], log_start: int) -> None:
    """Report epochs that decrease before the log start, which the checkpoint no longer covers."""
    for run, following in pairwise(runs):
        if run.last_offset < log_start and not 0 <= run.epoch <= following.epoch:
            report.damage(
                run.file,
                f"the batch says leader epoch {run.epoch}, the one after it {following.epoch}",
                byte=run.position,
            )


def _agrees(entries: list[tuple[int, int]], number: int, runs: list[EpochRun]) -> bool:
    """Return whether any batch in the range of an entry has its epoch."""
    epoch, start = entries[number]
    following = entries[number + 1][1] if number + 1 < len(entries) else None
    return any(
        run.epoch == epoch and run.last_offset >= start and (following is None or run.first_offset < following)
        for run in runs
    )
