"""What is declared more than once, because each is typed in its own way, is the same everywhere."""

from __future__ import annotations

from dataclasses import fields
from typing import get_type_hints

from kafkalite.controls.faults.fault import Fault
from kafkalite.controls.faults.words import FaultError, fault_of
from kafkalite.controls.request_log.criteria import Criteria
from kafkalite.testing.handles.faults import Words
from kafkalite.testing.handles.request_log import Filters
from kafkalite.web.routes.faults import FaultWords
from kafkalite.web.routes.requests import Chosen


def names(declared: type) -> set[str]:
    return {field.name for field in fields(declared)}


def words_of_a_file() -> set[str]:
    try:
        fault_of({"?": 1})
    except FaultError as error:
        return set(str(error).partition("keys: ")[2].split(", "))
    raise AssertionError("a question mark is a word")


def test_a_fault_has_the_same_words_in_a_file_in_a_test_and_over_http() -> None:
    of_a_fault = names(Fault) - {"apis"} | {"api"}
    assert words_of_a_file() == of_a_fault
    assert set(get_type_hints(Words, localns={"On": str, "ErrorCode": int})) == of_a_fault
    assert names(FaultWords) == of_a_fault


def test_requests_are_chosen_by_the_same_filters_in_a_test_and_over_http() -> None:
    assert names(Chosen) == names(Criteria)
    assert set(get_type_hints(Filters)) == names(Criteria) - {"api"}
