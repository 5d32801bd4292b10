"""The file that a proxy runs with: put in force at the start, and replaced on SIGHUP without touching connections."""

from __future__ import annotations

import signal
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from logging import getLogger
from typing import TYPE_CHECKING, Final

import trio

from kafkalite.config.toml_file import TomlError, mistake
from kafkalite.controls.faults.injector import injector_for
from kafkalite.interceptors.installing import InstalledInterceptors
from kafkalite.interceptors.kinds import OwnFiles
from kafkalite.proxy_file.reading import read_proxy_file

if TYPE_CHECKING:
    from pathlib import Path

    from kafkalite.config.setting import Setting
    from kafkalite.controls.faults.injector import Injector
    from kafkalite.controls.faults.rule import FaultRule
    from kafkalite.proxy.proxy import Proxy
    from kafkalite.proxy_file.proxy_table import ProxyTable
    from kafkalite.proxy_file.reading import ConfiguredInterceptor, ProxyFile

log = getLogger("kafkalite.proxy")

_FIXED: Final = ("proxy", "listener", "upstream")
"""The tables that a proxy reads at its start only."""


class FileInForce:
    """A file, and what of it is in a proxy."""

    def __init__(self, path: Path) -> None:
        """Read the file. Raises TomlError."""
        self.path = path
        self._own_files = OwnFiles()
        self.file: ProxyFile = read_proxy_file(path, self._own_files)
        """What is in force."""
        self._installed: InstalledInterceptors | None = None
        self._injector: Injector | None = None
        self._proxy: Proxy | None = None
        self._rules: list[FaultRule] = []

    def install(self, proxy: Proxy) -> None:
        """Put the interceptors and faults of the file into a proxy that is open."""
        self._proxy = proxy
        self._installed = InstalledInterceptors(proxy)
        self._apply(self.file)

    @contextmanager
    def attached(self, proxy: Proxy) -> Generator[None]:
        """Put the file into a proxy that ends with the block."""
        self.install(proxy)
        yield

    def reload(self) -> None:
        """Read the file again, and put it in force. If there is a mistake in it, nothing changes. Raises TomlError.

        An interceptor or a fault whose table is the same goes on as it was, with what it has counted.
        """
        file = read_proxy_file(self.path, self._own_files)
        for table in _FIXED:
            if _values(getattr(file, table)) != _values(getattr(self.file, table)):
                raise mistake(file.place, f"[{table}] is read at the start only: restart the proxy", table)
        self._apply(file)

    async def reload_on_hangup(
        self, proxy: Proxy, /, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Reload on each SIGHUP, and log what came of it."""
        del proxy
        with trio.open_signal_receiver(signal.SIGHUP) as signals:
            task_status.started()
            async for _ in signals:
                try:
                    self.reload()
                except TomlError as error:
                    log.error("the file is not reloaded, what was read before stays in force: %s", error)
                else:
                    log.info("reloaded %s: %s", self.path, self)

    def _apply(self, file: ProxyFile) -> None:
        assert self._installed is not None
        left = [] if file is self.file else list(self.file.interceptors)
        kept: list[ConfiguredInterceptor] = []
        for each in file.interceptors:
            same = next((old for old in left if old == each), None)
            if same is not None:
                left.remove(same)
            kept.append(each if same is None else same)
        file = replace(file, interceptors=tuple(kept))
        self._installed.replace(each.made for each in kept)
        self._apply_faults(file)
        self.file = file

    def _apply_faults(self, file: ProxyFile) -> None:
        assert self._proxy is not None
        if not file.faults and self._injector is None:
            return
        if self._injector is None:
            self._injector = injector_for(self._proxy)
            self._injector.log.listeners.append(lambda fired: getLogger("kafkalite.faults").info("%s", fired))
        left = dict(zip(self._rules, self.file.faults, strict=True)) if self._rules else {}
        rules: list[FaultRule] = []
        for fault in file.faults:
            same = next((rule for rule, old in left.items() if old == fault), None)
            if same is not None:
                del left[same]
            rules.append(self._injector.add(fault) if same is None else same)
        for rule in left:
            self._injector.remove(rule)
        self._rules = rules

    def __str__(self) -> str:
        return f"{len(self.file.interceptors)} interceptors, {len(self.file.faults)} faults"


def _values(table: ProxyTable | Mapping[str, Setting]) -> object:
    """Return what a table says, wherever it stands in the file."""
    return {name: setting.text for name, setting in table.items()} if isinstance(table, Mapping) else table
