"""The machine that the numbers come from."""

import mmap
import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TOUCHED_BYTES: Final = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What a reader needs to judge the numbers. `load` is the load average of the minute before the run."""

    processor: str
    cores: int
    memory_gib: float
    system: str
    kernel: str
    file_system: str
    load: float
    date: str

    def described(self) -> str:
        """Return one line."""
        return (
            f"{self.cores} cores of {self.processor}, {self.memory_gib:.0f} GiB, {self.system}, Linux {self.kernel}, "
            f"data on {self.file_system}; {self.date}, load average before the run {self.load:.2f}"
        )


def this_machine(scratch: Path) -> Machine:
    """Describe this machine and the file system under the scratch folder."""
    return Machine(
        processor=_value("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=int((_value("/proc/meminfo", "MemTotal") or "0").split()[0]) / 2**20,
        system=platform.freedesktop_os_release().get("PRETTY_NAME", platform.system()),
        kernel=platform.release(),
        file_system=_file_system(scratch),
        load=os.getloadavg()[0],
        date=time.strftime("%Y-%m-%d"),
    )


def _value(file: str, label: str) -> str:
    for line in Path(file).read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == label:
            return value.strip()
    return ""


def _file_system(folder: Path) -> str:
    """Return the type of the file system that holds a folder: the longest mount point above it."""
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    above = [(point, kind) for point, kind in mounts if folder.resolve().is_relative_to(point)]
    return max(above, key=lambda mount: len(mount[0]))[1] if above else "?"


def touch_memory() -> None:
    """Touch and free a gigabyte, so that the broker measured next does not pay for first touches of idle memory.

    On a virtual machine the first touch of a page after idling costs microseconds. Without this, the first broker of a
    round would pay for all.
    """
    with mmap.mmap(-1, _TOUCHED_BYTES) as memory:
        for offset in range(0, _TOUCHED_BYTES, mmap.PAGESIZE):
            memory[offset] = 1
