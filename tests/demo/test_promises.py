"""Each promise is judged from evidence: it holds on a story that went well, and each breach is found."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from kafkalite.tools.demo.evidence import Crash, Evidence, Look, Ownership, Pass
from kafkalite.tools.demo.ledger import Charge
from kafkalite.tools.demo.promises import Verdict, judge

ONE_OWNER = "A partition has exactly one owner in a group, at any time"
STANDBY = "A member without a partition is a hot standby"
STAYS = "A dead member keeps its partition until its session times out"
RESUMES = "The standby resumes exactly at the last committed offset"
TAIL = "Only the uncommitted tail is read again"
BILLED = "Every click is billed"
GROUPS = "Groups are independent, each with offsets of its own"
REPLAY = "A group can rewind and replay"
ALL = {ONE_OWNER, STANDBY, STAYS, RESUMES, TAIL, BILLED, GROUPS, REPLAY}


def look(at: float, **owners: set[int]) -> Look:
    named = {name: frozenset(owned) for name, owned in owners.items()}
    return Look(asked_at=at, answered_at=at + 0.01, stable=True, owners=named, committed={0: 1, 1: 1})


def a_story_that_went_well() -> Evidence:
    """Two partitions of five clicks; A owns 0 and dies at 10 with 3 billed and 1 committed, D takes over at 13."""
    whole = Pass(clicks=10, first={0: 0, 1: 0}, next={0: 5, 1: 5}, digests={0: "x", 1: "y"})
    return Evidence(
        ownerships=[
            Ownership(member="A", partition=0, since=0.0, until=10.0),
            Ownership(member="B", partition=1, since=0.0),
            Ownership(member="D", partition=0, since=13.0),
        ],
        looks=[look(6.0, A={0}, B={1}, D=set()), look(10.5, A={0}, B={1}, D=set()), look(14.0, B={1}, D={0})],
        crash=Crash(
            victim="A",
            standby="D",
            partition=0,
            session_timeout=3.0,
            standby_joined_at=5.0,
            heard_at=9.8,
            killed_at=10.0,
            taken_over_at=13.0,
        ),
        sent=10,
        acknowledged=10,
        seconds=1.0,
        ends={0: 5, 1: 5},
        committed={"billing": {0: 5, 1: 5}, "fraud": {0: 5, 1: 5}, "recommendations": {0: 5, 1: 5}},
        committed_before_reading={0: 5, 1: 5},
        ledgers={
            "A": [Charge(0, offset, offset * 2, 1.0) for offset in range(3)],
            "B": [Charge(1, offset, offset * 2 + 1, 1.0) for offset in range(5)],
            "D": [Charge(0, offset, offset * 2, 14.0) for offset in range(1, 5)],
        },
        passes={"fraud": [whole], "recommendations": [whole, whole]},
    )


def broken(evidence: Evidence) -> set[str]:
    return {verdict.promise for verdict in judge(evidence) if not verdict.held}


def numbers(evidence: Evidence, promise: str) -> str:
    (found,) = [verdict for verdict in judge(evidence) if verdict.promise == promise]
    return found.numbers


def bill(evidence: Evidence, member: str, charges: list[Charge]) -> None:
    evidence.ledgers = {**evidence.ledgers, member: charges}


def test_every_promise_holds_in_a_story_that_went_well() -> None:
    verdicts = judge(a_story_that_went_well())
    assert {verdict.promise for verdict in verdicts} == ALL
    assert [verdict for verdict in verdicts if not verdict.held] == []


def test_what_the_broker_says_before_the_standby_has_heard_of_its_partition_breaks_nothing() -> None:
    evidence = a_story_that_went_well()
    evidence.looks.append(look(12.9, B={1}, D={0}))
    assert broken(evidence) == set()


def test_an_answer_that_took_until_after_the_take_over_breaks_nothing() -> None:
    evidence = a_story_that_went_well()
    evidence.looks.append(replace(look(12.0, B={1}, D={0}), answered_at=13.5))
    assert broken(evidence) == set()


def test_a_heartbeat_that_was_late_before_the_end_breaks_nothing() -> None:
    evidence = a_story_that_went_well()
    taken_over(evidence, at=12.81)
    evidence.looks.append(look(12.8, B={1}, D={0}))
    assert broken(evidence) == set()


def test_a_commit_that_was_on_its_way_when_its_process_died_is_the_last() -> None:
    evidence = a_story_that_went_well()
    evidence.looks.insert(1, replace(look(10.1, A={0}, B={1}, D=set()), committed={0: 0, 1: 1}))
    assert broken(evidence) == set()


def test_what_was_committed_after_the_take_over_is_not_the_victims() -> None:
    evidence = a_story_that_went_well()
    evidence.looks.append(replace(look(12.9, B={1}, D={0}), answered_at=13.1, committed={0: 5, 1: 5}))
    assert broken(evidence) == set()


def test_the_numbers_behind_a_verdict_are_told() -> None:
    evidence = a_story_that_went_well()
    assert numbers(evidence, RESUMES) == "partition 0: A had committed 1, D began at 1"
    assert numbers(evidence, TAIL) == (
        "A had billed 2 clicks that it had not committed; 2 were billed twice, 0 more often"
    )
    assert numbers(evidence, BILLED) == ("10 of 10 clicks acknowledged, 10 in the log, 10 billed, 0 missing")


def test_no_promise_holds_without_evidence() -> None:
    verdicts = judge(Evidence())
    assert {verdict.promise for verdict in verdicts} == ALL
    assert all(not verdict.held and verdict.numbers.startswith("no evidence: ") for verdict in verdicts)


def two_owners(evidence: Evidence) -> None:
    evidence.ownerships.append(Ownership(member="C", partition=1, since=3.0, until=4.0))


def bills_without_owning(evidence: Evidence) -> None:
    bill(evidence, "B", [replace_time(charge, -1.0) for charge in evidence.ledgers["B"]])


def replace_time(charge: Charge, at: float) -> Charge:
    return charge._replace(at=at)


def standby_owns_early(evidence: Evidence) -> None:
    evidence.ownerships.append(Ownership(member="D", partition=2, since=6.0, until=7.0))


def broker_shows_standby_with_a_partition(evidence: Evidence) -> None:
    evidence.looks.append(look(7.0, A={0}, D={1}))


def broker_never_shows_the_standby(evidence: Evidence) -> None:
    evidence.looks[:] = [look(6.0, A={0}, B={1}), look(10.5, A={0}, B={1})]


def taken_over(evidence: Evidence, *, at: float) -> None:
    assert evidence.crash is not None
    evidence.crash.taken_over_at = at
    evidence.ownerships[2].since = at


def taken_over_too_early(evidence: Evidence) -> None:
    taken_over(evidence, at=12.7)


def broker_names_another_owner(evidence: Evidence) -> None:
    evidence.looks.append(look(11.0, A=set(), B={1}, D={0}))


def broker_drops_the_dead_too_early(evidence: Evidence) -> None:
    evidence.looks.append(look(11.0, B={1}, D={0}))


def resumes_too_late(evidence: Evidence) -> None:
    bill(evidence, "D", list(evidence.ledgers["D"])[1:])


def resumes_at_the_beginning(evidence: Evidence) -> None:
    bill(evidence, "D", [Charge(0, 0, 0, 14.0), *evidence.ledgers["D"]])


def another_click_is_billed_twice(evidence: Evidence) -> None:
    bill(evidence, "B", [*evidence.ledgers["B"], Charge(1, 3, 7, 15.0)])


def a_click_of_the_tail_is_billed_three_times(evidence: Evidence) -> None:
    bill(evidence, "D", [*evidence.ledgers["D"], Charge(0, 2, 4, 15.0)])


def a_click_is_never_billed(evidence: Evidence) -> None:
    bill(evidence, "B", list(evidence.ledgers["B"])[:-1])


def a_click_is_lost_by_the_broker(evidence: Evidence) -> None:
    evidence.sent = evidence.acknowledged = 11


def a_click_is_in_the_log_twice(evidence: Evidence) -> None:
    evidence.ends[1] = 6


def another_group_begins_in_the_middle(evidence: Evidence) -> None:
    evidence.passes["fraud"] = [replace(evidence.passes["fraud"][0], clicks=9, first={0: 1, 1: 0})]


def another_group_moves_the_offsets_of_billing(evidence: Evidence) -> None:
    evidence.committed["billing"] = {0: 0, 1: 5}


def another_group_has_no_offsets_of_its_own(evidence: Evidence) -> None:
    evidence.committed["fraud"] = {}


def the_replay_differs(evidence: Evidence) -> None:
    first = evidence.passes["recommendations"][0]
    evidence.passes["recommendations"][1] = replace(first, digests={0: "x", 1: "z"})


@pytest.mark.parametrize(
    ("breach", "promises"),
    [
        (two_owners, {ONE_OWNER}),
        (bills_without_owning, {ONE_OWNER}),
        (standby_owns_early, {STANDBY}),
        (broker_shows_standby_with_a_partition, {STANDBY}),
        (broker_never_shows_the_standby, {STANDBY}),
        (taken_over_too_early, {STAYS}),
        (broker_names_another_owner, {STANDBY, STAYS}),
        (broker_drops_the_dead_too_early, {STAYS}),
        (resumes_too_late, {RESUMES, TAIL}),
        (resumes_at_the_beginning, {RESUMES, TAIL}),
        (another_click_is_billed_twice, {TAIL}),
        (a_click_of_the_tail_is_billed_three_times, {TAIL}),
        (a_click_is_never_billed, {BILLED}),
        (a_click_is_lost_by_the_broker, {BILLED}),
        (a_click_is_in_the_log_twice, {BILLED, GROUPS}),
        (another_group_begins_in_the_middle, {GROUPS}),
        (another_group_moves_the_offsets_of_billing, {GROUPS}),
        (another_group_has_no_offsets_of_its_own, {GROUPS}),
        (the_replay_differs, {REPLAY}),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_breach_is_found_by_the_promise_it_breaks(breach: Callable[[Evidence], None], promises: set[str]) -> None:
    evidence = a_story_that_went_well()
    breach(evidence)
    assert broken(evidence) == promises


def test_what_was_committed_is_not_guessed() -> None:
    evidence = a_story_that_went_well()
    evidence.looks[:] = [look for look in evidence.looks if look.asked_at < 10 or look.asked_at > 13]
    assert broken(evidence) == {STAYS, RESUMES, TAIL}
    assert numbers(evidence, RESUMES) == "no evidence: nothing is known of the last commit of A"


def test_a_verdict_says_what_has_not_happened() -> None:
    evidence = a_story_that_went_well()
    assert evidence.crash is not None
    evidence.crash.taken_over_at = None
    verdict = next(verdict for verdict in judge(evidence) if verdict.promise == STANDBY)
    assert verdict == Verdict(promise=STANDBY, held=False, numbers="no evidence: D never took over")
