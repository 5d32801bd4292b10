"""Two transcripts of one conversation, and where they differ."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from kafkalite_conformance.differential.normalising import Plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What was asked, and what came of it."""

    asked: str
    answer: Plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One field, or one whole answer, that the brokers do not agree on."""

    conversation: str
    asked: str
    path: str
    kafka: Plain
    kafkalite: Plain

    def __str__(self) -> str:
        """Return the difference in three lines."""
        where = f"{self.conversation}: {self.asked}"
        path = f": {self.path}" if self.path else ""
        return f"{where}{path}\n    kafka      {self.kafka!r}\n    kafkalite  {self.kafkalite!r}"


def differences(conversation: str, kafka: Sequence[Step], kafkalite: Sequence[Step]) -> list[Difference]:
    """Compare step by step, up to where the conversations take different turns."""
    found: list[Difference] = []
    for theirs, ours in zip(kafka, kafkalite, strict=False):
        if theirs.asked != ours.asked:
            found.append(_difference(conversation, "the course of it", "", theirs.asked, ours.asked))
            return found
        found += [
            _difference(conversation, theirs.asked, path, one, other)
            for path, one, other in _compare(theirs.answer, ours.answer, "")
        ]
    if len(kafka) != len(kafkalite):
        found.append(_difference(conversation, "the course of it", "number of steps", len(kafka), len(kafkalite)))
    return found


def _difference(conversation: str, asked: str, path: str, kafka: Plain, kafkalite: Plain) -> Difference:
    return Difference(conversation=conversation, asked=asked, path=path, kafka=kafka, kafkalite=kafkalite)


def _compare(one: Plain, other: Plain, path: str) -> Generator[tuple[str, Plain, Plain]]:
    if isinstance(one, Mapping) and isinstance(other, Mapping) and one.keys() == other.keys():
        for name in one:
            yield from _compare(one[name], other[name], f"{path}.{name}" if path else name)
    elif _is_list(one) and _is_list(other):
        theirs, ours = cast("Sequence[Plain]", one), cast("Sequence[Plain]", other)
        if len(theirs) != len(ours):
            yield path, theirs, ours
            return
        for index, (left, right) in enumerate(zip(theirs, ours, strict=True)):
            yield from _compare(left, right, f"{path}[{index}]")
    elif one != other or type(one) is not type(other):
        yield path, one, other


def _is_list(value: Plain) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
