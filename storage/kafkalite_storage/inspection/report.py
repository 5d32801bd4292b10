"""The findings of an inspection, and how much was checked."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad a finding is."""

    #: Data is damaged that cannot be rebuilt: records, or the identity of the directory.
    DAMAGE = "damage"
    #: A file is wrong that the broker rebuilds from the records.
    CACHE = "cache"
    #: Not a problem, but worth knowing.
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One problem: the file, the byte or line if there is one, and what is wrong."""

    severity: Severity
    file: str
    what: str
    byte: int | None = None
    line: int | None = None

    def __str__(self) -> str:
        place = f", byte {self.byte}" if self.byte is not None else f", line {self.line}" if self.line else ""
        return f"{self.severity}: {self.file}{place}: {self.what}"


class Report:
    """Passes findings to a callback and counts what was checked."""

    def __init__(self, found: Callable[[Finding], None]) -> None:
        self._found = found
        self.files = 0
        self.batches = 0
        self.records = 0
        self.bytes = 0
        self.findings = dict.fromkeys(Severity, 0)

    def damage(self, file: str, what: str, *, byte: int | None = None, line: int | None = None) -> None:
        """Report damage that cannot be repaired from other files."""
        self._add(Finding(severity=Severity.DAMAGE, file=file, what=what, byte=byte, line=line))

    def cache(self, file: str, what: str, *, byte: int | None = None, line: int | None = None) -> None:
        """Report a file that the broker rebuilds."""
        self._add(Finding(severity=Severity.CACHE, file=file, what=what, byte=byte, line=line))

    def note(self, file: str, what: str, *, byte: int | None = None, line: int | None = None) -> None:
        """Report something that is not damage."""
        self._add(Finding(severity=Severity.NOTE, file=file, what=what, byte=byte, line=line))

    def only(self, file: str) -> "Report":
        """Return a report that passes the findings about one file to this report and counts separately."""
        return Report(lambda finding: self._add(finding) if finding.file == file else None)

    @property
    def is_sound(self) -> bool:
        """Whether nothing worse than notes was found."""
        return not self.findings[Severity.DAMAGE] and not self.findings[Severity.CACHE]

    def _add(self, finding: Finding) -> None:
        self.findings[finding.severity] += 1
        self._found(finding)
