"""`python -m kafkalite_conformance.differential.authentication`: visit both brokers and print what differs."""

import sys
from fnmatch import fnmatchcase

import click

from kafkalite_conformance.differential.authentication.secured_brokers import secured_brokers
from kafkalite_conformance.differential.authentication.visiting import visit_both
from kafkalite_conformance.differential.authentication.visits import VISITS


@click.command()
@click.option("--only", metavar="PATTERN", default="*", help="Only scripts whose names match, such as 'scram.*'.")
@click.option("--transcripts", is_flag=True, help="Print what Kafka answered, step by step.")
def main(only: str, transcripts: bool) -> None:
    """Compare the beginnings of connections; exit with 1 if they differ."""
    with secured_brokers() as brokers:
        found = visit_both([name for name in VISITS if fnmatchcase(name, only)], brokers)
    for name, visited in found.items():
        if transcripts:
            print(f"{name}:", *(f"    {step.asked}: {step.answer}" for step in visited.kafka), sep="\n")
        print(*visited.differences, sep="\n", end="\n" if visited.differences else "")
    sys.exit(1 if any(visited.differences for visited in found.values()) else 0)


if __name__ == "__main__":
    main()
