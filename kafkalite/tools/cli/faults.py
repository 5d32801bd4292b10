"""Faults that a broker is started with: `kafkalite serve --faults FILE`."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kafkalite.controls.faults.file import FaultFileError, read_faults
from kafkalite.controls.faults.injector import injector_for

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kafkalite.broker import Broker
    from kafkalite.controls.faults.fault import Fault

log = logging.getLogger("kafkalite.faults")


def read(path: Path) -> tuple[Fault, ...]:
    """Read faults. A mistake in the file is one of the usage."""
    try:
        return tuple(read_faults(path))
    except FaultFileError as error:
        raise click.UsageError(str(error)) from None


@contextmanager
def injected(faults: Iterable[Fault], broker: Broker) -> Generator[None]:
    """Inject faults into a broker that ends with the block, and log each that fires."""
    made = injector_for(broker)
    made.log.listeners.append(lambda fired: log.info("%s", fired))
    for fault in faults:
        made.add(fault)
    yield  # and nothing is released afterwards: the broker has ended, and its logs are closed
