"""A fault at work: the rule that the injector asks about each request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from kafkalite.controls.faults.corruption import corrupted
from kafkalite.controls.faults.matching import Matcher, TopicName, Turns
from kafkalite.requests.parts.message_parts import Part, has_field
from kafkalite.requests.parts.table import parts_of
from kafkalite_wire.apis import ApiKey

if TYPE_CHECKING:
    from kafkalite.controls.faults.fault import Fault
    from kafkalite.controls.faults.fetched import FetchedPartitions
    from kafkalite.controls.faults.firings import Fired, Firings
    from kafkalite.requests.context import RequestContext
    from kafkalite.requests.interceptors import Forward
    from kafkalite.requests.response_handle import ResponseHandle
    from kafkalite_wire.apis import Api


_MOST_ABANDONED: Final = 100
"""So many calls of clients that have gone are held to be done when they are released."""


class CallAt(Protocol):
    """Has a function called at a time, which is told as ``now`` tells it."""

    def __call__(self, when: float, callback: Callable[[], None], fail: Callable[[str], None], /) -> object:
        """Arrange the call; should it fail, ``fail`` is given the reason."""
        ...


class Guard(Protocol):
    """Makes a call for somebody who does not ask at the moment."""

    def __call__(self, what: str, call: Callable[[], None], fail: Callable[[str], None], /) -> None:
        """Make the call, which is ``what``; should it fail, ``fail`` is given the reason."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What faults need of whoever has the engine. ``chances`` makes a source of numbers in [0, 1) of a seed."""

    now: Callable[[], float]
    call_at: CallAt
    guard: Guard
    topic_name: TopicName
    chances: Callable[[int], Callable[[], float]]
    fetched: FetchedPartitions
    firings: Firings


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    """A call that is held: before it is done, or when only its reply is still to be sent."""

    fired: Fired
    owed: ResponseHandle[Any]
    is_done: bool
    go_on: Callable[[], None]


class FaultRule:
    """One fault, from when it is added until it is removed."""

    def __init__(self, fault: Fault, surroundings: Surroundings) -> None:
        self.fault = fault
        self._around = surroundings
        self._matcher = Matcher(fault, surroundings.topic_name)
        self._turns = Turns(fault, surroundings.chances(fault.seed))
        self._added = surroundings.now()
        self._held: list[_Held] = []
        self._has_ended = False

    # What the injector asks

    def wants(self, api: Api, version: int) -> bool:
        """Return whether the fault may act on requests of an API and version."""
        return self._matcher.wants(api, version)

    def matches(self, request: Any, context: RequestContext) -> bool:
        """Return whether the fault acts on a request, or may do so when it sees the response."""
        if self._turns.are_over or not self._is_time() or not self._matcher.matches(request, context):
            return False
        full = self._around.fetched.in_full(request, context)
        if self._matcher.looks_at_parts and not self._chosen(context, full):
            return self._is_told_by_reply(context, full)
        return self._is_told_by_reply(context, full) or self._turns.take()

    def act(self, request: Any, context: RequestContext, owed: ResponseHandle[Any], forward: Forward) -> None:
        """Do to the request what the fault says."""
        full = self._around.fetched.in_full(request, context)
        if self._is_told_by_reply(context, full):
            forward(response=owed.redirected(lambda response: self._look_at_reply(context, full, response, owed)))
            return
        fired = self._note(context, self._chosen(context, full))
        if self.fault.on == "request":
            self._wait(fired, owed, lambda: self._end_request(context, request, full, forward, owed), is_done=False)
        else:

            def end(response: Any) -> None:
                self._wait(fired, owed, lambda: self._end_reply(context, full, response, owed), is_done=True)

            forward(response=owed.redirected(end))

    # What others ask

    @property
    def held(self) -> int:
        """How many calls are held now."""
        self._forget_abandoned()
        return len(self._held)

    def release(self, count: int | None = None) -> int:
        """Let calls that are held go on, by default all, in the order in which they came; tells how many did."""
        self._forget_abandoned()
        released, self._held = self._held[:count], self._held[len(self._held[:count]) :]
        for held in released:
            self._around.firings.note_released(held.fired)
            self._around.guard("a call that was held", held.go_on, held.owed.fail)
        return len(released)

    def forget_held(self) -> None:
        """Hold no more what was asked of a broker that has gone: it is never done, and nobody waits for it."""
        self._held.clear()

    def end(self) -> None:
        """Hold nothing any more, and look at no reply that is still to come."""
        self._has_ended = True
        self.release()

    # Matching

    def _is_time(self) -> bool:
        return not self._has_ended and self.fault.since <= self._around.now() - self._added < self.fault.until

    def _chosen(self, context: RequestContext, request: Any) -> list[Part]:
        return [
            part
            for part in parts_of(context.api.key, context.api_version).parts(request, context.api_version)
            if self._matcher.chooses(part)
        ]

    def _is_told_by_reply(self, context: RequestContext, request: Any) -> bool:
        """Tell whether only the reply shows if the call is concerned: whether it has records, or the topic."""
        if self.fault.corrupt:
            return True
        return (
            self.fault.error is not None
            and self._matcher.looks_at_parts
            and parts_of(context.api.key, context.api_version).may_answer_others(request, context.api_version)
            and not self._chosen(context, request)
        )

    def _look_at_reply(self, context: RequestContext, request: Any, response: Any, owed: ResponseHandle[Any]) -> None:
        if response is None:
            owed.send(None)
            return
        if self.fault.corrupt:
            chosen, changed = corrupted(response, self._matcher.chooses)
        else:
            changed = self._refused(context, request, response)
            chosen = [] if changed == response else [Part(topic=self.fault.topic, partition=self.fault.partition)]
        if not chosen or not self._is_time() or not self._turns.take():
            owed.send(response)
            return
        fired = self._note(context, chosen)
        self._wait(fired, owed, lambda: self._send(context, request, changed, owed), is_done=True)

    # Acting

    def _note(self, context: RequestContext, chosen: list[Part]) -> Fired:
        about = tuple(dict.fromkeys(map(self._named, chosen))) if self._matcher.looks_at_parts else ()
        return self._around.firings.note(self.fault.name, str(self.fault), context, about, held=self.fault.hold)

    def _named(self, part: Part) -> str:
        topic = None if part.topic is None else self._around.topic_name(part.topic)
        partition = None if part.partition is None else str(part.partition)
        place = "-".join(each for each in (topic, partition) if each is not None)
        group = None if part.group is None else f"group {part.group}"
        return " of ".join(each for each in (place, group) if each)

    def _wait(self, fired: Fired, owed: ResponseHandle[Any], go_on: Callable[[], None], *, is_done: bool) -> None:
        if self.fault.hold and not self._has_ended:
            self._held.append(_Held(fired, owed, is_done, go_on))
            self._forget_abandoned()
        elif self.fault.delay:
            self._around.call_at(self._around.now() + self.fault.delay, go_on, owed.fail)
        else:
            go_on()

    def _forget_abandoned(self) -> None:
        """Hold no replies to clients that have gone; of their requests, which can still be done, the last ones."""
        abandoned = [held for held in self._held if held.owed.is_disconnected]
        if abandoned:
            kept = [held for held in abandoned if not held.is_done][-_MOST_ABANDONED:]
            self._held = [held for held in self._held if held in kept or not held.owed.is_disconnected]

    def _end_request(
        self, context: RequestContext, request: Any, full: Any, forward: Forward, owed: ResponseHandle[Any]
    ) -> None:
        if self.fault.disconnect or self.fault.drop:
            self._cut_or_drop(owed)
            return
        if self.fault.error is None:
            forward(response=owed.redirected(lambda response: self._send(context, full, response, owed)))
            return
        left = self._left(context, request, full)
        if left is None:
            self._send(context, full, self._refused(context, full, None), owed)
            return
        refusing = owed.redirected(
            lambda response: self._send(context, full, self._refused(context, full, response), owed)
        )
        forward(request=left, response=refusing)

    def _end_reply(self, context: RequestContext, request: Any, response: Any, owed: ResponseHandle[Any]) -> None:
        if self.fault.disconnect or self.fault.drop:
            self._cut_or_drop(owed)
        elif self.fault.error is None:
            self._send(context, request, response, owed)
        else:
            self._send(context, request, self._refused(context, request, response), owed)

    def _cut_or_drop(self, owed: ResponseHandle[Any]) -> None:
        if self.fault.disconnect:
            owed.fail(f"the fault {self.fault.name!r} says so")
        else:
            owed.send(None)

    def _left(self, context: RequestContext, request: Any, full: Any) -> Any | None:
        """Return what the handler is to see of a request that is refused, None if that is nothing."""
        shape, version = parts_of(context.api.key, context.api_version), context.api_version
        if self._refuses_all(context, full):
            assert self.fault.error is not None
            return shape.behind_error(request, version, self.fault.error)
        return shape.without(request, version, self._matcher.chooses)

    def _refused(self, context: RequestContext, request: Any, response: Any) -> Any:
        shape, version, error = parts_of(context.api.key, context.api_version), context.api_version, self.fault.error
        assert error is not None
        if self._refuses_all(context, request):
            return shape.error_response(request, version, error, response)
        return shape.with_errors(request, version, response, self._matcher.chooses, error)

    def _refuses_all(self, context: RequestContext, request: Any) -> bool:
        """Tell whether a request is refused in the words for the whole, and not partition by partition."""
        if self.fault.chooses_parts:
            return False
        parts = parts_of(context.api.key, context.api_version).parts(request, context.api_version)
        return all(map(self._matcher.chooses, parts))

    def _send(self, context: RequestContext, request: Any, response: Any, owed: ResponseHandle[Any]) -> None:
        if self.fault.error is not None and context.api.key is ApiKey.PRODUCE and not request.acks:
            owed.fail(f"a produce request with acks=0 failed, as the fault {self.fault.name!r} says")
        elif self.fault.throttle is None:
            owed.send(response)
        else:
            # Versions without a field for it are muted as well, and so are clients that want no reply.
            if response is not None and has_field(context.api.response_type, "throttle_time_ms", context.api_version):
                response = replace(response, throttle_time_ms=round(self.fault.throttle * 1000))
            owed.mute(self.fault.throttle)
            owed.send(response)
