"""Faults that a broker or a proxy is started with: `--faults FILE`."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kafkalite.controls.faults.file import TomlError, read_faults
from kafkalite.controls.faults.injector import injector_for

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kafkalite.controls.faults.fault import Fault
    from kafkalite.controls.local_broker import FaultTarget

log = logging.getLogger("kafkalite.faults")


def read(path: Path) -> tuple[Fault, ...]:
    """Read faults. A mistake in the file is one of the usage."""
    try:
        return tuple(read_faults(path))
    except TomlError as error:
        raise click.UsageError(str(error)) from None


@contextmanager
def injected(faults: Iterable[Fault], server: FaultTarget) -> Generator[None]:
    """Inject faults into a broker or proxy that ends with the block, and log each that fires."""
    made = injector_for(server)
    made.log.listeners.append(lambda fired: log.info("%s", fired))
    for fault in faults:
        made.add(fault)
    yield  # and nothing is released afterwards: the server has ended, and its logs are closed
