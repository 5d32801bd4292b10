"""Check the directory of a partition: all batches, and the other files against the batches."""

from dataclasses import dataclass, field
from typing import Final

from kafkalite_storage.files.checkpoints import (
    LEADER_EPOCHS,
    LOG_START_OFFSETS,
    PARTITION_METADATA,
    RECOVERY_POINTS,
    TopicPartition,
    decode_epochs,
    decode_partition_metadata,
    encode_epochs,
    encode_partition_metadata,
)
from kafkalite_storage.files.filesystem import Readable
from kafkalite_storage.inspection.context import (
    METADATA_SNAPSHOT,
    Surroundings,
    partition_of,
)
from kafkalite_storage.inspection.decoders import Decoder, decoder_of
from kafkalite_storage.inspection.epochs import EpochRuns, check_epochs
from kafkalite_storage.inspection.files import ReadableFiles, read_if_there
from kafkalite_storage.inspection.indexes import OffsetIndexCheck, TimeIndexCheck, check_transactions
from kafkalite_storage.inspection.producers import check_snapshot
from kafkalite_storage.inspection.records import check_records
from kafkalite_storage.inspection.report import Report
from kafkalite_storage.metadata.topics import METADATA_TOPIC
from kafkalite_storage.segment.segment_files import file_name
from kafkalite_storage.segment.stretches import Stretch, stretches
from kafkalite_storage.segment.transaction_index import AbortedTransaction
from kafkalite_storage.state.producer_snapshot import decode_snapshot
from kafkalite_storage.state.producer_state import ProducerStates
from kafkalite_wire.records import BatchHeader
from kafkalite_wire.schema import format_uuid

#: Files of KRaft beside Kafka's metadata log, which are not checked here.
QUORUM_STATE: Final = "quorum-state"
_DIGITS: Final = 20
_INDEXES: Final = ("index", "timeindex", "txnindex")
_LEFT_OVER: Final = (".deleted", ".cleaned", ".tmp", ".swap")
_SET_ASIDE: Final = ".damaged"


@dataclass(slots=True)
class _Names:
    """The content of the directory: base offsets of segments, and of each other kind of file."""

    segments: list[int] = field(default_factory=list[int])
    snapshots: list[int] = field(default_factory=list[int])
    metadata_snapshots: list[str] = field(default_factory=list[str])
    files: set[str] = field(default_factory=set[str])


@dataclass(slots=True)
class _Segment:
    """A segment to inspect. The indexes are read before the size, because a broker writes them after the log."""

    base_offset: int
    path: str
    file: Readable
    size: int
    offset_index: OffsetIndexCheck | None
    time_index: TimeIndexCheck | None
    transaction_index: bytes
    is_last: bool
    aborted: list[AbortedTransaction] = field(default_factory=list[AbortedTransaction])
    abort_markers: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])


class PartitionCheck:
    """Checks a partition, oldest segment first. Raises OSError."""

    def __init__(self, files: ReadableFiles, directory: str, around: Surroundings, report: Report) -> None:
        self._files = files
        self._directory = directory
        self._around = around
        self._report = report
        self._partition = partition_of(directory)
        topic = "" if self._partition is None else self._partition[0]
        self._is_metadata = topic == METADATA_TOPIC
        self._decoder: Decoder | None = decoder_of(topic)
        self._may_have_gaps = not self._is_metadata and around.may_have_gaps(self._partition)
        self._epochs = EpochRuns()
        self._producers = ProducerStates()
        self._snapshots: list[tuple[int, str, ProducerStates]] = []
        #: Whether all batches so far could be read, so that the result of a replay can be compared.
        self._is_whole = True
        #: Whether damaged batches were just skipped, which explains a gap.
        self._behind_damage = False
        self._end = -1
        #: Base offset of the oldest segment, where the replay of producers begins.
        self._first = 0
        self._last_file = directory

    def run(self) -> None:
        """Check everything in the directory."""
        names = self._sort_names(self._files.list(self._directory))
        self._read_snapshots(names)
        if self._is_metadata:
            for name in names.metadata_snapshots:
                self._check_metadata_snapshot(name)
        for number, base in enumerate(names.segments):
            self._check_segment(names, base, is_last=number + 1 == len(names.segments))
        self._compare_snapshots(None)
        if not names.segments:
            self._check_empty()
            return
        log_start = self._check_log_start(names.segments[0])
        self._check_epochs(log_start)
        self._check_recovery_point()
        self._check_partition_metadata()

    def _path(self, name: str) -> str:
        return f"{self._directory}/{name}"

    def _sort_names(self, listed: list[str]) -> _Names:
        names = _Names()
        for name in sorted(listed):
            path = self._path(name)
            stem, _, suffix = name.partition(".")
            names.files.add(name)
            if len(stem) == _DIGITS and stem.isdigit() and suffix == "log":
                names.segments.append(int(stem))
            elif len(stem) == _DIGITS and stem.isdigit() and suffix == "snapshot":
                names.snapshots.append(int(stem))
            elif len(stem) == _DIGITS and stem.isdigit() and suffix in _INDEXES:
                if f"{stem}.log" not in listed:
                    self._report.cache(path, "the log that this index belongs to is not there")
            elif name.endswith(METADATA_SNAPSHOT) and self._is_metadata:
                names.metadata_snapshots.append(name)
            elif name.endswith(_LEFT_OVER):
                self._report.note(path, "out of use, or left over by a crash; the broker removes it")
            elif name.endswith(_SET_ASIDE):
                self._report.note(path, "damage that a start cut off and set aside")
            elif name not in (LEADER_EPOCHS, PARTITION_METADATA) and not (self._is_metadata and name == QUORUM_STATE):
                self._report.note(path, "not a file of a partition")
                continue
            self._report.files += 1
        return names

    # Segments

    def _check_segment(self, names: _Names, base: int, *, is_last: bool) -> None:
        try:
            segment = self._open(base, is_last=is_last)
        except FileNotFoundError:
            if self._around.is_clean:
                raise
            self._report.note(self._path(file_name(base, ".log")), "was deleted during the check")
            self._is_whole = False
            return
        self._last_file = segment.path
        self._check_join(segment)
        for stretch in stretches(segment.file, segment.size):
            self._report.bytes += stretch.size
            if stretch.error or stretch.header is None:
                self._tell_damage(segment, stretch)
            else:
                self._see_batch(segment, stretch, stretch.header)
        self._finish_segment(names, segment)

    def _open(self, base: int, *, is_last: bool) -> _Segment:
        path = self._path(file_name(base, ".log"))
        is_closed = self._around.is_clean or not is_last
        contents = [read_if_there(self._files, self._path(file_name(base, f".{kind}"))) for kind in _INDEXES]
        offsets, times, transactions = contents
        file = self._files.open(path)
        return _Segment(
            base_offset=base,
            path=path,
            file=file,
            size=file.size(),
            offset_index=None
            if offsets is None
            else OffsetIndexCheck(
                self._report, self._path(file_name(base, ".index")), offsets, base, is_closed=is_closed
            ),
            time_index=None
            if times is None
            else TimeIndexCheck(
                self._report, self._path(file_name(base, ".timeindex")), times, base, is_closed=is_closed
            ),
            transaction_index=transactions or b"",
            is_last=is_last,
        )

    def _check_join(self, segment: _Segment) -> None:
        """Check that a segment begins where the one before it ends."""
        if self._end < 0:
            self._end = segment.base_offset
            self._producers.end_offset = segment.base_offset
            self._first = segment.base_offset
        elif segment.base_offset < self._end:
            self._report.damage(segment.path, f"overlaps the segment before it, which ends at offset {self._end - 1}")
        elif segment.base_offset > self._end:
            self._gap(segment.path, segment.base_offset, None)

    def _gap(self, path: str, offset: int, position: int | None) -> None:
        if not self._may_have_gaps and not self._behind_damage:
            self._report.damage(path, f"offset {offset} follows offset {self._end - 1}", byte=position)
            self._is_whole = False

    def _tell_damage(self, segment: _Segment, stretch: Stretch) -> None:
        self._is_whole = False
        self._behind_damage = True
        if segment.offset_index is not None:
            segment.offset_index.pass_over(stretch.position)
            segment.offset_index.skip(stretch.position + stretch.size)
        if segment.time_index is not None:
            segment.time_index.skip()
        if stretch.is_torn_end and segment.is_last and self._may_be_unfinished():
            self._report.note(
                segment.path,
                f"{stretch.size} bytes of a write that is not finished: {stretch.error}",
                byte=stretch.position,
            )
            return
        what = stretch.error
        if stretch.header is None or stretch.size != stretch.header.size:
            what += f"; no sound batch in {stretch.size} bytes"
        self._report.damage(segment.path, what, byte=stretch.position)

    def _may_be_unfinished(self) -> bool:
        """Return whether a broker may be writing here, or may have been killed while it did."""
        points = self._around.recovery_points or {}
        point = 0 if self._partition is None else points.get(self._partition, 0)
        return not self._around.is_clean and self._end >= point

    def _see_batch(self, segment: _Segment, stretch: Stretch, header: BatchHeader) -> None:
        report, at = self._report, stretch.position
        report.batches += 1
        if header.base_offset < self._end:
            report.damage(segment.path, f"offset {header.base_offset} follows offset {self._end - 1}", byte=at)
            self._is_whole = False
        elif header.base_offset > self._end:
            self._gap(segment.path, header.base_offset, at)
        self._behind_damage = False
        self._compare_snapshots(header.base_offset)
        if segment.offset_index is not None:
            segment.offset_index.see(at, header)
        if segment.time_index is not None:
            segment.time_index.see(header)
        self._epochs.see(header.partition_leader_epoch, header.base_offset, header.last_offset, segment.path, at)
        if stretch.data is None:
            report.note(segment.path, f"a batch of {header.size} bytes is too large to look into", byte=at)
            self._is_whole = self._is_whole and header.producer_id < 0
        else:
            markers = check_records(
                report,
                segment.path,
                at,
                header,
                stretch.data,
                decoder=self._decoder,
                may_have_gaps=self._may_have_gaps,
            )
            if header.producer_id >= 0 and not header.is_control:
                self._producers.record_batch(header, header.base_offset)
            for found in markers:
                aborted = self._producers.record_marker(header, found.marker, found.offset)
                if aborted is not None:
                    segment.aborted.append(aborted)
                if not found.marker.commit:
                    segment.abort_markers.add((header.producer_id, found.offset))
        self._end = max(self._end, header.next_offset)
        self._producers.end_offset = self._end

    def _finish_segment(self, names: _Names, segment: _Segment) -> None:
        base = segment.base_offset
        is_closed = self._around.is_clean or not segment.is_last
        if segment.offset_index is not None:
            segment.offset_index.finish(segment.size)
        if segment.time_index is not None:
            segment.time_index.finish(self._end)
        for kind, index in (("index", segment.offset_index), ("timeindex", segment.time_index)):
            if index is None and is_closed and segment.size:
                path = self._path(file_name(base, f".{kind}"))
                self._report.cache(path, "is missing; reads search the segment from its beginning")
        name = file_name(base, ".txnindex")
        if self._is_whole and (name in names.files or segment.aborted):
            check_transactions(
                self._report,
                self._path(name),
                segment.transaction_index,
                segment.aborted,
                segment.abort_markers,
                # Compaction removes the records of aborted transactions before their markers.
                replay_start=self._end if self._may_have_gaps else self._first,
                may_be_more=not is_closed or self._may_have_gaps,
            )

    # Producer snapshots

    def _read_snapshots(self, names: _Names) -> None:
        for offset in names.snapshots:
            path = self._path(file_name(offset, ".snapshot"))
            content = read_if_there(self._files, path)
            if content is None:
                continue
            try:
                self._snapshots.append((offset, path, decode_snapshot(content, offset)))
            except ValueError as error:
                self._report.cache(path, str(error))

    def _compare_snapshots(self, offset: int | None) -> None:
        """Compare the snapshots up to an offset, or with None all remaining ones."""
        while self._snapshots and (offset is None or self._snapshots[0][0] <= offset):
            at, path, snapshot = self._snapshots.pop(0)
            if at > self._end and offset is None:
                self._report.cache(path, f"was taken at offset {at}, but the log ends at {max(self._end, 0)}")
                if self._around.is_clean:
                    self._report.damage(
                        self._directory, f"the records from {max(self._end, 0)} to {at - 1} are missing"
                    )
            elif self._is_whole and self._end >= 0 and at >= self._first:
                check_snapshot(self._report, path, snapshot, self._producers, replay_start=self._first)

    # Other files of the directory, and checkpoints that name it

    def _check_log_start(self, first_base: int) -> int:
        """Return where the log begins."""
        starts = self._around.log_start_offsets
        if self._partition is None or starts is None or self._partition not in starts:
            return first_base
        start = starts[self._partition]
        file = f"{self._around.path}/{LOG_START_OFFSETS}"
        if start > self._end:
            self._report.damage(file, f"{_named(self._partition)} begins at {start}, but its log ends at {self._end}")
        elif start < first_base:
            self._report.note(
                file, f"{_named(self._partition)} begins at {start}, but its first segment at {first_base}"
            )
        return max(first_base, min(start, self._end))

    def _check_epochs(self, log_start: int) -> None:
        path = self._path(LEADER_EPOCHS)
        content = read_if_there(self._files, path)
        if content is None:
            if self._epochs.runs and self._around.is_clean:
                self._report.cache(path, "is missing; records are served without their leader epoch being checked")
            return
        try:
            entries = decode_epochs(content)
        except ValueError as error:
            self._report.cache(path, f"cannot be read: {error}")
            return
        if content and encode_epochs(entries) != content:
            self._report.cache(path, "is not in the format that a broker writes")
        starts = self._around.log_start_offsets or {}
        if self._partition in starts and entries and entries[0][1] != log_start and self._around.is_clean:
            tell = self._report.damage if entries[0][1] < log_start else self._report.cache
            tell(
                f"{self._around.path}/{LOG_START_OFFSETS}",
                f"{_named(self._partition)} begins at {log_start}, but its {LEADER_EPOCHS} at {entries[0][1]}",
            )
        check_epochs(
            self._report,
            path,
            entries,
            self._epochs.runs,
            log_start=log_start,
            end=self._end,
            in_use=not self._around.is_clean,
            is_whole=self._is_whole and not self._may_have_gaps,
        )

    def _check_recovery_point(self) -> None:
        points = self._around.recovery_points
        if self._partition is None or points is None or self._is_metadata:
            return
        file = f"{self._around.path}/{RECOVERY_POINTS}"
        point = points.get(self._partition)
        if point is None:
            if self._around.is_clean:
                self._report.cache(file, f"says nothing of {_named(self._partition)}")
        elif point > self._end and (self._around.is_clean or not self._is_whole):
            self._report.damage(
                file, f"{_named(self._partition)} was on disk to {point}, but {self._last_file} ends at {self._end}"
            )
        elif point < self._end and self._around.is_clean:
            self._report.cache(
                file,
                f"{_named(self._partition)} was closed in order at {point}, but {self._last_file} ends at {self._end}",
            )

    def _check_partition_metadata(self) -> None:
        path = self._path(PARTITION_METADATA)
        content = read_if_there(self._files, path)
        catalogue = self._around.catalogue
        topic = None if catalogue is None or self._partition is None else catalogue.topics.get(self._partition[0])
        if content is None:
            if not self._is_metadata:
                tell = self._report.note if topic is None else self._report.cache
                tell(path, "is missing; nothing says which topic's records these are")
            return
        try:
            topic_id = decode_partition_metadata(content)
        except ValueError as error:
            self._report.damage(path, f"cannot be read: {error}")
            return
        if content.rstrip(b"\n") != encode_partition_metadata(topic_id):
            self._report.damage(path, "is not in the format that a broker writes")
        if topic is not None and topic.topic_id != topic_id:
            self._report.damage(
                path,
                f"belongs to a topic with id {format_uuid(topic_id)}, "
                f"but {topic.name} has {format_uuid(topic.topic_id)}",
            )
        elif self._is_metadata and topic_id != _METADATA_TOPIC_ID:
            self._report.damage(path, f"{format_uuid(topic_id)} is not the id of the metadata topic")

    def _check_metadata_snapshot(self, name: str) -> None:
        """Check a KRaft snapshot: batches of its own, not those of the log."""
        path = self._path(name)
        file = self._files.open(path)
        for stretch in stretches(file, file.size()):
            self._report.bytes += stretch.size
            if stretch.error or stretch.header is None or stretch.data is None:
                self._report.damage(path, stretch.error, byte=stretch.position)
                continue
            self._report.batches += 1
            check_records(
                self._report,
                path,
                stretch.position,
                stretch.header,
                stretch.data,
                decoder=self._decoder,
                may_have_gaps=False,
            )

    def _check_empty(self) -> None:
        points = self._around.recovery_points or {}
        if self._partition is not None and points.get(self._partition, 0) > 0:
            self._report.damage(self._directory, f"there is no log, but {points[self._partition]} offsets were written")
        else:
            self._report.note(self._directory, "there is no log")
        self._check_partition_metadata()


def _named(partition: TopicPartition | None) -> str:
    return "the partition" if partition is None else f"{partition[0]}-{partition[1]}"


#: The id that KRaft gives its own log.
_METADATA_TOPIC_ID: Final = bytes(15) + b"\x01"
