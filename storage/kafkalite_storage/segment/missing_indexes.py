"""Rebuild the index files that are missing, when a log is closed in order."""

from collections.abc import Sequence

from kafkalite_storage.files.filesystem import FileSystem
from kafkalite_storage.segment.segment import Segment
from kafkalite_storage.segment.segment_files import file_name


def rebuild_missing_indexes(fs: FileSystem, directory: str, segments: Sequence[Segment]) -> list[Segment]:
    """Return the segments whose `.index` or `.timeindex` was not there, and is now. Raises OSError."""
    names = set(fs.list(directory))
    remade = [
        segment
        for segment in segments
        if file_name(segment.base_offset, ".log") in names
        and not {file_name(segment.base_offset, suffix) for suffix in (".index", ".timeindex")} <= names
    ]
    for segment in remade:
        segment.rebuild_indexes()
        segment.offset_index.make_file()
        segment.time_index.make_file()
    return remade
