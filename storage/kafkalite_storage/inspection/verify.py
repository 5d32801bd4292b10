"""Verify a data directory without a broker.

Nothing is written, made or locked, so that it works on a directory that a broker is running on, on a read-only
medium and on a copy of single files. Unfinished writes of a running broker are distinguished from damage by
`.kafka_cleanshutdown`: only with it must every file be complete.
"""

from kafkalite_storage.inspection.context import (
    NOWHERE,
    Surroundings,
    is_data_directory,
    look_around,
)
from kafkalite_storage.inspection.directory import check_root_files, partition_directories
from kafkalite_storage.inspection.files import ReadableFiles, is_directory
from kafkalite_storage.inspection.partition import PartitionCheck
from kafkalite_storage.inspection.report import Report


def verify(files: ReadableFiles, path: str, report: Report) -> None:
    """Check a data directory, a partition's directory, or one file in either.

    A partition is compared with the files of the data directory that it lies in, if it does. Raises OSError.
    """
    path = path.rstrip("/") or "/"
    if is_data_directory(files, path):
        around = look_around(files, path)
        check_root_files(files, around, report)
        for directory in partition_directories(files, around, report):
            PartitionCheck(files, directory, around, report).run()
    elif is_directory(files, path):
        PartitionCheck(files, path, _around(files, path), report).run()
    else:
        _verify_file(files, path, report)


def _verify_file(files: ReadableFiles, path: str, report: Report) -> None:
    """Check one file against the files beside it, and report what concerns it."""
    size = files.open(path).size()
    directory = path.rpartition("/")[0] or "."
    of_file = report.only(path)
    if is_data_directory(files, directory):
        check_root_files(files, look_around(files, directory), of_file)
    else:
        PartitionCheck(files, directory, _around(files, directory), of_file).run()
    report.files += 1
    report.bytes += size


def _around(files: ReadableFiles, directory: str) -> Surroundings:
    parent = directory.rpartition("/")[0] or "."
    return look_around(files, parent) if is_data_directory(files, parent) else NOWHERE
