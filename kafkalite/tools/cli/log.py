"""`kafkalite log`: look into the files of a data directory, without Java and without a broker."""

import errno
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from kafkalite_storage.inspection.report import Finding

#: The choices of `--decode`, and the topic whose records each decodes.
_DECODERS: Final = {
    "auto": None,
    "offsets": "__consumer_offsets",
    "transactions": "__transaction_state",
    "metadata": "__cluster_metadata",
    "none": "",
}
_FAILED: Final = 1
_paths = click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(exists=True))
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line, for programs.")


@click.group()
def log() -> None:
    """Inspect the files of a data directory.

    Nothing is written or locked: a broker may be running on the directory.
    """


@log.command()
@_paths
@click.option("--records", "--deep", is_flag=True, help="Show the records of each batch too.")
@click.option(
    "--from", "start", metavar="OFFSET", type=click.IntRange(min=0), default=0, help="Leave out what lies below."
)
@click.option("--max", "limit", metavar="N", type=click.IntRange(min=0), help="Show at most N lines of each file.")
@click.option(
    "--decode",
    type=click.Choice(list(_DECODERS)),
    default="auto",
    help="What the records are; auto goes by the name of their directory.  [default: auto]",
)
@_json
def dump(*, paths: tuple[str, ...], records: bool, start: int, limit: int | None, decode: str, as_json: bool) -> None:
    """Show what is in files: a data directory's, a partition's, or single ones of either.

    Batches are shown as Kafka's DumpLogSegments does. The exit code is 0, 1 if a file cannot be read, and 2
    for a mistake in the options.
    """
    from kafkalite_storage.inspection.dump import DumpOptions, UnknownFile, files_of
    from kafkalite_storage.inspection.dump import dump as rows_of
    from kafkalite_storage.inspection.files import ReadOnlyFiles
    from kafkalite_storage.inspection.text import printable, row_as_json, row_as_text

    files = ReadOnlyFiles()
    options = DumpOptions(records=records, start=start, limit=limit, topic=_DECODERS[decode])
    failed = False
    with _one_reader():
        for file in (file for path in paths for file in files_of(files, path)):
            if not as_json:
                click.echo(f"{printable(file)}:")
            try:
                for row in rows_of(files, file, options):
                    click.echo(row_as_json(row, file) if as_json else row_as_text(row))
            except UnknownFile as error:
                raise click.UsageError(str(error)) from None
            except (OSError, ValueError) as error:
                _raise_if_of_output(error)
                click.echo(f"{file} cannot be read: {error}", err=True)
                failed = True
    if failed:
        raise SystemExit(_FAILED)


@log.command()
@_paths
@_json
def verify(*, paths: tuple[str, ...], as_json: bool) -> None:
    """Check everything that can be checked: batches, indexes, snapshots, checkpoints, and one against the other.

    One line for each finding: damage (records, or files that cannot be rebuilt), cache (rebuilt at the next
    start), or note. The exit code is 0 if all is sound, 1 if there is damage or a wrong cache, and 2 for a
    mistake in the options.
    """
    from kafkalite_storage.inspection.files import ReadOnlyFiles
    from kafkalite_storage.inspection.report import Report
    from kafkalite_storage.inspection.text import finding_as_json, printable, summary_as_json, summary_as_text
    from kafkalite_storage.inspection.verify import verify as check

    def as_text(finding: "Finding") -> str:
        return printable(str(finding))

    written: Callable[[Finding], str] = finding_as_json if as_json else as_text
    report = Report(lambda finding: click.echo(written(finding)))
    with _one_reader():
        for path in paths:
            try:
                check(ReadOnlyFiles(), str(Path(path)), report)
            except OSError as error:
                _raise_if_of_output(error)
                raise click.ClickException(f"{path} cannot be read: {error}") from None
        click.echo(summary_as_json(report) if as_json else summary_as_text(report))
    if not report.is_sound:
        raise SystemExit(_FAILED)


def _raise_if_of_output(error: Exception) -> None:
    """Raise an error of writing, which says nothing of the file that is read."""
    if isinstance(error, OSError) and error.errno in (errno.EPIPE, errno.ENOSPC):
        raise error


@contextmanager
def _one_reader() -> Generator[None]:
    """Stop quietly when the reader of the output has closed it, as `head` does."""
    try:
        yield
    except BrokenPipeError:
        raise SystemExit(_FAILED) from None
