"""Strings must hash and sort as in Java, or groups would be looked for in the wrong partition."""

from __future__ import annotations

from kafkalite.coordinators.groups.coordinator import partition_for
from kafkalite.coordinators.java_strings import hash_map_order, string_hash, timeline_map_order, utf16_length
from tests.groups.golden import cases


def test_strings_hash_as_in_java() -> None:
    for text, expected, _ in cases.lines("hash"):
        assert string_hash(text) == expected % 2**32


def test_a_group_lives_in_the_partition_where_kafka_looks_for_it() -> None:
    for text, _, expected in cases.lines("hash"):
        assert partition_for(text, 50) == expected


def test_a_hash_of_the_smallest_integer_has_a_partition_too() -> None:
    assert string_hash("polygenelubricants") == 0x80000000
    assert partition_for("polygenelubricants", 50) == 0


def test_keys_come_in_the_order_of_a_java_hash_map() -> None:
    for keys, expected in cases.lines("order"):
        assert hash_map_order(keys) == expected


def test_keys_come_in_the_order_of_a_timeline_map_of_kafka() -> None:
    for keys, most, expected in cases.lines("timeline"):
        assert timeline_map_order(keys, most=most) == expected


def test_a_string_is_as_long_as_its_utf16_units() -> None:
    assert [utf16_length(text) for text in ("", "plain", "été", "🚀")] == [0, 5, 3, 2]
