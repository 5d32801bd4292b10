"""`python -m kafkalite_conformance.differential`: hold all conversations with both brokers and print what differs."""

import sys
import time
from fnmatch import fnmatchcase

import click

from kafkalite_conformance.differential.brokers import both_brokers
from kafkalite_conformance.differential.conversation import CONVERSATIONS
from kafkalite_conformance.differential.conversations import enter_all
from kafkalite_conformance.differential.known_differences import KNOWN_DIFFERENCES, reason_for
from kafkalite_conformance.differential.running import Outcome, hold


@click.command()
@click.option("--kafka", metavar="HOST:PORT", help="Apache Kafka that runs already; started if not given.")
@click.option("--kafkalite", metavar="HOST:PORT", help="kafkalite that runs already; started if not given.")
@click.option("--only", metavar="PATTERN", default="*", help="Only conversations whose names match, such as 'group_*'.")
@click.option("--long", "with_long", is_flag=True, help="Also hold the conversations that take minutes.")
@click.option("--known", is_flag=True, help="Print the known differences too.")
def main(kafka: str | None, kafkalite: str | None, only: str, with_long: bool, known: bool) -> None:
    """Ask Apache Kafka and kafkalite the same things; exit with 1 if they differ where that is not known."""
    enter_all(long=with_long)
    chosen = [conversation for name, conversation in CONVERSATIONS.items() if fnmatchcase(name, only)]
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
