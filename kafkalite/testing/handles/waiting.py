"""The handle for tests that run in an event loop, asyncio's or trio's: what takes its time is awaited."""

from __future__ import annotations

from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, TypeVar

from kafkalite.testing.handles.awaited import committed, positioned, stable
from kafkalite.testing.handles.backend import PATIENCE
from kafkalite.testing.handles.request_log import criteria
from kafkalite.testing.in_process.portal import completed
from kafkalite.testing.model.errors import NotInTime

if TYPE_CHECKING:
    from typing import Unpack

    from kafkalite.controls.faults.firings import Fired
    from kafkalite.controls.request_log.exchange import Exchange
    from kafkalite.testing.handles.backend import Backend, Wait
    from kafkalite.testing.handles.faults import InjectedFault
    from kafkalite.testing.handles.handle import Handle
    from kafkalite.testing.handles.request_log import Filters
    from kafkalite.testing.model.views import Group, Record
    from kafkalite_wire.apis import ApiKey

T = TypeVar("T")


class AsyncHandle:
    """The waits of a :class:`Handle` as coroutines. All else of it takes no more than milliseconds: see ``handle``."""

    def __init__(self, handle: Handle, backend: Backend) -> None:
        self.handle = handle
        self._backend = backend

    async def consume(
        self, topic: str, count: int = 1, *, partition: int | None = None, offset: int = 0, timeout: float = PATIENCE
    ) -> list[Record]:
        """Wait until a topic has ``count`` records, and give the first ones. Raises NotInTime."""
        return await _awaited(self._backend.arrival(topic, partition, offset, count), timeout)

    async def await_stable(self, group: str, *, members: int | None = None, timeout: float = PATIENCE) -> Group:
        """Wait until a group is stable, with just so many members if ``members`` is given. Raises NotInTime."""
        return await _awaited(self._backend.until(stable(group, members)), timeout)

    async def await_committed(
        self,
        group: str,
        topic: str,
        *,
        partition: int | None = None,
        offset: int | None = None,
        timeout: float = PATIENCE,
    ) -> Group:
        """Wait until a group has committed ``offset``, by default all that the topic has now. Raises NotInTime."""
        return await _awaited(self._backend.until(committed(self._backend, group, topic, partition, offset)), timeout)

    async def await_positioned(
        self,
        group: str,
        topic: str | None = None,
        *,
        partition: int | None = None,
        offset: int = 0,
        timeout: float = PATIENCE,
    ) -> Group:
        """Wait until the members of a stable group fetch what they own; of ``topic`` from ``offset`` on.

        Raises NotInTime.
        """
        return await _awaited(self._backend.until(positioned(self._backend, group, topic, partition, offset)), timeout)

    async def await_fired(
        self, fault: InjectedFault, count: int = 1, *, timeout: float = PATIENCE
    ) -> tuple[Fired, ...]:
        """Wait until a fault has acted on ``count`` requests. Raises NotInTime, which shows all that fired."""
        return await _awaited(fault.injection.until(fault.rule, count), timeout)

    async def await_request(
        self, api: str | ApiKey | None = None, *, timeout: float = PATIENCE, **filters: Unpack[Filters]
    ) -> Exchange:
        """Wait for a request that the request log has seen, and that has been answered or has ended otherwise.

        Raises NotInTime, and ValueError if the log is off.
        """
        return await _awaited(self._backend.steering.recorder.until(criteria(api, filters)), timeout)


async def _awaited(wait: Wait[T], timeout: float) -> T:
    try:
        return await completed(wait.future, timeout)
    except (TimeoutError, CancelledError):
        pass
    raise NotInTime(f"after {timeout:g} s: {wait.give_up()}")
