"""`python -m kafkalite_conformance.differential`: hold all conversations with both brokers and print what differs.

With `--record` they are held with Apache Kafka only, and what it says is kept for the tests, which need no Kafka then.
"""

import sys
import time
from collections.abc import Sequence
from fnmatch import fnmatchcase

import click

from kafkalite_conformance.differential.brokers import both_brokers, started_kafka
from kafkalite_conformance.differential.conversation import CONVERSATIONS, Conversation
from kafkalite_conformance.differential.conversations import enter_all
from kafkalite_conformance.differential.known_differences import KNOWN_DIFFERENCES, reason_for
from kafkalite_conformance.differential.recordings import keep
from kafkalite_conformance.differential.running import Outcome, hold, transcripts_of


@click.command()
@click.option("--kafka", metavar="HOST:PORT", help="Apache Kafka that runs already; started if not given.")
@click.option("--kafkalite", metavar="HOST:PORT", help="kafkalite that runs already; started if not given.")
@click.option("--only", metavar="PATTERN", default="*", help="Only conversations whose names match, such as 'group_*'.")
@click.option("--long", "with_long", is_flag=True, help="Also hold the conversations that take minutes.")
@click.option("--record", is_flag=True, help="Record what Apache Kafka says, instead of comparing.")
@click.option("--known", is_flag=True, help="Print the known differences too.")
def main(kafka: str | None, kafkalite: str | None, only: str, with_long: bool, record: bool, known: bool) -> None:
    """Ask Apache Kafka and kafkalite the same things; exit with 1 if they differ where that is not known."""
    enter_all(long=with_long)
    chosen = [conversation for name, conversation in CONVERSATIONS.items() if fnmatchcase(name, only)]
    if record:
        sys.exit(1 if _record(chosen) else 0)
    with both_brokers(kafka=kafka, kafkalite=kafkalite) as brokers:
        started = time.monotonic()
        outcomes = hold(chosen, brokers)
        seconds = time.monotonic() - started
    unknown = _print(outcomes, show_known=known)
    if only == "*" and not any(outcome.skipped for outcome in outcomes):
        unknown += _print_stale(outcomes)
    steps = sum(outcome.steps for outcome in outcomes)
    print(f"{len(outcomes)} conversations of {steps} steps in {seconds:.0f} s: {unknown} unexplained")
    sys.exit(1 if unknown else 0)


def _record(conversations: Sequence[Conversation]) -> list[str]:
    """Record conversations, and return those that could not be."""
    # Always a Kafka with the settings that the conversations need.
    with started_kafka() as kafka:
        transcripts = transcripts_of(conversations, kafka)
    keep(transcripts, existing=frozenset(CONVERSATIONS))
    unsteady = [each.name for each in conversations if each.name not in transcripts]
    for name in unsteady:
        print(f"{name}: not recorded, because Kafka says something else each time")
    print(f"{len(transcripts)} conversations of {sum(map(len, transcripts.values()))} steps are recorded")
    return unsteady


def _print(outcomes: list[Outcome], *, show_known: bool) -> int:
    unknown = 0
    for outcome in outcomes:
        if outcome.skipped:
            print(f"{outcome.conversation}: skipped, {outcome.skipped}")
        for difference in outcome.differences:
            entry = reason_for(difference)
            unknown += entry is None
            if entry is None:
                print(difference)
            elif show_known:
                print(f"{difference}\n    known      {entry.reason}")
    return unknown


def _print_stale(outcomes: list[Outcome]) -> int:
    found = {reason_for(difference) for outcome in outcomes for difference in outcome.differences}
    held = [outcome.conversation for outcome in outcomes]
    stale = [
        entry
        for entry in KNOWN_DIFFERENCES
        if entry not in found and any(fnmatchcase(name, entry.conversation) for name in held)
    ]
    for entry in stale:
        print(f"known, but not found: {entry}")
    return len(stale)


if __name__ == "__main__":
    main()
