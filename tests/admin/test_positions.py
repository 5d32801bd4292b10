"""Places in a log, as people write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kafkalite.tools.admin.positions import (
    BEGINNING,
    END,
    Kind,
    Position,
    parse_position,
    parse_scope,
    place_in,
    written_time,
)

NOW = 1_800_000_000_000


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("earliest", BEGINNING),
        ("Beginning", BEGINNING),
        ("latest", END),
        ("end", END),
        ("17", Position(Kind.OFFSET, 17)),
        ("+3", Position(Kind.SHIFT, 3)),
        ("-10", Position(Kind.SHIFT, -10)),
        ("90s", Position(Kind.TIME, NOW - 90_000)),
        ("5m", Position(Kind.TIME, NOW - 300_000)),
        ("2h", Position(Kind.TIME, NOW - 7_200_000)),
        ("1d", Position(Kind.TIME, NOW - 86_400_000)),
        ("2026-01-31T12:00:00Z", Position(Kind.TIME, 1_769_860_800_000)),
        ("2026-01-31T12:00:00.250+01:00", Position(Kind.TIME, 1_769_857_200_250)),
    ],
)
def test_a_position_is_read(text: str, position: Position) -> None:
    assert parse_position(text, now_ms=NOW) == position


def test_a_time_without_a_zone_is_this_machines() -> None:
    local = datetime(2026, 1, 31, 12).astimezone()
    assert parse_position("2026-01-31T12:00", now_ms=NOW).value == local.timestamp() * 1000


@pytest.mark.parametrize("text", ["", "sometimes", "5w", "1.5", "--1", "2026-13-01"])
def test_what_is_no_position_is_refused_with_what_would_be_one(text: str) -> None:
    with pytest.raises(ValueError, match="is no position: give earliest, latest, an offset"):
        parse_position(text, now_ms=NOW)


@pytest.mark.parametrize(
    ("position", "standing", "at_time", "offset"),
    [
        (BEGINNING, None, None, 10),
        (END, None, None, 20),
        (Position(Kind.OFFSET, 15), None, None, 15),
        (Position(Kind.OFFSET, 3), None, None, 10),
        (Position(Kind.OFFSET, 99), None, None, 20),
        (Position(Kind.SHIFT, -3), None, None, 17),
        (Position(Kind.SHIFT, -3), 15, None, 12),
        (Position(Kind.SHIFT, 2), 15, None, 17),
        (Position(Kind.SHIFT, -99), 15, None, 10),
        (Position(Kind.TIME, NOW), None, 12, 12),
        (Position(Kind.TIME, NOW), None, -1, 20),
    ],
)
def test_a_place_is_never_outside_of_what_the_partition_holds(
    position: Position, standing: int | None, at_time: int | None, offset: int
) -> None:
    assert place_in(position, earliest=10, end=20, standing=standing, at_time=at_time) == offset


def test_a_time_is_written_in_utc_with_milliseconds() -> None:
    moment = datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert written_time(round(moment.timestamp() * 1000) + 7) == "2026-01-31T12:00:00.007Z"


def test_a_scope_is_a_topic_or_some_of_its_partitions() -> None:
    assert parse_scope("orders") == ("orders", None)
    assert parse_scope("orders:0,2") == ("orders", (0, 2))


@pytest.mark.parametrize("text", ["", ":1", "orders:", "orders:a", "orders:1,"])
def test_what_is_no_scope_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not of the form"):
        parse_scope(text)
