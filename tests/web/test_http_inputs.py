"""What comes as JSON becomes the arguments of a control, or an error that names what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from inspect import signature
from typing import get_type_hints

import pytest

from kafkalite.controls.errors import InvalidRequest
from kafkalite.controls.serialization import decode_arguments, parse_object


@dataclass(frozen=True, slots=True, kw_only=True)
class Everything:
    text: str
    whole: int = 0
    number: float = 0.5
    flag: bool = False
    maybe: int | None = None
    texts: tuple[str, ...] = ()
    mapping: Mapping[str, str] = field(default_factory=dict[str, str])
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])


def read(kind: type[Everything], given: Mapping[str, object], texts: Mapping[str, str]) -> Everything:
    return kind(**decode_arguments(signature(kind), get_type_hints(kind), given, texts))


def test_all_types_are_read() -> None:
    body = b"""{"text": "a", "whole": 1, "number": 2, "flag": true, "maybe": null, "texts": ["b"],
               "mapping": {"c": "d"}, "lists": {"e": ["f"]}}"""
    assert read(Everything, parse_object(body), {}) == Everything(
        text="a", whole=1, number=2, flag=True, texts=("b",), mapping={"c": "d"}, lists={"e": ("f",)}
    )


def test_what_is_not_given_has_its_default() -> None:
    assert read(Everything, {}, {"text": "a"}) == Everything(text="a")


def test_numbers_in_an_address_are_numbers_where_numbers_are_wanted() -> None:
    read_from_address = read(Everything, {}, {"text": "1", "whole": "-2", "maybe": "3"})
    assert read_from_address == Everything(text="1", whole=-2, maybe=3)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"text": 1}', "'text' must be a string, not 1"),
        ('{"text": "\\ud800"}', "'text' must be a string, not \"\\ud800\""),
        ('{"text": "a", "whole": 1.5}', "'whole' must be an integer, not 1.5"),
        ('{"text": "a", "whole": true}', "'whole' must be an integer, not true"),
        ('{"text": "a", "whole": 9223372036854775808}', "'whole' must be an integer, not 9223372036854775808"),
        ('{"text": "a", "number": 1' + "0" * 400 + "}", "'number' must be a number, not 10000"),
        ('{"text": "a", "number": 1e999}', "'number' must be a number, not Infinity"),
        ('{"text": "a", "number": NaN}', "the body is not JSON: NaN is not a number in JSON"),
        ('{"text": "a", "maybe": "x"}', "'maybe' must be an integer or null, not \"x\""),
        ('{"text": "a", "texts": ["b", 1]}', "'texts' must be a list of strings, not [\"b\", 1]"),
        ('{"text": "a", "mapping": {"c": 1}}', "'mapping' must be an object of strings, not {\"c\": 1}"),
        ('{"text": "a", "lists": {"c": "d"}}', '\'lists\' must be an object of lists of strings, not {"c": "d"}'),
        ('{"txt": "a"}', "'txt' is unknown here; known: text, whole, number, flag, maybe, texts, mapping, lists"),
        ("{}", "'text' is missing"),
        ("", "'text' is missing"),
        ("[1]", "the body must be a JSON object, not [1]"),
        ('{"text": ', "the body is not JSON: Expecting value: line 1 column 10 (char 9)"),
        ("[" * 100_000, "the body is not JSON: maximum recursion depth exceeded"),
    ],
)
def test_what_is_wrong_is_named(body: str, message: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(Everything, parse_object(body.encode()), {})
    assert str(refused.value).startswith(message)


def test_a_name_counts_once() -> None:
    with pytest.raises(InvalidRequest, match="'text' is given twice: in the address and in the body"):
        read(Everything, {"text": "a"}, {"text": "b"})


def test_a_body_that_is_not_utf_8_is_no_json() -> None:
    with pytest.raises(InvalidRequest, match="the body is not JSON: 'utf-8' codec can't decode"):
        parse_object(b'{"text": "\xff"}')
