"""Interceptors: what sees, changes, holds or answers requests between the connection and the end of the pipeline."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from kafkalite.requests.context import MalformedFrame, RequestContext
    from kafkalite.requests.response_handle import ResponseHandle
    from kafkalite_wire.apis import Api


class Stage(IntEnum):
    """The order of interceptors, outermost first; within a stage, the one that was added first comes first."""

    OBSERVERS = 1
    """The request log, and others that only look: at what the client sent, and what it was sent in the end."""
    GROUP_RULES = 2
    """Members that stay silent and coordinators that are elsewhere: the request does not reach this broker."""
    FAULTS = 3
    """What goes wrong at this broker, also with clients that are not authenticated yet."""
    AUTHENTICATION = 4
    AUTHORIZATION = 5
    QUOTAS = 6
    MESSAGES = 7
    """What a file configures (:mod:`kafkalite.interceptors`): last to see a request, first to see a response."""


class Forward(Protocol):
    """Hands a request on: to the next interceptor, and behind the last one to the end of the pipeline."""

    def __call__(self, *, request: Any = None, response: ResponseHandle[Any] | None = None) -> None:
        """Forward the request, now or later, at most once.

        ``request`` replaces the message, and ``response`` (see :meth:`ResponseHandle.redirected`) the handle that the
        end responds to.
        """
        ...


class Interceptor:
    """One stage of the pipeline; subclasses override what they need."""

    stage: Stage
    screens: bool = False
    """Whether :meth:`concerns` is asked first, so that a request that is of no concern is not copied.

    Such an interceptor forwards or settles a request at once, and does not look at its frame."""

    def wants(self, api: Api, version: int) -> bool:
        """Return whether requests of this API and version are to be intercepted; asked once for each of them.

        Where the answer changes, call :meth:`InterceptorChain.refresh`.
        """
        del api, version
        return True

    def concerns(self, request: Any, context: RequestContext) -> bool:
        """Return whether a request is to be intercepted, where all interceptors that want its API can say so.

        What the request borrows is valid during the call only.
        """
        del request, context
        return True

    def intercept(self, request: Any, context: RequestContext, response: ResponseHandle[Any], forward: Forward) -> None:
        """Forward the request or settle its response, now or later; exactly one of both.

        ``request`` is the decoded message. It may be kept: what it borrows from the frame lasts as long as it does.
        """
        del request, context, response
        forward()

    def malformed(self, frame: MalformedFrame) -> None:
        """Learn of a frame that is no request; the connection is closed afterwards."""


class InterceptorChain:
    """The interceptors of a pipeline in their order, and which of them want what."""

    def __init__(self) -> None:
        self.installed: tuple[Interceptor, ...] = ()
        """All interceptors, outermost first."""
        self._wanting: dict[tuple[int, int], tuple[tuple[Interceptor, ...], bool]] = {}

    def __bool__(self) -> bool:
        return bool(self.installed)

    def __contains__(self, interceptor: Interceptor) -> bool:
        return interceptor in self.installed

    def add(self, interceptor: Interceptor, *, first: bool = False) -> None:
        """Intercept requests from the next one on; behind the others of its stage, or with ``first`` before them."""
        added = (interceptor, *self.installed) if first else (*self.installed, interceptor)
        self.installed = tuple(sorted(added, key=lambda each: each.stage))
        self.refresh()

    def remove(self, interceptor: Interceptor) -> None:
        """Intercept no further requests; nothing happens if it is not there."""
        self.installed = tuple(each for each in self.installed if each is not interceptor)
        self.refresh()

    def refresh(self) -> None:
        """Ask the interceptors again what they want."""
        self._wanting.clear()

    def wanting(self, api: Api, version: int) -> tuple[tuple[Interceptor, ...], bool]:
        """Return the interceptors that want the requests of an API and version, in their order.

        The second value says whether they all screen requests (:attr:`Interceptor.screens`).
        """
        key = (api.key, version)
        found = self._wanting.get(key)
        if found is None:
            wanting = tuple(each for each in self.installed if each.wants(api, version))
            found = self._wanting[key] = wanting, all(each.screens for each in wanting)
        return found

    def malformed(self, frame: MalformedFrame) -> None:
        """Show a malformed frame to all interceptors."""
        for interceptor in self.installed:
            interceptor.malformed(frame)
