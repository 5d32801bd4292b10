"""The log cleaner: compacts logs in steps of a millisecond, with pauses in which requests are served.

It has no thread: Python code in a second thread would delay every request by more than such a step. Only waiting for
the disk is done in a thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from kafkalite.config.table import PROPERTIES
from kafkalite_storage.compaction.cleaner import Cleaner, Cleaning, dirtiest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kafkalite.background.timers import TimerQueue
    from kafkalite.config import BrokerConfig
    from kafkalite_storage.storage import Storage

_PAUSE: Final = 0.003
"""Seconds between two steps: compaction takes about a third of one processor at most."""
_LOOK_AT_STATE: Final = 1.0
"""Seconds between two looks at the internal topics, whose size makes the next start longer."""
_LEAST_PAUSE: Final = 0.1
_LOOKED_AT_ONCE: Final = 500
"""Logs that one step looks at."""


class LogCleaner:
    """The task that compacts; its properties may change while it runs (KIP-226).

    When it looks for work goes by the broker's clock (``timers``), its pauses go by the machine's.
    """

    def __init__(
        self,
        storage: Storage,
        config: BrokerConfig,
        timers: TimerQueue,
        wall_ms: Callable[[], int],
        *,
        in_thread: Callable[[Callable[[], None]], Awaitable[None]] = trio.to_thread.run_sync,
    ) -> None:
        self.cleaner = Cleaner(storage, key_map_bytes=config.log_cleaner_dedupe_buffer_size)
        self._storage = storage
        self._config = config
        self._timers = timers
        self._wall_ms = wall_ms
        self._in_thread = in_thread
        self._sleep = trio.CancelScope()
        self._waiting: list[trio.Event] = []
        self._has_ended = False

    async def run(self) -> None:
        """Compact until cancelled. Cancellation leaves each log as it was, or with what was finished."""
        try:
            await self._run()
        finally:
            self._has_ended = True
            self._wake(len(self._waiting))

    async def catch_up(self) -> None:
        """Look at all logs now; return when none needs compaction any more, or when the cleaner has ended."""
        if not self._has_ended:
            caught_up = trio.Event()
            self._waiting.append(caught_up)
            self._sleep.cancel()
            await caught_up.wait()

    async def _run(self) -> None:
        looked_at_all = self._timers.now()
        while True:
            backoff = max(
                self._number("log.cleaner.backoff.ms", self._config.log_cleaner_backoff * 1000) / 1000, _LEAST_PAUSE
            )
            asked = len(self._waiting)
            cleaning = self.cleaner.next_cleaning_of_state(self._wall_ms())
            if cleaning is None and (asked or self._timers.now() - looked_at_all >= backoff):
                cleaning = await self._survey()
                if cleaning is None:
                    looked_at_all = self._timers.now()
            if cleaning is not None:
                await self._clean(cleaning)
                continue
            self._wake(asked)
            if not self._waiting:
                with trio.CancelScope() as self._sleep:
                    await self._timers.sleep(min(_LOOK_AT_STATE, backoff))

    def _wake(self, count: int) -> None:
        caught_up, self._waiting = self._waiting[:count], self._waiting[count:]
        for event in caught_up:
            event.set()

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
        """Return the present value of a property."""
        storage = self._storage
        text = storage.broker_configs(str(storage.node_id)).get(name, storage.broker_configs().get(name))
        value = at_start if text is None else PROPERTIES[name].parse(text)
        return value if isinstance(value, int | float) else at_start
