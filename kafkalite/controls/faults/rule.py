"""A fault at work: the rule that an engine asks about each call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from kafkalite.controls.faults.corruption import corrupted
from kafkalite.controls.faults.matching import Matcher, TopicName, Turns
from kafkalite.controls.shapes.part import Part, carries
from kafkalite.controls.shapes.table import SHAPES
from kafkalite_wire.apis import ApiKey

if TYPE_CHECKING:
    from kafkalite.controls.engine import Call, Owed, OwedToClient, Proceed
    from kafkalite.controls.faults.fault import Fault
    from kafkalite.controls.faults.fetched import FetchedPartitions
    from kafkalite.controls.faults.firings import Fired, Firings


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
    owed: OwedToClient
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

    # What an engine asks

    def concerns(self, call: Call) -> bool:
        """Tell whether the fault acts on a call, or may do so when it sees the reply."""
        if self._turns.are_over or not self._is_time() or not self._matcher.matches(call):
            return False
        request = self._around.fetched.in_full(call)
        if self._matcher.looks_at_parts and not self._chosen(call, request):
            return self._is_told_by_reply(call, request)
        return self._is_told_by_reply(call, request) or self._turns.take()

    def act(self, call: Call, proceed: Proceed, owed: OwedToClient) -> None:
        """Let the call suffer what the fault says."""
        request = self._around.fetched.in_full(call)
        if self._is_told_by_reply(call, request):
            proceed(_Instead(lambda response: self._look_at_reply(call, request, response, owed), owed))
            return
        fired = self._note(call, self._chosen(call, request))
        if self.fault.on == "request":
            self._wait(fired, owed, lambda: self._end_request(call, request, proceed, owed), is_done=False)
        else:

            def end(response: Any) -> None:
                self._wait(fired, owed, lambda: self._end_reply(call, request, response, owed), is_done=True)

            proceed(_Instead(end, owed))

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

    def _chosen(self, call: Call, request: Any) -> list[Part]:
        return [part for part in SHAPES[call.api.key].parts(request, call.api_version) if self._matcher.chooses(part)]

    def _is_told_by_reply(self, call: Call, request: Any) -> bool:
        """Tell whether only the reply shows if the call is concerned: whether it has records, or the topic."""
        if self.fault.corrupt:
            return True
        return (
            self.fault.error is not None
            and self._matcher.looks_at_parts
            and SHAPES[call.api.key].is_open(request, call.api_version)
            and not self._chosen(call, request)
        )

    def _look_at_reply(self, call: Call, request: Any, response: Any, owed: OwedToClient) -> None:
        if response is None:
            owed.send(None)
            return
        if self.fault.corrupt:
            chosen, changed = corrupted(response, self._matcher.chooses)
        else:
            changed = self._refused(call, request, response)
            chosen = [] if changed == response else [Part(topic=self.fault.topic, partition=self.fault.partition)]
        if not chosen or not self._is_time() or not self._turns.take():
            owed.send(response)
            return
        fired = self._note(call, chosen)
        self._wait(fired, owed, lambda: self._send(call, changed, owed), is_done=True)

    # Acting

    def _note(self, call: Call, chosen: list[Part]) -> Fired:
        about = tuple(dict.fromkeys(map(self._named, chosen))) if self._matcher.looks_at_parts else ()
        return self._around.firings.note(self.fault.name, str(self.fault), call, about, held=self.fault.hold)

    def _named(self, part: Part) -> str:
        topic = None if part.topic is None else self._around.topic_name(part.topic)
        partition = None if part.partition is None else str(part.partition)
        place = "-".join(each for each in (topic, partition) if each is not None)
        group = None if part.group is None else f"group {part.group}"
        return " of ".join(each for each in (place, group) if each)

    def _wait(self, fired: Fired, owed: OwedToClient, go_on: Callable[[], None], *, is_done: bool) -> None:
        if self.fault.hold and not self._has_ended:
            self._held.append(_Held(fired, owed, is_done, go_on))
            self._forget_abandoned()
        elif self.fault.delay:
            self._around.call_at(self._around.now() + self.fault.delay, go_on, owed.fail)
        else:
            go_on()

    def _forget_abandoned(self) -> None:
        """Hold no replies to clients that have gone; of their requests, which can still be done, the last ones."""
        abandoned = [held for held in self._held if held.owed.is_abandoned]
        if abandoned:
            kept = [held for held in abandoned if not held.is_done][-_MOST_ABANDONED:]
            self._held = [held for held in self._held if held in kept or not held.owed.is_abandoned]

    def _end_request(self, call: Call, request: Any, proceed: Proceed, owed: OwedToClient) -> None:
        if self.fault.disconnect or self.fault.drop:
            self._cut_or_drop(owed)
            return
        if self.fault.error is None:
            proceed(_Instead(lambda response: self._send(call, response, owed), owed))
            return
        left = self._left(call, request)
        if left is None:
            self._send(call, self._refused(call, request, None), owed)
        else:
            proceed(
                _Instead(lambda response: self._send(call, self._refused(call, request, response), owed), owed),
                request=left,
            )

    def _end_reply(self, call: Call, request: Any, response: Any, owed: OwedToClient) -> None:
        if self.fault.disconnect or self.fault.drop:
            self._cut_or_drop(owed)
        elif self.fault.error is None:
            self._send(call, response, owed)
        else:
            self._send(call, self._refused(call, request, response), owed)

    def _cut_or_drop(self, owed: Owed) -> None:
        if self.fault.disconnect:
            owed.fail(f"the fault {self.fault.name!r} says so")
        else:
            owed.send(None)

    def _left(self, call: Call, request: Any) -> Any | None:
        """Give what the handler shall see of a request that is refused, None if that is nothing."""
        shape, version = SHAPES[call.api.key], call.api_version
        if self._refuses_all(call, request):
            assert self.fault.error is not None
            return shape.left_of_refused(call.request, version, self.fault.error)
        return shape.left(call.request, version, self._matcher.chooses)

    def _refused(self, call: Call, request: Any, response: Any) -> Any:
        shape, version, error = SHAPES[call.api.key], call.api_version, self.fault.error
        assert error is not None
        if self._refuses_all(call, request):
            return shape.refused(request, version, error, response)
        return shape.answered(request, version, response, self._matcher.chooses, error)

    def _refuses_all(self, call: Call, request: Any) -> bool:
        """Tell whether a request is refused in the words for the whole, and not partition by partition."""
        if self.fault.chooses_parts:
            return False
        parts = SHAPES[call.api.key].parts(request, call.api_version)
        return all(map(self._matcher.chooses, parts))

    def _send(self, call: Call, response: Any, owed: OwedToClient) -> None:
        if self.fault.error is not None and call.api.key is ApiKey.PRODUCE and not call.request.acks:
            owed.fail(f"a produce request with acks=0 failed, as the fault {self.fault.name!r} says")
        elif self.fault.throttle is None:
            owed.send(response)
        else:
            # Versions without a field for it are muted as well, and so are clients that want no reply.
            if response is not None and carries(call.api.response_type, "throttle_time_ms", call.api_version):
                response = replace(response, throttle_time_ms=round(self.fault.throttle * 1000))
            owed.send(response, mute=self.fault.throttle)


class _Instead:
    """Takes the handler's response in place of the client."""

    __slots__ = ("_owed", "_send")

    def __init__(self, send: Callable[[Any], None], owed: Owed) -> None:
        self._send = send
        self._owed = owed

    def send(self, response: object | None) -> None:
        self._send(response)

    def fail(self, reason: str) -> None:
        self._owed.fail(reason)
