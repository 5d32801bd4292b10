"""What groups promise, each judged from evidence alone."""

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from kafkalite.tools.demo.evidence import Crash, Evidence, Ownership, Pass
from kafkalite.tools.demo.ledger import Charge

_SLACK: Final = 0.01
"""Seconds that a clock of milliseconds may blur."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a promise held, and the numbers behind it."""

    promise: str
    held: bool
    numbers: str


@dataclass(frozen=True, slots=True)
class _MissingError(Exception):
    """What would have to be judged did not happen."""

    what: str


def judge(evidence: Evidence) -> list[Verdict]:
    """Judge every promise; one whose evidence is missing did not hold."""
    verdicts: list[Verdict] = []
    for promise, check in _CHECKS.items():
        try:
            held, numbers = check(evidence)
        except _MissingError as missing:
            held, numbers = False, f"no evidence: {missing.what}"
        verdicts.append(Verdict(promise=promise, held=held, numbers=numbers))
    return verdicts


def _one_owner(evidence: Evidence) -> tuple[bool, str]:
    periods = sorted(evidence.ownerships, key=lambda period: (period.partition, period.since))
    overlaps = sum(
        1
        for earlier, later in pairwise(periods)
        if earlier.partition == later.partition and (earlier.until is None or earlier.until > later.since)
    )
    charges = [(member, charge) for member, ledger in evidence.ledgers.items() for charge in ledger]
    if not charges:
        raise _MissingError("nothing was billed")
    strays = _count_strays(periods, charges)
    numbers = (
        f"{len(periods)} periods of ownership, {overlaps} overlap; "
        f"{len(charges):,} charges, {strays:,} by a member that did not own the partition then"
    )
    return overlaps == 0 and strays == 0, numbers


def _count_strays(periods: Iterable[Ownership], charges: Iterable[tuple[str, Charge]]) -> int:
    spans: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for period in periods:
        until = math.inf if period.until is None else period.until
        spans.setdefault((period.member, period.partition), []).append((period.since, until))
    return sum(
        not any(since <= charge.at <= until for since, until in spans.get((member, charge.partition), ()))
        for member, charge in charges
    )


def _standby(evidence: Evidence) -> tuple[bool, str]:
    crash = _crash(evidence)
    if crash.killed_at is None or crash.taken_over_at is None:
        raise _MissingError(f"{crash.standby} never took over")
    waited = crash.taken_over_at - crash.standby_joined_at
    owned_early = [
        period for period in evidence.ownerships if period.member == crash.standby and period.since < crash.killed_at
    ]
    billed_early = sum(charge.at < crash.taken_over_at for charge in evidence.ledgers.get(crash.standby, ()))
    # As the broker sees it, the take-over is when the victim is no member any more. The standby's process hears of it
    # later, and a look in between would already name the standby.
    both = {crash.victim, crash.standby}
    looks = [
        look
        for look in evidence.looks
        if look.asked_at >= crash.standby_joined_at and look.stable and both <= look.owners.keys()
    ]
    idle = sum(not look.owners[crash.standby] for look in looks)
    numbers = (
        f"{crash.standby} was a member for {waited:.1f} s without a partition: {len(owned_early)} owned, "
        f"{billed_early} billed; the broker showed it idle in {idle} of {len(looks)} looks"
    )
    return not owned_early and not billed_early and bool(looks) and idle == len(looks), numbers


def _stays(evidence: Evidence) -> tuple[bool, str]:
    crash = _crash(evidence)
    if crash.killed_at is None or crash.heard_at is None or crash.taken_over_at is None:
        raise _MissingError(f"no member took over from {crash.victim}")
    # The session restarted with each commit and each heartbeat. The time of a heartbeat is unknown: a process that
    # waits for a processor sends it late.
    least = crash.heard_at + crash.session_timeout - _SLACK
    others = [
        period
        for period in evidence.ownerships
        if period.partition == crash.partition
        and period.member != crash.victim
        and crash.standby_joined_at <= period.since < least
    ]
    looks = [
        look
        for look in evidence.looks
        if crash.killed_at <= look.asked_at and look.answered_at < least and look.stable and look.owners
    ]
    named = sum(crash.partition in look.owners.get(crash.victim, frozenset()) for look in looks)
    numbers = (
        f"{crash.victim} kept partition {crash.partition} for {crash.taken_over_at - crash.killed_at:.2f} s after "
        f"SIGKILL, {crash.taken_over_at - crash.heard_at:.2f} s after asking for its last commit, with a session of "
        f"{crash.session_timeout:g} s; until then the broker named it the owner in {named} of {len(looks)} looks"
    )
    return crash.taken_over_at >= least and not others and bool(looks) and named == len(looks), numbers


def _resumes(evidence: Evidence) -> tuple[bool, str]:
    crash = _crash(evidence)
    committed = _committed(evidence, crash)
    first = next(
        (charge.offset for charge in evidence.ledgers.get(crash.standby, ()) if charge.partition == crash.partition),
        None,
    )
    if first is None:
        raise _MissingError(f"{crash.standby} read nothing of partition {crash.partition}")
    numbers = (
        f"partition {crash.partition}: {crash.victim} had committed {committed:,}, {crash.standby} began at {first:,}"
    )
    return first == committed, numbers


def _re_reads(evidence: Evidence) -> tuple[bool, str]:
    crash = _crash(evidence)
    committed = _committed(evidence, crash)
    tail = {
        charge.offset
        for charge in evidence.ledgers.get(crash.victim, ())
        if charge.partition == crash.partition and charge.offset >= committed
    }
    billed_again = Counter(
        (charge.partition, charge.offset) for ledger in evidence.ledgers.values() for charge in ledger
    )
    twice = {place for place, times in billed_again.items() if times == 2}
    more = sum(times > 2 for times in billed_again.values())
    numbers = (
        f"{crash.victim} had billed {len(tail):,} clicks that it had not committed; "
        f"{len(twice):,} were billed twice, {more} more often"
    )
    return twice == {(crash.partition, offset) for offset in tail} and more == 0, numbers


def _all_billed(evidence: Evidence) -> tuple[bool, str]:
    if not evidence.sent:
        raise _MissingError("no click was written")
    billed = {charge.click for ledger in evidence.ledgers.values() for charge in ledger}
    places = {(charge.partition, charge.offset) for ledger in evidence.ledgers.values() for charge in ledger}
    expected = {(partition, offset) for partition, end in evidence.ends.items() for offset in range(end)}
    missing = evidence.sent - len(billed & set(range(evidence.sent)))
    numbers = (
        f"{evidence.acknowledged:,} of {evidence.sent:,} clicks acknowledged, {sum(evidence.ends.values()):,} in the "
        f"log, {len(billed):,} billed, {missing:,} missing"
    )
    whole = evidence.acknowledged == evidence.sent == sum(evidence.ends.values()) and places == expected
    return whole and missing == 0, numbers


def _independent(evidence: Evidence) -> tuple[bool, str]:
    if not evidence.passes:
        raise _MissingError("no other group read the topic")
    ends = {partition: end for partition, end in evidence.ends.items() if end}
    total = sum(ends.values())
    held = evidence.committed.get("billing") == evidence.committed_before_reading
    parts: list[str] = []
    for group, passes in evidence.passes.items():
        first = passes[0]
        own = {partition: offset for partition, offset in evidence.committed.get(group, {}).items() if offset}
        held = held and _is_whole(first, ends) and own == ends
        parts.append(f"{group} read {first.clicks:,} of {total:,} from offset {min(first.first.values(), default=0)}")
    held = held and len({tuple(sorted(passes[0].digests.items())) for passes in evidence.passes.values()}) == 1
    return held, f"{'; '.join(parts)}; same bytes, and offsets of billing untouched: {'yes' if held else 'no'}"


def _replays(evidence: Evidence) -> tuple[bool, str]:
    again = [(group, passes) for group, passes in evidence.passes.items() if len(passes) > 1]
    if not again:
        raise _MissingError("no group read the topic again")
    group, passes = again[0]
    same = passes[0].digests == passes[1].digests and passes[0].clicks == passes[1].clicks
    numbers = (
        f"{group} went back to offset {min(passes[1].first.values(), default=0)} and read {passes[1].clicks:,} clicks "
        f"again, {'the same' if same else 'other'} bytes on {len(passes[1].digests)} partitions"
    )
    return same and bool(passes[1].clicks), numbers


def _is_whole(read: Pass, ends: dict[int, int]) -> bool:
    return (
        read.clicks == sum(ends.values())
        and dict(read.next) == ends
        and all(first == 0 for first in read.first.values())
    )


def _committed(evidence: Evidence, crash: Crash) -> int:
    """Return the victim's last commit, as the broker showed it last between the crash and the take-over.

    The last, because a commit may still have been on its way when its process died.
    """
    if crash.killed_at is None or crash.taken_over_at is None:
        raise _MissingError(f"no member took over from {crash.victim}")
    told = [
        look.committed.get(crash.partition, 0)
        for look in evidence.looks
        if crash.killed_at <= look.asked_at and look.answered_at <= crash.taken_over_at
    ]
    if not told:
        raise _MissingError(f"nothing is known of the last commit of {crash.victim}")
    return told[-1]


def _crash(evidence: Evidence) -> Crash:
    if evidence.crash is None:
        raise _MissingError("no member was killed")
    return evidence.crash


_CHECKS: Final[dict[str, Callable[[Evidence], tuple[bool, str]]]] = {
    "A partition has exactly one owner in a group, at any time": _one_owner,
    "A member without a partition is a hot standby": _standby,
    "A dead member keeps its partition until its session times out": _stays,
    "The standby resumes exactly at the last committed offset": _resumes,
    "Only the uncommitted tail is read again": _re_reads,
    "Every click is billed": _all_billed,
    "Groups are independent, each with offsets of its own": _independent,
    "A group can rewind and replay": _replays,
}
