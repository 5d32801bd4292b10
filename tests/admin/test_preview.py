"""Who would own what, and what a change would move."""

from __future__ import annotations

import pytest

from kafkalite.tools.admin.preview import Move, preview, share_of_keys


def test_three_members_share_three_partitions_and_a_fourth_would_stand_by() -> None:
    shown = preview("range", ["A", "B", "C"], {"t": 3})
    assert {owned.member: owned.partitions for owned in shown.owned} == {"A": ("t-0",), "B": ("t-1",), "C": ("t-2",)}
    joined = shown.changes[0]
    assert joined.what == "one more member, C+"
    assert (joined.kept, joined.moves, joined.keys_moved) == (3, (), 0)


def test_one_more_member_takes_from_the_others_by_round_robin() -> None:
    joined = preview("roundrobin", ["A", "B"], {"t": 4}).changes[0]
    assert joined.moves == (
        Move(partition="t-2", before="A", after="B+"),
        Move(partition="t-3", before="B", after="A"),
    )
    assert joined.kept == 2


def test_one_more_partition_is_new_and_moves_keys() -> None:
    grown = preview("range", ["A", "B"], {"t": 3}).changes[1]
    assert grown.what == "one more partition, t-3"
    assert grown.moves == (Move(partition="t-3", before=None, after="B"),)
    assert grown.keys_moved == pytest.approx(3 / 4)


def test_a_partition_that_shifts_a_range_moves_others_too() -> None:
    grown = preview("range", ["A", "B"], {"t": 2}).changes[1]
    assert grown.moves == (
        Move(partition="t-1", before="B", after="A"),
        Move(partition="t-2", before=None, after="B"),
    )


def test_the_share_of_keys_that_move_is_what_counting_gives() -> None:
    for before, after in [(1, 2), (3, 4), (4, 6), (6, 12)]:
        hashes = range(before * after)
        moved = sum(number % before != number % after for number in hashes)
        assert share_of_keys(before, after) == pytest.approx(moved / len(hashes))
