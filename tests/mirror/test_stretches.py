"""Offsets of one cluster as offsets of the other."""

import pytest

from kafkalite.tools.mirror.stretches import Stretch, Stretches


def stretch(source: tuple[int, int], target: tuple[int, int]) -> Stretch:
    return Stretch(
        topic="t",
        partition=0,
        source_first=source[0],
        source_last=source[1],
        target_first=target[0],
        target_last=target[1],
        count=target[1] - target[0] + 1,
    )


def copied(*stretches: Stretch) -> Stretches:
    made = Stretches()
    for each in stretches:
        made.add(each)
    return made


GAPLESS = copied(stretch((100, 109), (0, 9)), stretch((115, 119), (11, 15)))
"""Ten records, aborted ones from 110 to 114, and five; 10 is the marker of the first transaction of the mirror."""


@pytest.mark.parametrize(
    ("offset", "expected"),
    [(0, 0), (100, 0), (104, 4), (109, 9), (110, 11), (114, 11), (115, 11), (119, 15), (120, None), (500, None)],
)
def test_an_offset_becomes_that_of_the_first_copied_record_at_or_behind_it(offset: int, expected: int | None) -> None:
    def never(first: int, last: int) -> int:
        raise AssertionError((first, last))

    assert GAPLESS.translate(offset, never) == expected


def test_where_the_source_has_gaps_the_records_from_the_offset_on_are_counted() -> None:
    # Copied were 10, 13 and 19.
    asked: list[tuple[int, int]] = []

    def count_records(first: int, last: int) -> int:
        asked.append((first, last))
        return sum(first <= each <= last for each in (10, 13, 19))

    with_gaps = copied(stretch((10, 19), (5, 7)))
    assert [with_gaps.translate(offset, count_records) for offset in (9, 10, 11, 13, 14, 19, 20)] == [
        5, 5, 6, 6, 7, 7, None,
    ]  # fmt: skip
    assert asked == [(11, 19), (13, 19), (14, 19), (19, 19)]


def test_the_next_run_begins_behind_the_last_record() -> None:
    assert copied().position is None
    assert GAPLESS.position == 120


def test_what_retention_has_removed_on_one_side_is_not_compared() -> None:
    first, second = stretch((100, 109), (0, 9)), stretch((115, 119), (11, 15))
    assert copied(first, second).first_within(100, 0) == first
    assert copied(first, second).first_within(101, 0) == second
    assert copied(first, second).first_within(0, 3) == second
    assert copied(first, second).first_within(0, 12) is None


def test_a_stretch_is_kept_as_json() -> None:
    made = stretch((1, 2), (3, 4))
    assert Stretch.decode(made.encode()) == made
    with pytest.raises(ValueError, match="no position of a mirror"):
        Stretch.decode(b'{"topic": "t"}')
