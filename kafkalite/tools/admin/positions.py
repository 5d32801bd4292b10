"""Positions in a log, as users write them: `earliest`, `latest`, an offset, a time, or relative to the end or now."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Final

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
FORMS: Final = "earliest, latest, an offset, +N, -N, 30s, 5m, 2h or 1d ago, or a time such as 2026-01-31T12:00:00Z"


class Kind(Enum):
    """What a position counts from."""

    EARLIEST = "earliest"
    LATEST = "latest"
    OFFSET = "offset"
    SHIFT = "shift"
    """Records from where one stands: of a group from what it has committed, of a reader from the end."""
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Position:
    """A place; `value` is an offset, a number of records, or milliseconds since the epoch."""

    kind: Kind
    value: int = 0


BEGINNING: Final = Position(Kind.EARLIEST)
END: Final = Position(Kind.LATEST)


def parse_position(text: str, *, now_ms: int) -> Position:
    """Read a position; a time without a zone is this machine's. Raises ValueError with a reason."""
    word = text.strip().lower()
    if word in ("earliest", "beginning"):
        return BEGINNING
    if word in ("latest", "end"):
        return END
    if re.fullmatch(r"[0-9]+", word):
        return Position(Kind.OFFSET, int(word))
    if re.fullmatch(r"[+-][0-9]+", word):
        return Position(Kind.SHIFT, int(word))
    ago = re.fullmatch(r"([0-9]+)([smhd])", word)
    if ago is not None:
        return Position(Kind.TIME, now_ms - 1000 * int(ago.group(1)) * _SECONDS[ago.group(2)])
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"{text!r} is no position: give {FORMS}") from None
    return Position(Kind.TIME, round(moment.timestamp() * 1000))


def place_in(
    position: Position, *, earliest: int, end: int, standing: int | None = None, at_time: int | None = None
) -> int:
    """Return the offset of a position in one partition, within the offsets that the partition holds.

    `standing` is what a shift counts from, the end by default; `at_time` the offset that the broker found for the
    position's time, negative where there is no record so late.
    """
    match position.kind:
        case Kind.EARLIEST:
            return earliest
        case Kind.LATEST:
            return end
        case Kind.OFFSET:
            wanted = position.value
        case Kind.SHIFT:
            wanted = (end if standing is None else standing) + position.value
        case Kind.TIME:
            wanted = end if at_time is None or at_time < 0 else at_time
    return max(earliest, min(wanted, end))


def written_time(timestamp_ms: int) -> str:
    """Write milliseconds since the epoch as ISO 8601 in UTC."""
    moment = datetime.fromtimestamp(timestamp_ms / 1000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{timestamp_ms % 1000:03d}Z"


def parse_scope(text: str) -> tuple[str, tuple[int, ...] | None]:
    """Read `TOPIC` or `TOPIC:0,2`: a topic and some of its partitions, None for all; raises ValueError."""
    topic, colon, numbers = text.partition(":")
    if not topic or (colon and not re.fullmatch(r"[0-9]+(,[0-9]+)*", numbers)):
        raise ValueError(f"{text!r} is not of the form TOPIC or TOPIC:PARTITION,…")
    return topic, tuple(int(number) for number in numbers.split(",")) if colon else None
