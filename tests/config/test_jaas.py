"""Kafka's sasl.jaas.config: words, quotes, escapes, comments, and mistakes that quote no password."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kafkalite.config.jaas import parse_jaas


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("a.B required;", {}),
        ('a.B required user_a="x" user_b="y";', {"user_a": "x", "user_b": "y"}),
        ("a.B REQUIRED\n  user_a='x y'\n;", {"user_a": "x y"}),
        ("a.B optional user_a = word-1$_x.y;", {"user_a": "word-1$_x.y"}),
        (r'a.B required user_a="a \"b\" \\ ;= c";', {"user_a": 'a "b" \\ ;= c'}),
        (r'a.B required user_a="\t\101\60x\q";', {"user_a": "\tA0xq"}),
        ('a.B required "user_a b"="c";', {"user_a b": "c"}),
        ('a.B required user_zoë="ü";', {"user_zoë": "ü"}),
        ('a.B required /* user_a="no" */ user_b="y"; // the end', {"user_b": "y"}),
        ('a.B required user_a="// no comment";', {"user_a": "// no comment"}),
        ('a.B required user_a="";', {"user_a": ""}),
        ('a.B required user_a="one" user_a="two";', {"user_a": "two"}),
    ],
)
def test_options(text: str, options: dict[str, str]) -> None:
    module = parse_jaas(text)
    assert (module.name, module.options) == ("a.B", options)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "there is no login module"),
        (";", "there is no login module"),
        ("a.B", "after the login module there has to be one of optional, required, requisite, sufficient"),
        (
            'a.B user_a="hush";',
            "after the login module there has to be one of optional, required, requisite, sufficient",
        ),
        ('a.B required user_a="hush"', "there is no semicolon at the end"),
        ('a.B required user_a "hush";', 'option 1 is not of the form NAME="VALUE"'),
        ('a.B required x="y" "hush";', 'option 2 is not of the form NAME="VALUE"'),
        ("a.B required user_a=hush word;", 'option 2 is not of the form NAME="VALUE"'),
        ("a.B required user_a=1234hush;", "the value of option 1 has to be in quotes"),
        ('a.B required user_a="hush;', "the value of option 1 has to be in quotes"),
        ('a.B required user_a="hush\n";', "the value of option 1 has to be in quotes"),
        ("a.B required user_a=;", "the value of option 1 has to be in quotes"),
        ("a.B required; a.C required;", "there is more than one login module"),
    ],
)
def test_mistakes(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=r".") as mistake:
        parse_jaas(text)
    assert str(mistake.value) == problem
    assert "hush" not in str(mistake.value)


def test_options_are_not_shown() -> None:
    assert "hush" not in repr(parse_jaas('a.B required user_a="hush";'))


@given(st.text() | st.text(alphabet="ab =;\"'\\\n/*.1_"))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        assert parse_jaas(text).name
    except ValueError as mistake:
        problem = str(mistake)
    else:
        return
    assert problem.startswith(("there is", "after the login module", "option ", "the value of option "))


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_password_can_be_written_in_quotes(password: str) -> None:
    escapes = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r"})
    module = parse_jaas(f'a.B required user_a="{password.translate(escapes)}";')
    assert module.options == {"user_a": password}
