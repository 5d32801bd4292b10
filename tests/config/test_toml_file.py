"""Where in a TOML file something is said."""

from __future__ import annotations

import tomllib

import pytest

from kafkalite.config.toml_file import line_of

TRICKY = '''\
# api = "in a comment", [[fault]]
[[fault]]  # the first
name = """
[[fault]]
api = "inside a text"
"""
api = [
    "Produce",  # drop = true
    "Fetch",
]
drop = true
[[ "fault" ]]
"api" = "Fetch"
name = \'\'\'
drop = 1\'\'\'
x.y = 1
[fault.z]
w = 2
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("fault", 0), 2),
        (("fault", 0, "name"), 3),
        (("fault", 0, "api"), 7),
        (("fault", 0, "drop"), 11),
        (("fault", 1), 12),
        (("fault", 1, "api"), 13),
        (("fault", 1, "name"), 14),
        (("fault", 1, "x"), 16),
        (("fault", 1, "z"), 17),
        (("fault", 1, "z", "w"), 18),
        (("fault", 1, "drop"), None),
        (("fault", 2), None),
    ],
)
def test_lines_are_told_past_comments_and_texts_that_look_like_keys(path: tuple[str | int, ...], line: int) -> None:
    assert line_of(TRICKY, path) == line


def test_lines_are_told_in_tables_within_an_array() -> None:
    source = 'fault = [\n  { api = "Fetch", drop = true },\n  # { x = 1 }\n  { api = "Fetch", x = 1 },\n]\n'
    assert [line_of(source, ("fault", number, "api")) for number in (0, 1)] == [2, 4]
    assert line_of(source, ("fault", 1, "x")) == 4


QUOTED = r"""# brackets and hashes within texts, and a key of each kind
text = @@@
x = 1
it ends in quotes""@@@
other."a.b".'c d' = { e = [1,
  2,

  [ { f = "]" } ], # ]
  { f = 1 }
  , 3] }
[topics . "a.b"]
"g#" = "\\\"]"
[[topics.'a.b'.records]]
key = "\""
[[topics."a.b".records]]
[topics."a.b".records.headers]
h = "1"
[topics.z]
""".replace("@@@", '"' * 3)


@pytest.mark.parametrize(
    ("steps", "line"),
    [
        (("text",), 2),
        (("x",), None),
        (("other",), 5),
        (("other", "a.b", "c d", "e", 2), 5),
        (("topics",), 11),
        (("topics", "a.b", "g#"), 12),
        (("topics", "a.b", "records"), 13),
        (("topics", "a.b", "records", 0, "key"), 14),
        (("topics", "a.b", "records", 1), 15),
        (("topics", "a.b", "records", 1, "headers", "h"), 17),
        (("topics", "z"), 18),
    ],
)
def test_lines_are_told_whatever_is_quoted(steps: tuple[str | int, ...], line: int | None) -> None:
    assert line_of(QUOTED, steps) == line


def test_the_last_of_many_elements_is_found_by_reading_few_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    many = 1000
    source = "records = [\n" + "".join(f"  {{ value = [{number},\n  0] }},\n" for number in range(many)) + "]\n"
    parsed: list[str] = []
    loads = tomllib.loads

    def counted(text: str) -> dict[str, object]:
        parsed.append(text)
        return loads(text)

    monkeypatch.setattr(tomllib, "loads", counted)
    assert line_of(source, ("records", many - 1, "value")) == 2 * many
    assert len(parsed) < 40
