"""`python -m kafkalite_conformance.differential.authorization`: let users ask both brokers, and print what differs."""

import sys
import time
from fnmatch import fnmatchcase
from typing import Final

import click

from kafkalite_conformance.differential.authorization.brokers import guarded_brokers
from kafkalite_conformance.differential.authorization.running import ask_both
from kafkalite_conformance.differential.authorization.users import USERS
from kafkalite_conformance.differential.brokers import Brokers
from kafkalite_conformance.differential.conversation import CONVERSATIONS
from kafkalite_conformance.differential.conversations import enter_all
from kafkalite_conformance.differential.running import hold

_ENTRIES: Final = "access.access_control_entries"


@click.command()
@click.option("--only", metavar="PATTERN", default="*", help="Only users whose names match, such as 'topic.*'.")
def main(only: str) -> None:
    """Ask Apache Kafka and kafkalite the same things as many users; exit with 1 if they differ."""
    enter_all()
    with guarded_brokers() as brokers:
        started = time.monotonic()
        asked = ask_both((name for name in USERS if fnmatchcase(name, only)), brokers)
        seconds = time.monotonic() - started
        # The entries themselves, which a broker without an authorizer does not have.
        (entries,) = hold(
            [CONVERSATIONS[_ENTRIES]], Brokers(kafka=brokers.kafka.super_user, kafkalite=brokers.kafkalite.super_user)
        )
    for difference in entries.differences:
        print(difference)
    for each in asked:
        for difference in each.differences:
            print(difference)
    differing = sum(len(each.differences) for each in asked) + len(entries.differences)
    steps = sum(each.steps for each in asked)
    print(f"{len(asked)} users asked {steps} times in {seconds:.0f} s: {differing} differences")
    sys.exit(1 if differing else 0)


if __name__ == "__main__":
    main()
