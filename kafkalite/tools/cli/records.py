"""`kafkalite records`: produce, consume and delete records."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from typing import BinaryIO

import click

from kafkalite.tools.admin import records as admin_records
from kafkalite.tools.admin.access import Access
from kafkalite.tools.admin.positions import FORMS, Kind, Position
from kafkalite.tools.admin.record_text import FIELDS, NewRecord, StoredRecord, formatter, from_json, from_line, to_json
from kafkalite.tools.cli.broker_options import AdminCommand, as_json_option, read_position, with_access
from kafkalite.tools.cli.completion import complete_topics
from kafkalite.tools.cli.printing import note, print_json, print_table, progress, someone_watches

_VALUES = "{value}\\n"


@click.group()
def records() -> None:
    """Produce, consume and delete records of any broker."""


@records.command(cls=AdminCommand)
@click.argument("topic", shell_complete=complete_topics)
@click.argument("file", type=click.File("rb"), default="-")
@click.option("-k", "--key-separator", metavar="TEXT", help="Each line is KEY TEXT VALUE.")
@click.option("-p", "--partition", type=click.IntRange(0), metavar="N", help="Partition.  [default: by key]")
@click.option("--acks", type=click.Choice(["0", "1", "all"]), default="all", show_default=True)
@click.option("--compression", type=click.Choice(["gzip", "snappy", "lz4", "zstd"]), help="[default: none]")
@click.option("--json-lines", is_flag=True, help="Each line is a JSON object, as consume --json prints.")
@with_access
@as_json_option
def produce(
    *,
    access: Access,
    topic: str,
    file: BinaryIO,
    key_separator: str | None,
    partition: int | None,
    acks: str,
    compression: str | None,
    json_lines: bool,
    as_json: bool,
) -> None:
    """Write each line of FILE (standard input by default) as a record.

    A broker with auto.create.topics.enable creates a topic that does not exist.

    A JSON object may have value, key, headers, partition and timestamp (ms); value_base64 and key_base64 hold bytes
    that are not text. --partition wins over the partition of a line. --json prints a summary.

    The exit code is 1 if the broker refused a record.
    """
    if json_lines and key_separator is not None:
        raise click.UsageError("--json-lines and --key-separator exclude each other.")

    def parse(line: bytes) -> NewRecord:
        separator = None if key_separator is None else key_separator.encode()
        return from_json(line) if json_lines else from_line(line, key_separator=separator)

    with progress("producing", None, shown=someone_watches() and not file.isatty()) as advance:
        lines = _read(file, parse, partition, advance)
        outcome = admin_records.produce(access, topic, lines, acks=acks, compression=compression)
    if as_json:
        print_json(outcome)
    else:
        count = outcome.records
        if outcome.created:
            note(f"Topic {topic} did not exist; the broker has created it.")
        click.echo(f"{count} record{'' if count == 1 else 's'} written to {topic}.")
        for reason, number in outcome.errors.items():
            click.echo(f"{number} refused: {reason}", err=True)
    sys.exit(1 if outcome.errors else 0)


def _read(
    file: BinaryIO, parse: Callable[[bytes], NewRecord], partition: int | None, advance: Callable[[int], None]
) -> Iterator[NewRecord]:
    for number, line in enumerate(file, start=1):
        try:
            record = parse(line.removesuffix(b"\n").removesuffix(b"\r"))
        except ValueError as problem:
            raise click.UsageError(f"line {number}: {problem}; the lines before it were sent.") from None
        advance(1)
        if partition is not None:
            record = NewRecord(
                value=record.value,
                key=record.key,
                headers=record.headers,
                partition=partition,
                timestamp=record.timestamp,
            )
        yield record


@records.command(cls=AdminCommand)
@click.argument("topic", shell_complete=complete_topics)
@click.option("-p", "--partition", "partitions", type=click.IntRange(0), multiple=True, metavar="N", help="Repeatable.")
@click.option("--from", "start", callback=read_position, default="earliest", metavar="PLACE", help=f"Start: {FORMS}.")
@click.option("--until", callback=read_position, default="latest", metavar="PLACE", help="End, not included, likewise.")
@click.option("-f", "--follow", is_flag=True, help="Go on with new records; Ctrl-C ends it.")
@click.option("-n", "--max", "most", type=click.IntRange(1), metavar="N", help="Read at most N records.")
@click.option(
    "--format", "template", default=_VALUES, metavar="TEXT", help=f"Any of {{{'}, {'.join(FIELDS)}}}, \\n and \\t."
)
@click.option("--read-committed", is_flag=True, help="Leave out records of transactions that are open or aborted.")
@with_access
@as_json_option
def consume(
    *,
    access: Access,
    topic: str,
    partitions: tuple[int, ...],
    start: Position,
    until: Position,
    follow: bool,
    most: int | None,
    template: str,
    read_committed: bool,
    as_json: bool,
) -> None:
    """Read records, up to what is there now, without a group.

    -N counts from the end: --from -10 shows the last ten offsets of each partition. --json prints one object a line,
    which `produce --json-lines` reads.
    """
    if follow and until.kind is not Kind.LATEST:
        raise click.UsageError("--follow and --until exclude each other.")
    try:
        write = _json_line if as_json else formatter(template)
    except ValueError as problem:
        raise click.UsageError(f"--format: {problem}.") from None
    reading = admin_records.Reading(
        topic=topic,
        partitions=tuple(dict.fromkeys(partitions)) or None,
        start=start,
        until=None if follow else until,
        committed_only=read_committed,
    )
    try:
        _write(access, reading, write, most)
    except KeyboardInterrupt:
        sys.exit(0)


def _json_line(record: StoredRecord) -> str:
    return f"{to_json(record)}\n"


def _write(
    access: Access, reading: admin_records.Reading, write: Callable[[StoredRecord], str], most: int | None
) -> None:
    totals: list[int | None] = []
    with closing(admin_records.consume(access, reading, on_start=totals.append)) as found:
        shown = islice(found, most)
        first = next(shown, None)
        if first is None:
            return
        total = totals[0] if most is None or totals[0] is None else min(most, totals[0])
        with progress("consuming", total, shown=someone_watches() and not sys.stdout.isatty()) as advance:
            click.echo(write(first), nl=False)
            for count, record in enumerate(shown, start=2):
                click.echo(write(record), nl=False)
                advance(1 if count > 2 else 2)


@records.command(cls=AdminCommand)
@click.argument("topic", shell_complete=complete_topics)
@click.option("-p", "--partition", "partitions", type=click.IntRange(0), multiple=True, metavar="N", help="Repeatable.")
@click.option("--before", callback=read_position, required=True, metavar="PLACE", help=f"First to be kept: {FORMS}.")
@click.option("--execute", is_flag=True, help="Do it; without this, only show what would happen.")
@with_access
@as_json_option
def delete(
    *, access: Access, topic: str, partitions: tuple[int, ...], before: Position, execute: bool, as_json: bool
) -> None:
    """Delete the records before a position; a dry run unless --execute is given."""
    chosen = tuple(dict.fromkeys(partitions)) or None
    moved = admin_records.delete_records(access, topic, chosen, before, dry_run=not execute)
    if as_json:
        rows = [
            {"topic": topic, "partition": number, "earliest": old, "new_earliest": new}
            for number, (old, new) in moved.items()
        ]
        print_json({"executed": execute, "partitions": rows})
        return
    lines = [(topic, number, old, new, new - old) for number, (old, new) in moved.items()]
    columns = ("topic", ">partition", ">earliest", ">new earliest", ">deleted")
    print_table(columns, lines, empty="There are no partitions.")
    if not execute:
        click.echo("Nothing is changed: this is a dry run; --execute does it.", err=True)
