"""Regular expressions of consumer groups, without RE2 as most installations have it, and with it where it is there."""

from __future__ import annotations

import time
from importlib.util import find_spec

import pytest

from kafkalite.coordinators.groups.consumer import subscriptions
from kafkalite.coordinators.groups.consumer.subscriptions import InvalidRegexError, compiled, matching

TOPICS = ("orders", "orders-v2", "old-orders", "payments", "a.b", "axb")
ENGINES = ["python", "re2"] if find_spec("re2") else ["python"]


def _no_re2(name: str) -> None:
    raise ImportError(name)


@pytest.fixture
def python_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """RE2 is not installed."""
    monkeypatch.setattr(subscriptions, "import_module", _no_re2)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """The engine that reads the regular expressions of the test."""
    if request.param == "python":
        request.getfixturevalue("python_only")
    return str(request.param)


@pytest.mark.parametrize(
    ("regex", "matches"),
    [
        ("orders", {"orders"}),
        ("orders.*", {"orders", "orders-v2"}),
        (".*(?:(?:orders)|(?:pay.*)).*", {"orders", "orders-v2", "old-orders", "payments"}),
        ("(old-)?orders", {"orders", "old-orders"}),
        (r"a\.b", {"a.b"}),
        (r"a[.x]b", {"a.b", "axb"}),
        ("(?i)ORDERS", {"orders"}),
        ("(?P<kind>orders|payments)", {"orders", "payments"}),
        ("", set[str]()),
    ],
)
@pytest.mark.usefixtures("engine")
def test_whole_names_match(regex: str, matches: set[str]) -> None:
    assert set(filter(compiled(regex), TOPICS)) == matches


@pytest.mark.parametrize("regex", ["(", "[", "a**", "(?=a)", "(?!a)", r"(a)\1", "a++", "*", "(?P=x)"])
@pytest.mark.usefixtures("engine")
def test_what_re2_does_not_read_is_refused(regex: str) -> None:
    with pytest.raises(InvalidRegexError):
        compiled(regex)
    assert matching(regex, TOPICS) == set()


@pytest.mark.parametrize("regex", ["(a+)+b", "(a|a)*b", ".*.*.*.*b", "(.*(.*(.*)))x*", "a?" * 30 + "a" * 30, "x" * 501])
@pytest.mark.usefixtures("python_only")
def test_python_does_not_try_what_may_take_long(regex: str) -> None:
    with pytest.raises(InvalidRegexError, match="google-re2"):
        compiled(regex)


@pytest.mark.parametrize("regex", [".*.*.*b", ".*(?:(?:a.*)|(?:aa.*)).*b", r"(?:ab\.)*[*+?](x|y)\("])
@pytest.mark.usefixtures("python_only")
def test_what_python_tries_is_soon_done(regex: str) -> None:
    before = time.process_time()
    assert not compiled(regex)("a" * 249)
    assert time.process_time() - before < 1


@pytest.mark.usefixtures("python_only")
def test_deep_groups_are_an_error_and_no_crash() -> None:
    assert compiled("(" * 200 + "a" + ")" * 200)("a")
    with pytest.raises(InvalidRegexError):
        compiled("(" * 2000 + "a" + ")" * 2000)
    with pytest.raises(InvalidRegexError):
        compiled("a{99999999999}")
