"""Compacts logs while the broker runs: a millisecond of work, then a pause in which requests are served.

There is no thread for it, because Python code in a second thread would delay every request by more than such a step
does; only what waits for the disk is done in one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from kafkalite.config.table import PROPERTIES
from kafkalite_storage.cleaner import Cleaner, Cleaning, dirtiest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kafkalite.config import BrokerConfig
    from kafkalite_storage.storage import Storage

_PAUSE: Final = 0.003
"""Seconds between two steps: compaction takes about a third of one processor at most."""
_LOOK_AT_STATE: Final = 1.0
"""Seconds between two looks at the broker's own logs, whose growth makes the next start longer."""
_LEAST_PAUSE: Final = 0.1
_LOOKED_AT_ONCE: Final = 100
"""Logs of which the size is looked at in one step."""


class LogCleaner:
    """The task that compacts; its properties may change while it runs (KIP-226)."""

    def __init__(
        self,
        storage: Storage,
        config: BrokerConfig,
        wall_ms: Callable[[], int],
        *,
        in_thread: Callable[[Callable[[], None]], Awaitable[None]] = trio.to_thread.run_sync,
    ) -> None:
        self.cleaner = Cleaner(storage, key_map_bytes=config.log_cleaner_dedupe_buffer_size)
        self._storage = storage
        self._config = config
        self._wall_ms = wall_ms
        self._in_thread = in_thread

    async def run(self) -> None:
        """Compact for ever; a cancellation between two steps leaves a log as it was or with what was finished."""
        looked_at_all = trio.current_time()
        while True:
            backoff = max(
                self._number("log.cleaner.backoff.ms", self._config.log_cleaner_backoff * 1000) / 1000, _LEAST_PAUSE
            )
            cleaning = self.cleaner.next_cleaning_of_state(self._wall_ms())
            if cleaning is None and trio.current_time() - looked_at_all >= backoff:
                cleaning = await self._survey()
                if cleaning is None:
                    looked_at_all = trio.current_time()
            if cleaning is None:
                await trio.sleep(min(_LOOK_AT_STATE, backoff))
            else:
                await self._clean(cleaning)

    async def _survey(self) -> Cleaning | None:
        found: list[Cleaning] = []
        for number, cleaning in enumerate(self.cleaner.survey(self._wall_ms()), start=1):
            if cleaning is not None:
                found.append(cleaning)
            if number % _LOOKED_AT_ONCE == 0:
                await trio.sleep(_PAUSE)
        return dirtiest(found)

    async def _clean(self, cleaning: Cleaning) -> None:
        config, cleaner = self._config, self.cleaner
        cleaner.key_map_bytes = round(
            self._number("log.cleaner.dedupe.buffer.size", config.log_cleaner_dedupe_buffer_size)
        )
        most = self._number("log.cleaner.io.max.bytes.per.second", config.log_cleaner_io_max_bytes_per_second)
        started = trio.current_time()
        for work in cleaner.clean(cleaning, self._wall_ms()):
            if work is not None:
                await self._in_thread(work)
            else:
                due = started + cleaner.running.bytes_moved / most
                await trio.sleep(max(_PAUSE, due - trio.current_time()))
        await trio.sleep(_PAUSE)

    def _number(self, name: str, at_start: float) -> float:
        """Return a property as it is now."""
        storage = self._storage
        text = storage.broker_configs(str(storage.node_id)).get(name, storage.broker_configs().get(name))
        value = at_start if text is None else PROPERTIES[name].parse(text)
        return value if isinstance(value, int | float) else at_start
