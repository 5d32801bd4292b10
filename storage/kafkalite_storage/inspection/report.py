"""What an inspection found, one finding at a time, and how much it looked at."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad a finding is."""

    #: The truth is damaged: records, or who the directory belongs to.
    DAMAGE = "damage"
    #: A file is wrong that is rebuilt from the records.
    CACHE = "cache"
    #: Worth knowing, and no reason to worry.
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is not as it should be: where (byte or line where there is one) and what."""

    severity: Severity
    file: str
    what: str
    byte: int | None = None
    line: int | None = None

    def __str__(self) -> str:
        place = f", byte {self.byte}" if self.byte is not None else f", line {self.line}" if self.line else ""
        return f"{self.severity}: {self.file}{place}: {self.what}"


class Report:
    """Hands on findings as they come, and counts."""

    def __init__(self, found: Callable[[Finding], None]) -> None:
        self._found = found
        self.files = 0
        self.batches = 0
        self.records = 0
        self.bytes = 0
        self.findings = dict.fromkeys(Severity, 0)

    def damage(self, file: str, what: str, *, byte: int | None = None, line: int | None = None) -> None:
        """Report damage to the truth."""
        self._add(Finding(severity=Severity.DAMAGE, file=file, what=what, byte=byte, line=line))

    def cache(self, file: str, what: str, *, byte: int | None = None, line: int | None = None) -> None:
        """Report a file that will be rebuilt."""
        self._add(Finding(severity=Severity.CACHE, file=file, what=what, byte=byte, line=line))

    def note(self, file: str, what: str, *, byte: int | None = None, line: int | None = None) -> None:
        """Report something that is no damage."""
        self._add(Finding(severity=Severity.NOTE, file=file, what=what, byte=byte, line=line))

    def only(self, file: str) -> "Report":
        """Return a report that hands on to this one what concerns one file, and does not count for it."""
        return Report(lambda finding: self._add(finding) if finding.file == file else None)

    @property
    def is_sound(self) -> bool:
        """Whether nothing worse than notes was found."""
        return not self.findings[Severity.DAMAGE] and not self.findings[Severity.CACHE]

    def _add(self, finding: Finding) -> None:
        self.findings[finding.severity] += 1
        self._found(finding)
