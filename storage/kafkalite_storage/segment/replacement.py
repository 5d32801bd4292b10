"""Replace the files of segments with those of one cleaned segment, so that a crash leaves the old or the new ones.

As in Kafka, the new files are written as `.cleaned` and renamed to `.swap`; renaming the log file commits the
replacement. Then the old files are renamed to `.deleted` in the order of their offsets, and the new ones lose `.swap`.
The caller syncs the directory after each of these, because renames without a sync may reach the disk in any order.

Within a segment the log file is renamed last each time. So at a start, as long as the old log file is there its
indexes are the old ones, and afterwards they are the new ones.
"""

from collections.abc import Sequence
from typing import Final

from kafkalite_storage.files.filesystem import FileSystem
from kafkalite_storage.segment.scan import iter_headers
from kafkalite_storage.segment.segment_files import DELETED, file_name

CLEANED: Final = ".cleaned"
SWAP: Final = ".swap"
#: All files of a segment; the log file, which commits, is last.
SUFFIXES: Final = (".index", ".timeindex", ".txnindex", ".log")

_LOG_SWAP: Final = ".log" + SWAP


def decide(fs: FileSystem, directory: str, base_offset: int) -> None:
    """Rename the `.cleaned` files of a segment, which were synced, to `.swap`."""
    _rename(fs, directory, base_offset, CLEANED, SWAP)


def retire(fs: FileSystem, directory: str, old: Sequence[int]) -> list[str]:
    """Rename the files of old segments, in ascending order, to `.deleted`; return the new paths."""
    doomed: list[str] = []
    for base in old:
        for suffix in SUFFIXES:
            path = f"{directory}/{file_name(base, suffix)}"
            if fs.exists(path):
                fs.rename(path, path + DELETED)
                doomed.append(path + DELETED)
    return doomed


def settle(fs: FileSystem, directory: str, base_offset: int) -> None:
    """Remove the suffix `.swap` from the files of a segment."""
    _rename(fs, directory, base_offset, SWAP, "")


def undo(fs: FileSystem, directory: str, base_offset: int) -> None:
    """Remove the files of a cleaned segment that was abandoned."""
    for suffix in reversed(SUFFIXES):
        for state in (SWAP, CLEANED):
            fs.remove(f"{directory}/{file_name(base_offset, suffix + state)}")


def finish_replacements(fs: FileSystem, directory: str) -> None:
    """Complete a replacement that a crash interrupted. The caller removes `.cleaned` and `.deleted` files."""
    names = fs.list(directory)
    if not any(name.endswith(SWAP) for name in names):
        return
    decided = sorted(int(name.removesuffix(_LOG_SWAP)) for name in names if name.endswith(_LOG_SWAP))
    for base_offset in decided:
        end_offset = _end_offset(fs, f"{directory}/{file_name(base_offset, _LOG_SWAP)}", base_offset)
        logs = sorted(int(name.removesuffix(".log")) for name in names if name.endswith(".log"))
        for base in logs:
            # It is not recorded where the replaced segments ended. One that begins after the last batch that was kept
            # has no record that is needed, and stays until the next cleaning.
            if base == base_offset or base_offset < base < end_offset:
                for suffix in SUFFIXES:
                    fs.remove(f"{directory}/{file_name(base, suffix)}")
        fs.sync_directory(directory)
        settle(fs, directory, base_offset)
        fs.sync_directory(directory)
    for name in names:
        if name.endswith(SWAP) and int(name.partition(".")[0]) not in decided:
            fs.remove(f"{directory}/{name}")


def _end_offset(fs: FileSystem, path: str, base_offset: int) -> int:
    file = fs.open(path)
    end_offset = base_offset
    for _, header in iter_headers(file, 0, file.size()):
        end_offset = header.next_offset
    return end_offset


def _rename(fs: FileSystem, directory: str, base_offset: int, old: str, new: str) -> None:
    for suffix in SUFFIXES:
        path = f"{directory}/{file_name(base_offset, suffix)}"
        if fs.exists(path + old):
            fs.rename(path + old, path + new)
