"""What has been copied where: stretches of records that were written in one transaction, and positions between them."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import NamedTuple


class Partition(NamedTuple):
    """A partition, which has the same name in both clusters."""

    topic: str
    number: int

    def __str__(self) -> str:
        return f"{self.topic}-{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Records of one partition that were copied in one transaction; all offsets are inclusive."""

    topic: str
    partition: int
    source_first: int
    source_last: int
    target_first: int
    target_last: int
    count: int

    def encode(self) -> bytes:
        """Return it as JSON."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def decode(cls, data: bytes) -> Stretch:
        """Read JSON. Raises ValueError."""
        try:
            return cls(**json.loads(data))
        except TypeError as error:
            raise ValueError(f"this is no position of a mirror: {error}") from None

    @property
    def has_no_gap(self) -> bool:
        """Whether its offsets follow each other in the source cluster."""
        return self.source_last - self.source_first + 1 == self.count


class Stretches:
    """The stretches of one partition, in their order."""

    def __init__(self) -> None:
        self._all: list[Stretch] = []

    def add(self, stretch: Stretch) -> None:
        """Add the next one."""
        self._all.append(stretch)

    @property
    def position(self) -> int | None:
        """The source offset behind what was copied, or None if nothing was."""
        return self._all[-1].source_last + 1 if self._all else None

    @property
    def count(self) -> int:
        """The number of records that were copied."""
        return sum(each.count for each in self._all)

    @property
    def last(self) -> Stretch:
        """The last stretch; there must be one."""
        return self._all[-1]

    def first_within(self, source_start: int, target_start: int) -> Stretch | None:
        """Return the first stretch that is whole where logs begin at these offsets; retention may have cut them."""
        for each in self._all:
            if each.source_first >= source_start and each.target_first >= target_start:
                return each
        return None

    def translate(self, offset: int, count_records: Callable[[int, int], int]) -> int | None:
        """Return the target offset of the first copied record at or behind a source offset, or None if there is none.

        ``count_records`` returns how many records of the source lie between two offsets, both included. It is asked
        only about a stretch with gaps: aborted or compacted records, and transaction markers.
        """
        index = bisect_right(self._all, offset, key=lambda each: each.source_last + 1)
        if index == len(self._all):
            return None
        stretch = self._all[index]
        if offset <= stretch.source_first:
            return stretch.target_first
        if stretch.has_no_gap:
            return stretch.target_first + offset - stretch.source_first
        return stretch.target_last + 1 - count_records(offset, stretch.source_last)
