"""The pipeline by itself: what it asks of interceptors and its end, and in which order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kafkalite.errors import RequestError
from kafkalite.requests.context import MalformedFrame, RequestContext
from kafkalite.requests.interceptors import Forward, Interceptor, Stage
from kafkalite.requests.response_handle import ResponseHandle
from kafkalite.requests.steps import Steps
from kafkalite_wire.apis import APIS, DECLARED_APIS, Api, ApiKey
from kafkalite_wire.frames import encode_response
from kafkalite_wire.messages.metadata import MetadataResponse, MetadataResponseTopic
from tests.support.pipeline_harness import HEARTBEAT, FakeEnd, answer, frame, heartbeat, pipeline


class Recording(Interceptor):
    """Writes down what it is asked and shown, and forwards."""

    def __init__(self, name: str, stage: Stage, events: list[str], *, wants: bool = True) -> None:
        self.name = name
        self.stage = stage
        self.events = events
        self.is_wanting = wants

    def wants(self, api: Api, version: int) -> bool:
        self.events.append(f"{self.name} asked")
        return self.is_wanting

    def intercept(self, request: Any, context: RequestContext, response: ResponseHandle[Any], forward: Forward) -> None:
        self.events.append(f"{self.name} saw {request.member_id}")
        forward()

    def malformed(self, frame: MalformedFrame) -> None:
        self.events.append(f"{self.name} saw {frame.size} bytes: {frame.reason}")


class Holding(Interceptor):
    stage = Stage.FAULTS

    def __init__(self) -> None:
        self.held: list[tuple[Forward, ResponseHandle[Any], RequestContext]] = []

    def intercept(self, request: Any, context: RequestContext, response: ResponseHandle[Any], forward: Forward) -> None:
        self.held.append((forward, response, context))


def test_a_request_that_no_interceptor_wants_is_decoded_once_and_answered_without_a_handle() -> None:
    events: list[str] = []
    process, end, connection = pipeline()
    process.interceptors.add(Recording("log", Stage.OBSERVERS, events, wants=False))
    for _ in range(3):
        process(connection, frame(heartbeat()))
    assert (connection.sent, end.decoded, end.ended) == ([0, 0, 0], 3, 3)
    assert events == ["log asked"], "what an interceptor wants is remembered"


def test_an_api_that_is_declared_but_not_served_closes_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    process, end, connection = pipeline()
    monkeypatch.setitem(DECLARED_APIS, HEARTBEAT.key, replace(HEARTBEAT, served=False))
    with pytest.raises(RequestError, match="Heartbeat is not served"):
        process(connection, frame(heartbeat()))
    assert (connection.sent, end.decoded) == ([], 0)


def test_interceptors_are_asked_before_anything_is_decoded() -> None:
    events: list[str] = []
    process, end, connection = pipeline()

    class Asked(Recording):
        def wants(self, api: Api, version: int) -> bool:
            assert not end.decoded
            return super().wants(api, version)

    process.interceptors.add(Asked("log", Stage.OBSERVERS, events))
    process(connection, frame(heartbeat()))
    assert events == ["log asked", "log saw m"]


def test_interceptors_act_in_the_order_of_their_stages_and_within_one_in_that_of_their_adding() -> None:
    events: list[str] = []
    process, _, connection = pipeline()
    for name, stage in [("quota", Stage.QUOTAS), ("fault", Stage.FAULTS), ("log", Stage.OBSERVERS)]:
        process.interceptors.add(Recording(name, stage, events))
    process.interceptors.add(Recording("second fault", Stage.FAULTS, events))
    process.interceptors.add(Recording("first fault", Stage.FAULTS, events), first=True)
    process(connection, frame(heartbeat()))
    saw = [event.removesuffix(" saw m") for event in events if "saw" in event]
    assert saw == ["log", "first fault", "fault", "second fault", "quota"]


def test_an_interceptor_that_was_removed_or_wants_something_else_now_is_passed_by() -> None:
    events: list[str] = []
    process, _, connection = pipeline()
    removed, changed = Recording("removed", Stage.FAULTS, events), Recording("changed", Stage.FAULTS, events)
    process.interceptors.add(removed)
    process.interceptors.add(changed)
    process(connection, frame(heartbeat()))
    events.clear()
    process.interceptors.remove(removed)
    changed.is_wanting = False
    process.interceptors.refresh()
    process(connection, frame(heartbeat()))
    assert events == ["changed asked"]
    assert connection.sent == [0, 0]


def test_an_interceptor_may_hold_a_request_longer_than_its_frame_is_valid() -> None:
    process, end, connection = pipeline()
    holding = Holding()
    process.interceptors.add(holding)
    received = frame(heartbeat("held"))
    process(connection, received)
    received[:] = bytes(len(received))
    forward, _, context = holding.held[0]
    assert bytes(context.frame) == bytes(frame(heartbeat("held")))
    assert (end.handled, connection.sent) == ([], [])
    forward()
    assert (end.handled, connection.sent) == ([heartbeat("held")], [0])


def test_an_interceptor_may_forward_another_request() -> None:
    process, end, connection = pipeline()
    holding = Holding()
    process.interceptors.add(holding)
    process(connection, frame(heartbeat()))
    holding.held[0][0](request=heartbeat("another"))
    assert end.handled == [heartbeat("another")]


def test_an_interceptor_may_change_a_response_that_the_handler_defers() -> None:
    deferred: list[ResponseHandle[Any]] = []
    process, _, connection = pipeline(lambda request, context: deferred.append(context.defer()))
    holding = Holding()
    process.interceptors.add(holding)
    process(connection, frame(heartbeat()))
    forward, response, _ = holding.held[0]
    forward(response=response.redirected(lambda _: response.send(answer(27))))
    assert connection.sent == []
    deferred[0].send(answer(0))
    assert connection.sent == [27]


def test_a_request_that_is_held_while_the_end_is_replaced_is_not_handled() -> None:
    process, end, connection = pipeline()
    holding = Holding()
    process.interceptors.add(holding)
    process(connection, frame(heartbeat()))
    process.end = FakeEnd()
    holding.held[0][0]()
    assert end.handled == []
    assert connection.failures == ["the broker's data was replaced while the request was held"]


@pytest.mark.parametrize("is_intercepted", [False, True])
def test_a_handler_that_refuses_to_answer_closes_the_connection(is_intercepted: bool) -> None:
    def refuse(request: object, context: RequestContext) -> object:
        raise RequestError("no truthful answer")

    process, end, connection = pipeline(refuse)
    if is_intercepted:
        process.interceptors.add(Recording("log", Stage.OBSERVERS, []))
        process(connection, frame(heartbeat()))
        assert connection.failures == ["no truthful answer"]
    else:
        with pytest.raises(RequestError, match="no truthful answer"):
            process(connection, frame(heartbeat()))
    assert end.ended == 1, "others may wait for what it has done before"


@pytest.mark.parametrize("is_intercepted", [False, True])
def test_a_crash_of_a_handler_is_noted_and_closes_the_connection(is_intercepted: bool) -> None:
    process, _, connection = pipeline(lambda request, context: 1 // 0)
    crashes: list[Exception] = []
    connection.crash_guard.on_crash = crashes.append
    if is_intercepted:
        process.interceptors.add(Recording("log", Stage.OBSERVERS, []))
        process(connection, frame(heartbeat()))
        assert connection.failures == ["Heartbeat v0 from 10.0.0.1:4711 failed here; the traceback is above"]
    else:
        with pytest.raises(RequestError, match=r"Heartbeat v0 from 10\.0\.0\.1:4711 failed here"):
            process(connection, frame(heartbeat()))
    assert [type(each) for each in crashes] == [ZeroDivisionError]


def test_interceptors_see_malformed_frames() -> None:
    events: list[str] = []
    process, end, connection = pipeline()
    process.interceptors.add(Recording("log", Stage.OBSERVERS, events))
    with pytest.raises(RequestError, match="ends inside"):
        process(connection, frame(heartbeat())[:8])
    assert [event.partition(": ")[0] for event in events] == ["log saw 8 bytes"]
    assert end.handled == []


def test_a_version_that_is_not_served_closes_the_connection() -> None:
    process, _, connection = pipeline()
    request = frame(heartbeat())
    request[2:4] = (99).to_bytes(2)
    with pytest.raises(RequestError, match="versions 0-4"):
        process(connection, request)


def large(message: memoryview) -> memoryview:
    """Make a frame so large that it is decoded in steps; what follows a message is ignored."""
    return memoryview(bytearray(message) + bytes(16 * 1024))


def test_a_large_frame_is_decoded_in_steps_while_its_connection_is_paused() -> None:
    process, end, connection = pipeline()
    end.turns = 2
    process(connection, large(frame(heartbeat("large"))))
    assert (end.handled, connection.paused) == ([], 1)
    assert process.steps.run_step()
    assert not process.steps.run_step()
    assert (end.handled, connection.sent, connection.paused) == ([heartbeat("large")], [0], 0)


def test_a_large_frame_of_few_elements_is_handled_at_once() -> None:
    process, end, connection = pipeline()
    process(connection, large(frame(heartbeat("large"))))
    assert (end.handled, connection.sent, connection.paused) == ([heartbeat("large")], [0], 0)


def test_a_request_whose_client_disconnects_while_it_is_decoded_is_not_handled() -> None:
    process, end, connection = pipeline()
    end.turns = 1
    process(connection, large(frame(heartbeat())))
    connection.is_open = False
    process.steps.run_step()
    assert (end.handled, connection.failures, connection.paused) == ([], [], 0)


def test_a_large_frame_that_is_malformed_closes_its_connection() -> None:
    events: list[str] = []
    process, end, connection = pipeline()
    process.interceptors.add(Recording("log", Stage.OBSERVERS, events, wants=False))
    end.turns = 1
    broken = large(frame(heartbeat()))
    broken[11:13] = b"\xff\xff"  # the group id is null
    process(connection, broken)
    process.steps.run_step()
    assert len(connection.failures) == 1
    assert "group_id" in connection.failures[0]
    assert (end.handled, connection.paused, len(events)) == ([], 0, 2)


def test_a_large_response_is_encoded_in_steps_and_keeps_its_place() -> None:
    process, _, connection = pipeline()
    api = APIS[ApiKey.METADATA]
    response = MetadataResponse(
        brokers=(), controller_id=1, topics=tuple(MetadataResponseTopic(name="t", partitions=()) for _ in range(2_500))
    )
    first, second = (RequestContext(api=api, api_version=9, connection=connection).defer() for _ in range(2))
    second.send(response)
    assert (first.parts, second.parts, bool(process.steps)) == (None, None, True)
    while process.steps.run_step():
        assert second.parts is None
    assert second.parts == encode_response(api, 9, 0, response)


def test_a_response_may_be_computed_in_steps() -> None:
    process, _, connection = pipeline()
    response = RequestContext(api=HEARTBEAT, api_version=0, connection=connection).defer()

    def compute() -> Steps[Any]:
        yield
        return answer(27)

    response.send_from(compute())
    assert connection.sent == []
    process.steps.run_step()
    assert connection.sent == [27]


class Screening(Interceptor):
    """Concerned with members of one name only."""

    stage = Stage.AUTHORIZATION
    screens = True

    def __init__(self, member_id: str) -> None:
        self.member_id = member_id
        self.frames: list[bytes] = []

    def concerns(self, request: Any, context: RequestContext) -> bool:
        return bool(request.member_id == self.member_id)

    def intercept(self, request: Any, context: RequestContext, response: ResponseHandle[Any], forward: Forward) -> None:
        self.frames.append(bytes(context.frame))
        response.send(answer(31))


def test_a_request_that_concerns_no_screening_interceptor_goes_straight_to_the_end() -> None:
    process, end, connection = pipeline()
    screening = Screening("refused")
    process.interceptors.add(screening)
    for member_id in ("fine", "refused", "fine"):
        process(connection, frame(heartbeat(member_id)))
    assert connection.sent == [0, 31, 0]
    assert (len(end.handled), len(screening.frames)) == (2, 1)


def test_beside_an_interceptor_that_may_hold_a_request_all_see_it() -> None:
    events: list[str] = []
    process, end, connection = pipeline()
    process.interceptors.add(Recording("log", Stage.OBSERVERS, events))
    process.interceptors.add(screening := Screening("refused"))
    process(connection, frame(heartbeat("fine")))
    assert events == ["log asked", "log saw fine"]
    assert (len(screening.frames), end.handled) == (1, []), "it is asked to intercept without being asked before"
