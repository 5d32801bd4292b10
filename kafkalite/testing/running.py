"""A broker of the test's own, beside it in its process."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from kafkalite.broker import Broker
from kafkalite.clock import SteerableClock
from kafkalite.config import BrokerConfig, ConfigError, load
from kafkalite.controls.controls import Controls
from kafkalite.controls.defaults import DEFAULTS, Value, text_of
from kafkalite.testing.in_process import running
from kafkalite_storage.files.memory_filesystem import MemoryFileSystem

_PARAMETERS: Final = {"listeners": "listen", "log.dirs": "data", "log.dir": "data"}
"""Properties that are parameters of :func:`run`."""


@contextmanager
def run(
    properties: Mapping[str, Value] | None = None,
    *,
    topics: Mapping[str, int] | None = None,
    data: str | Path | None = None,
    listen: str = "127.0.0.1:0",
    security: str | None = None,
    brokers: int | None = None,
) -> Generator[Controls]:
    """Run a broker on a thread of its own, and yield its controls.

    ``properties`` are broker properties under Kafka's names; ``topics`` maps the names of topics to create to their
    numbers of partitions; ``data`` is the data directory, without which everything is kept in memory. ``security`` is
    ``ssl``, ``sasl_plaintext`` or ``sasl_ssl``: :meth:`Controls.client_config` returns what clients need then.
    ``brokers`` is the number of brokers of the cluster, see :attr:`Controls.brokers`; they listen on consecutive ports,
    or each on a free one.

    Raises StartError and ConfigError if the broker cannot start, and at the end BrokerFailed if it stopped before or an
    exception in it was not handled.
    """
    config = _configuration(properties or {}, data=data, listen=listen, security=security, brokers=brokers)
    clock = SteerableClock()
    broker = Broker(config, clock=clock, file_system=MemoryFileSystem() if data is None else None)
    with running(broker, clock) as controls:
        for name, partitions in (topics or {}).items():
            controls.topics.create(name, partitions)
        yield controls


def _configuration(
    properties: Mapping[str, Value],
    *,
    data: str | Path | None,
    listen: str,
    security: str | None,
    brokers: int | None,
) -> BrokerConfig:
    for name in _PARAMETERS.keys() & properties.keys():
        raise ConfigError(f"properties: {name}: set it with run({_PARAMETERS[name]}=…)")
    texts = {name: text_of(value) for name, value in {**DEFAULTS, **properties}.items()}
    return load(
        listen=[listen],
        data="/kafkalite" if data is None else data,
        properties=texts,
        security=security,
        brokers=brokers,
    )
