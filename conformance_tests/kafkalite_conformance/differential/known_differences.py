"""What may differ and why. The page for people is docs/differences.md: each entry names its row there."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from kafkalite_conformance.differential.comparing import Difference


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownDifference:
    """A difference that is meant. The patterns are those of a shell; `row` is the first cell of the row on the page."""

    conversation: str
    asked: str = "*"
    path: str = "*"
    kafka: str = "*"
    row: str
    reason: str

    def covers(self, difference: Difference) -> bool:
        """Tell whether this is the difference that is meant."""
        # Brackets are indices in a path, and sets of letters in a pattern.
        path = self.path.replace("[", "[[]")
        return (
            fnmatchcase(difference.conversation, self.conversation)
            and fnmatchcase(difference.asked, self.asked)
            and fnmatchcase(difference.path, path)
            and fnmatchcase(repr(difference.kafka), self.kafka)
        )


KNOWN_DIFFERENCES: Final[Sequence[KnownDifference]] = ()


def reason_for(difference: Difference) -> KnownDifference | None:
    """Find the entry that covers a difference."""
    return next((known for known in KNOWN_DIFFERENCES if known.covers(difference)), None)
