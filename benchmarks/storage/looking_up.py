"""Find a random offset and a random time in a log of 10 GiB.

The log is written sparse: its indexes are whole, its files have their full length, but batches lie only where the
look-ups will land. What a look-up reads is therefore what it would read in a full log.
"""

import os
import random
import time
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from struct import Struct
from typing import Final

from benchmarks.storage.appending import NOW_MS, batch_of
from benchmarks.storage.bench import Bench
from benchmarks.storage.lines import Line, median
from kafkalite_storage.configs.log_config import LogConfig
from kafkalite_storage.files.filesystem import OsFileSystem
from kafkalite_storage.log.log import PartitionLog
from kafkalite_storage.segment.segment_files import file_name
from kafkalite_wire.batch import crc32c
from kafkalite_wire.records import Record, build_batch, set_offsets_in_place

_SEGMENT: Final = 1024**3
_SEGMENTS: Final = 10
_INTERVAL: Final = 4096
_LANDINGS: Final = 400
_FIRST_MS: Final = NOW_MS
_MICRO: Final = 1e6
_TIME_ENTRY: Final = Struct(">qi")
_TIMES: Final = Struct(">qq")
_TIMES_AT: Final = 27
_CRC: Final = Struct(">I")
_CRC_AT: Final = 17
_CHECKED_FROM: Final = 21


def look_up(bench: Bench) -> list[Line]:
    """Look into logs of two shapes: batches of one record of 1 KiB, and of 15 as producers fill them by default."""
    lines: list[Line] = []
    for records in (1, 15):
        log, offsets = _sparse_log(bench.folder / f"sparse-{records}", records)
        shape = f"10 GiB, {records} record{'s' * (records > 1)} a batch"
        lines.append(_line(bench, f"random offset look-up, {shape}", offsets, lambda at, log=log: _by_offset(log, at)))
        lines.append(_line(bench, f"random time look-up, {shape}", offsets, lambda at, log=log: _by_time(log, at)))
        log.close(clean=False)
    return lines


def _line(bench: Bench, title: str, offsets: Sequence[int], look: Callable[[int], None]) -> Line:
    """Warm up with one round, which reads the indexes; report the median of the rounds' means."""
    means: list[float] = []
    for _ in range(bench.runs + 1):
        start = time.perf_counter()
        for offset in offsets:
            look(offset)
        means.append((time.perf_counter() - start) / len(offsets) * _MICRO)
    bench.say(f"{title}: first round {means[0]:.1f} µs, then {', '.join(f'{mean:.1f}' for mean in means[1:])} µs")
    mean = median(means[1:])
    return Line(
        title=title,
        unit="µs",
        ours=mean,
        digits=1,
        target="under 50 µs",
        met=mean < 50 if mean is not None else None,
    )


def _by_offset(log: PartitionLog, offset: int) -> None:
    assert len(log.read(offset, max_bytes=1))


def _by_time(log: PartitionLog, offset: int) -> None:
    found = log.offset_for_timestamp(_FIRST_MS + offset)
    assert found is not None
    assert found.offset == offset, f"{found} for {offset}"


def _sparse_log(folder: Path, records: int) -> tuple[PartitionLog, list[int]]:
    """Write a log whose record at offset n has the time _FIRST_MS + n; return it and the offsets that can be read."""
    folder.mkdir()
    batch = bytearray(
        build_batch([Record(value=b"v" * 1024, timestamp=_FIRST_MS + number) for number in range(records)])
        if records > 1
        else batch_of(1)
    )
    a_segment = _SEGMENT // len(batch)
    every = _INTERVAL // len(batch) + 1  # the batches from one index entry to the next
    entries = range(every, a_segment, every)
    chance = random.Random(1)
    offsets: list[int] = []
    for number in range(_SEGMENTS):
        base = number * a_segment * records
        _write_indexes(folder, base, entries, records, len(batch))
        log_file = os.open(folder / file_name(base, ".log"), os.O_RDWR | os.O_CREAT, 0o644)
        os.ftruncate(log_file, a_segment * len(batch))
        landings = [chance.choice(entries[:-2]) for _ in range(_LANDINGS // _SEGMENTS)]
        # The time index names the last entry that is older, which is the one before; a start reads the last batches.
        for entry in [0, entries[-1], *landings]:
            for at in range(max(entry - every, 0), min(entry + every, a_segment)):
                first = base + at * records
                set_offsets_in_place(batch, 0, first, 0)
                _TIMES.pack_into(batch, _TIMES_AT, _FIRST_MS + first, _FIRST_MS + first + records - 1)
                _CRC.pack_into(batch, _CRC_AT, crc32c(batch[_CHECKED_FROM:]))
                os.pwrite(log_file, batch, at * len(batch))
        os.close(log_file)
        offsets += [
            base + (entry + chance.randrange(every)) * records + chance.randrange(records) for entry in landings
        ]
    chance.shuffle(offsets)
    end = _SEGMENTS * a_segment * records
    config = LogConfig.of({})
    log = PartitionLog.open(OsFileSystem(), os.fspath(folder), config=config, recovery_point=end, clean=True)
    assert log.log_end_offset == end
    return log, offsets


def _write_indexes(folder: Path, base: int, entries: range, records: int, size: int) -> None:
    columns = array("i", bytes(8 * len(entries)))
    columns[0::2] = array("i", (at * records + records - 1 for at in entries))
    columns[1::2] = array("i", (at * size for at in entries))
    columns.byteswap()
    (folder / file_name(base, ".index")).write_bytes(columns.tobytes())
    times = (
        _TIME_ENTRY.pack(_FIRST_MS + base + at * records + records - 1, at * records + records - 1) for at in entries
    )
    (folder / file_name(base, ".timeindex")).write_bytes(b"".join(times))
