"""One fault that was injected: which requests it acts on, and how."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING, Any, Final, Protocol

from kafkalite.controls.faults.corruption import corrupted
from kafkalite.controls.faults.matching import Matcher, TopicName, Trigger
from kafkalite.requests.parts.message_parts import Part, has_field
from kafkalite.requests.parts.table import parts_of
from kafkalite_wire.apis import ApiKey

if TYPE_CHECKING:
    from kafkalite.controls.faults.fault import Fault
    from kafkalite.controls.faults.fault_log import FaultLog, Fired
    from kafkalite.controls.faults.fetched import FetchedPartitions
    from kafkalite.requests.context import RequestContext
    from kafkalite.requests.interceptors import Forward
    from kafkalite.requests.response_handle import ResponseHandle
    from kafkalite_wire.apis import Api


_MAX_DISCONNECTED: Final = 100
"""The most requests of disconnected clients that are held, to be handled when they are released."""


class CallAt(Protocol):
    """Schedules a call."""

    def __call__(self, when: float, callback: Callable[[], None], fail: Callable[[str], None], /) -> object:
        """Call ``callback`` at a time of ``now``'s clock; if it raises, call ``fail`` with the reason."""
        ...


class Guard(Protocol):
    """Makes a call outside of any request."""

    def __call__(self, what: str, call: Callable[[], None], fail: Callable[[str], None], /) -> None:
        """Make the call, described by ``what``; if it raises, call ``fail`` with the reason."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What faults need of their pipeline. ``chances`` returns a source of numbers in [0, 1) for a seed."""

    now: Callable[[], float]
    call_at: CallAt
    guard: Guard
    topic_name: TopicName
    chances: Callable[[int], Callable[[], float]]
    fetched: FetchedPartitions
    log: FaultLog


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    """A request that is held before it is handled, or one whose response is held."""

    fired: Fired
    response: ResponseHandle[Any]
    is_handled: bool
    resume: Callable[[], None]


class FaultRule:
    """A fault, from when it is added until it is removed."""

    def __init__(self, fault: Fault, environment: Environment) -> None:
        self.fault = fault
        self.name = fault.name or ""
        self._environment = environment
        self._matcher = Matcher(fault, environment.topic_name)
        self._trigger = Trigger(fault, environment.chances(fault.seed or 0))
        self._added = environment.now()
        self._held: list[_Held] = []
        self._has_ended = False

    # For the injector

    def wants(self, api: Api, version: int) -> bool:
        """Return whether the fault may act on requests of an API and version."""
        return self._matcher.wants(api, version)

    def matches(self, request: Any, context: RequestContext) -> bool:
        """Return whether the fault acts on a request, or may do so when it sees the response."""
        if self._trigger.is_spent or not self._is_time() or not self._matcher.matches(request, context):
            return False
        full = self._environment.fetched.in_full(request, context)
        if self._matcher.looks_at_parts and not self._chosen(context, full):
            return self._depends_on_response(context, full)
        return self._depends_on_response(context, full) or self._trigger.fires()

    def act(self, request: Any, context: RequestContext, to: ResponseHandle[Any], forward: Forward) -> None:
        """Apply the fault."""
        full = self._environment.fetched.in_full(request, context)
        if self._depends_on_response(context, full):
            forward(response=to.redirected(lambda response: self._act_on_response(context, full, response, to)))
            return
        fired = self._note(context, self._chosen(context, full))
        if self.fault.on == "request":
            self._wait(fired, to, lambda: self._end_request(context, request, full, forward, to), is_handled=False)
        else:

            def end(response: Any) -> None:
                self._wait(fired, to, lambda: self._end_response(context, full, response, to), is_handled=True)

            forward(response=to.redirected(end))

    # For the controls

    @property
    def held(self) -> int:
        """The number of requests that it holds now."""
        self._drop_disconnected()
        return len(self._held)

    def release(self, count: int | None = None) -> int:
        """Release requests that are held, by default all, in the order in which they came; return their number."""
        self._drop_disconnected()
        released, self._held = self._held[:count], self._held[len(self._held[:count]) :]
        for held in released:
            self._environment.log.note_released(held.fired)
            self._environment.guard("a request that was held", held.resume, held.response.fail)
        return len(released)

    def drop_held(self) -> None:
        """Drop what is held, because the state that it was meant for was replaced: it is never handled."""
        self._held.clear()

    def end(self) -> None:
        """Release everything, and act on no response that is still to come."""
        self._has_ended = True
        self.release()

    # Matching

    def _is_time(self) -> bool:
        since, until = self.fault.since or 0.0, inf if self.fault.until is None else self.fault.until
        return not self._has_ended and since <= self._environment.now() - self._added < until

    def _chosen(self, context: RequestContext, request: Any) -> list[Part]:
        return list(filter(self._matcher.chooses, _parts(context, request)))

    def _depends_on_response(self, context: RequestContext, request: Any) -> bool:
        """Return whether only the response shows if the fault acts: whether it has records, or names the topic."""
        if self.fault.corrupt:
            return True
        return (
            self.fault.error is not None
            and self._matcher.looks_at_parts
            and parts_of(context.api.key, context.api_version).may_answer_others(request, context.api_version)
            and not self._chosen(context, request)
        )

    def _act_on_response(self, context: RequestContext, request: Any, response: Any, to: ResponseHandle[Any]) -> None:
        if response is None:
            to.send(None)
            return
        if self.fault.corrupt:
            chosen, changed = corrupted(response, self._matcher.chooses)
        else:
            changed = self._refused(context, request, response)
            chosen = [] if changed == response else [Part(topic=self.fault.topic, partition=self.fault.partition)]
        if not chosen or not self._is_time() or not self._trigger.fires():
            to.send(response)
            return
        fired = self._note(context, chosen)
        self._wait(fired, to, lambda: self._send(context, request, changed, to), is_handled=True)

    # Acting

    def _note(self, context: RequestContext, chosen: list[Part]) -> Fired:
        about = tuple(dict.fromkeys(map(self._named, chosen))) if self._matcher.looks_at_parts else ()
        return self._environment.log.note(self.name, str(self.fault), context, about, held=bool(self.fault.hold))

    def _named(self, part: Part) -> str:
        topic = None if part.topic is None else self._environment.topic_name(part.topic)
        partition = None if part.partition is None else str(part.partition)
        place = "-".join(each for each in (topic, partition) if each is not None)
        group = None if part.group is None else f"group {part.group}"
        return " of ".join(each for each in (place, group) if each)

    def _wait(self, fired: Fired, to: ResponseHandle[Any], resume: Callable[[], None], *, is_handled: bool) -> None:
        if self.fault.hold and not self._has_ended:
            self._held.append(_Held(fired, to, is_handled, resume))
            self._drop_disconnected()
        elif self.fault.delay:
            self._environment.call_at(self._environment.now() + self.fault.delay, resume, to.fail)
        else:
            resume()

    def _drop_disconnected(self) -> None:
        """Drop responses to disconnected clients, and all but the last of their requests."""
        disconnected = [held for held in self._held if held.response.is_disconnected]
        if disconnected:
            kept = [held for held in disconnected if not held.is_handled][-_MAX_DISCONNECTED:]
            self._held = [held for held in self._held if held in kept or not held.response.is_disconnected]

    def _end_request(
        self, context: RequestContext, request: Any, full: Any, forward: Forward, to: ResponseHandle[Any]
    ) -> None:
        if self.fault.disconnect or self.fault.drop:
            self._cut_or_drop(to)
            return
        if self.fault.error is None:
            forward(response=to.redirected(lambda response: self._send(context, full, response, to)))
            return
        left = self._left(context, request, full)
        if left is None:
            self._send(context, full, self._refused(context, full, None), to)
            return
        refusing = to.redirected(lambda response: self._send(context, full, self._refused(context, full, response), to))
        forward(request=left, response=refusing)

    def _end_response(self, context: RequestContext, request: Any, response: Any, to: ResponseHandle[Any]) -> None:
        if self.fault.disconnect or self.fault.drop:
            self._cut_or_drop(to)
        elif self.fault.error is None:
            self._send(context, request, response, to)
        else:
            self._send(context, request, self._refused(context, request, response), to)

    def _cut_or_drop(self, to: ResponseHandle[Any]) -> None:
        if self.fault.disconnect:
            to.fail(f"disconnected by the fault {self.name!r}")
        else:
            to.send(None)

    def _left(self, context: RequestContext, request: Any, full: Any) -> Any | None:
        """Return the part of a refused request that the handler gets, None if there is none."""
        layout, version = parts_of(context.api.key, context.api_version), context.api_version
        if self._refuses_all(context, full):
            assert self.fault.error_code is not None
            return layout.behind_error(request, version, self.fault.error_code)
        return layout.without(request, version, self._matcher.chooses)

    def _refused(self, context: RequestContext, request: Any, response: Any) -> Any:
        version, error = context.api_version, self.fault.error_code
        layout = parts_of(context.api.key, version)
        assert error is not None
        if self._refuses_all(context, request):
            return layout.error_response(request, version, error, response)
        return layout.with_errors(request, version, response, self._matcher.chooses, error)

    def _refuses_all(self, context: RequestContext, request: Any) -> bool:
        """Return whether a request is refused as a whole, and not partition by partition."""
        if self.fault.chooses_parts:
            return False
        return all(map(self._matcher.chooses, _parts(context, request)))

    def _send(self, context: RequestContext, request: Any, response: Any, to: ResponseHandle[Any]) -> None:
        if self.fault.error is not None and context.api.key is ApiKey.PRODUCE and not request.acks:
            to.fail(f"a produce request with acks=0 failed, by the fault {self.name!r}")
        elif self.fault.throttle is None:
            to.send(response)
        else:
            # Clients are muted in versions without a field for it as well, and without a response (acks=0).
            if response is not None and has_field(context.api.response_type, "throttle_time_ms", context.api_version):
                response = replace(response, throttle_time_ms=round(self.fault.throttle * 1000))
            to.mute(self.fault.throttle)
            to.send(response)


def _parts(context: RequestContext, request: Any) -> Iterable[Part]:
    return parts_of(context.api.key, context.api_version).parts(request, context.api_version)
