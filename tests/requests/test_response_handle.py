"""The response handle by itself: settled once, in its place, and it knows what becomes of its client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kafkalite.requests.context import RequestContext
from kafkalite.requests.response_handle import ResponseHandle
from tests.support.pipeline_harness import HEARTBEAT, FakeConnection, answer


def handle(connection: FakeConnection) -> ResponseHandle[Any]:
    return RequestContext(api=HEARTBEAT, api_version=0, connection=connection).defer()


class Ends:
    def __init__(self) -> None:
        self.noted: list[object] = []

    def sent(self, response: object | None) -> None:
        self.noted.append(response)

    def failed(self, reason: str) -> None:
        self.noted.append(reason)

    def disconnected(self) -> None:
        self.noted.append("disconnected")


def test_responses_leave_in_the_order_of_their_requests() -> None:
    connection = FakeConnection()
    first, second, third = (handle(connection) for _ in range(3))
    third.send(answer(3))
    second.send(None)
    assert connection.sent == []
    first.send(answer(1))
    assert connection.sent == [1, 3], "nothing is sent for the second"


def test_a_response_is_sent_once() -> None:
    response = handle(FakeConnection())
    response.send(answer(0))
    with pytest.raises(RuntimeError, match="Heartbeat v0 is answered twice"):
        response.send(answer(0))


def test_a_response_that_fails_closes_the_connection() -> None:
    connection = FakeConnection()
    response = handle(connection)
    response.fail("the disk is full")
    assert (connection.failures, connection.sent) == (["the disk is full"], [])


def test_a_disconnect_is_told_to_those_who_asked_unless_the_response_is_settled() -> None:
    connection = FakeConnection()
    told: list[str] = []
    settled, waiting = handle(connection), handle(connection)
    waiting.on_disconnect(lambda: told.append("waiting"))
    waiting.on_disconnect(lambda: told.append("again"))
    settled.on_disconnect(lambda: told.append("settled"))
    settled.send(answer(0))
    connection.disconnect()
    assert told == ["waiting", "again"]
    assert waiting.is_disconnected
    waiting.send(answer(0))
    assert connection.sent == [0], "nothing is sent any more"


def test_the_next_request_is_told_once_and_at_once_if_it_has_come_before() -> None:
    connection = FakeConnection()
    told: list[str] = []
    early, late = handle(connection), handle(connection)
    early.on_next_request(lambda: told.append("early"))
    early.next_request_arrived()
    early.next_request_arrived()
    late.next_request_arrived()
    late.on_next_request(lambda: told.append("late"))
    assert told == ["early", "late"]


def test_a_crash_of_a_callback_for_the_next_request_closes_only_its_connection() -> None:
    connection = FakeConnection()
    crashes: list[Exception] = []
    connection.crash_guard.on_crash = crashes.append
    response = handle(connection)
    response.on_next_request(lambda: 1 // 0)  # type: ignore[arg-type]  # it returns nothing
    response.next_request_arrived()
    assert [type(each) for each in crashes] == [ZeroDivisionError]
    assert len(connection.failures) == 1


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_an_observer_learns_once_how_a_request_ended(depth: int) -> None:
    endings: list[tuple[Callable[[ResponseHandle[Any]], None], object]] = [
        (lambda response: response.send(answer(3)), answer(3)),
        (lambda response: response.send(None), None),
        (lambda response: response.fail("no"), "no"),
    ]
    for settle, expected in endings:
        connection, ends = FakeConnection(), Ends()
        response = handle(connection)
        for _ in range(depth):
            response = response.redirected(response.send)
        response.observe(ends)
        settle(response)
        connection.disconnect()
        assert ends.noted == [expected]


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_redirected_handle_knows_the_client_as_the_first_one_does(depth: int) -> None:
    connection, ends = FakeConnection(), Ends()
    told: list[str] = []
    first = response = handle(connection)
    for _ in range(depth):
        response = response.redirected(response.send)
    response.observe(ends)
    response.on_disconnect(lambda: told.append("disconnect"))
    response.on_next_request(lambda: told.append("next"))
    response.mute(3.0)
    first.next_request_arrived()
    connection.disconnect()
    assert told == ["next", "disconnect"]
    assert (ends.noted, response.is_disconnected, first.mute_seconds) == (["disconnected"], True, 3.0)


def test_a_redirected_response_goes_where_it_was_redirected_to() -> None:
    connection = FakeConnection()
    first = handle(connection)
    seen: list[object] = []
    first.redirected(seen.append).send(answer(5))
    assert (seen, connection.sent, first.is_settled) == ([answer(5)], [], False)
    first.send(answer(6))
    assert connection.sent == [6]
