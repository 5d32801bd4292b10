"""Faults that a broker is started with: `kafkalite serve --faults FILE`."""

from __future__ import annotations

import logging
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import click

from kafkalite.controls.engine import Engine
from kafkalite.controls.faults.file import FaultFileError, read_faults
from kafkalite.controls.faults.injector import Injector

if TYPE_CHECKING:
    from collections.abc import Callable

    from kafkalite.broker import Broker

log = logging.getLogger("kafkalite.faults")


def injecting(path: Path) -> Callable[[Broker], None]:
    """Read faults, and give what adds them to a broker that is open. A mistake in the file is one of the usage."""
    try:
        faults = read_faults(path)
    except FaultFileError as error:
        raise click.UsageError(str(error)) from None

    def inject(broker: Broker) -> None:
        engine = broker.dispatch.engine = Engine()
        node = broker.node
        injector = Injector(
            engine,
            now=node.now,
            call_at=node.deadlines.call_at,
            topic_name=node.topic_name,
            chances=lambda seed: Random(seed).random,  # noqa: S311 - chance that can be repeated is what is wanted
        )
        injector.firings.told.append(lambda fired: log.info("%s", fired))
        for fault in faults:
            injector.add(fault)
        log.warning("requests will fail on purpose: %d fault(s) from %s", len(faults), path)

    return inject
