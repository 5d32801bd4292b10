"""HTTP over a stream: what is asked is answered in order, and an idle client cannot hold a connection."""

from __future__ import annotations

from http import HTTPStatus

import pytest
import trio
import trio.testing

from kafkalite.controls.http.connection import MAX_BODY, MAX_IDLE, MAX_TRANSFER, Connection, Request, Response


class Client:
    """The other end of a connection whose requests are answered with what they asked."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.stream, theirs = trio.testing.memory_stream_pair()
        self.asked: list[Request] = []
        nursery.start_soon(Connection(theirs, self._answer).serve)

    async def _answer(self, asked: Request) -> Response:
        self.asked.append(asked)
        return Response.json({"target": asked.target}, Allow="GET")

    async def send(self, text: str) -> None:
        await self.stream.send_all(text.encode())

    async def rest(self) -> str:
        """Read until the server ends the connection."""
        received = bytearray()
        async for piece in self.stream:
            received += piece
        await self.stream.send_eof()
        return received.decode()


@pytest.fixture
def client(nursery: trio.Nursery) -> Client:
    return Client(nursery)


async def test_requests_of_one_connection_are_answered_in_order(client: Client) -> None:
    await client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    said = await client.rest()
    assert said.count("HTTP/1.1 200 OK\r\n") == 2
    assert said.index('{"target": "/1"}') < said.index('{"target": "/2"}')
    assert "Allow: GET" in said


async def test_a_body_comes_whole(client: Client) -> None:
    head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    await client.send(head + "Content-Length: 2\r\n\r\n{")
    await client.send("}")
    await client.send(head + "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n")
    await client.rest()
    assert [(asked.host, asked.content_type, asked.body) for asked in client.asked] == [
        ("a", "application/json", b"{}")
    ] * 2


async def test_a_client_that_asks_whether_to_go_on_is_told_to(client: Client) -> None:
    head = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"
    await client.send(head)
    assert (await client.stream.receive_some(1000)).startswith(b"HTTP/1.1 100 ")
    await client.send("{}")
    assert (await client.rest()).startswith("HTTP/1.1 200 OK")


async def test_the_answer_to_head_has_no_body(client: Client) -> None:
    await client.send("HEAD /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert (await client.rest()).endswith("\r\n\r\n")


@pytest.mark.parametrize("how", [f"Content-Length: {MAX_BODY + 1}", "Transfer-Encoding: chunked"])
async def test_a_body_is_bounded(client: Client, how: str, nursery: trio.Nursery) -> None:
    body = "x" * (MAX_BODY + 1)
    body = body if "Length" in how else f"{len(body):x}\r\n{body}\r\n0\r\n\r\n"
    nursery.start_soon(client.send, f"POST / HTTP/1.1\r\nHost: a\r\n{how}\r\n\r\n{body}")
    said = await client.rest()
    assert said.startswith(f"HTTP/1.1 {HTTPStatus.REQUEST_ENTITY_TOO_LARGE} ")
    assert f"a body may have {MAX_BODY} bytes at most" in said
    assert client.asked == []


@pytest.mark.parametrize(
    "nonsense", ["hello\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"]
)
async def test_what_is_no_http_is_answered_once(client: Client, nonsense: str) -> None:
    await client.send(nonsense)
    said = await client.rest()
    assert said.startswith("HTTP/1.1 400 ")
    assert "this is not HTTP" in said


async def test_headers_are_bounded(client: Client) -> None:
    await client.send("GET / HTTP/1.1\r\nHost: a\r\nX: " + "x" * 100_000)
    assert (await client.rest()).startswith("HTTP/1.1 431 ")


async def test_a_request_that_does_not_end_is_given_up(client: Client, autojump_clock: trio.testing.MockClock) -> None:
    await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{")
    began = trio.current_time()
    said = await client.rest()
    assert said.startswith("HTTP/1.1 408 ")
    assert trio.current_time() - began == pytest.approx(MAX_TRANSFER)


async def test_a_connection_without_requests_ends(client: Client, autojump_clock: trio.testing.MockClock) -> None:
    began = trio.current_time()
    assert await client.rest() == ""
    assert trio.current_time() - began == pytest.approx(MAX_IDLE)


async def test_a_client_that_takes_no_answer_is_given_up(autojump_clock: trio.testing.MockClock) -> None:
    ours, theirs = trio.testing.lockstep_stream_pair()

    async def answer(asked: Request) -> Response:
        return Response.json({})

    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Connection(theirs, answer).serve)
        await ours.send_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert trio.current_time() - began == pytest.approx(MAX_TRANSFER)


async def test_who_waits_is_cancelled_when_the_client_has_gone() -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    ended: list[str] = []

    async def answer(asked: Request) -> Response:
        try:
            await trio.sleep_forever()
        finally:
            ended.append(asked.target)
        raise AssertionError

    async with trio.open_nursery() as nursery:
        nursery.start_soon(Connection(theirs, answer).serve)
        await ours.send_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await trio.testing.wait_all_tasks_blocked()
        assert not ended
        await ours.aclose()
    assert ended == ["/"]


async def test_who_says_that_no_more_comes_is_answered() -> None:
    ours, theirs = trio.testing.memory_stream_pair()

    async def answer(asked: Request) -> Response:
        with trio.CancelScope(shield=True):
            await trio.testing.wait_all_tasks_blocked()
        return Response.json({})

    async with trio.open_nursery() as nursery:
        nursery.start_soon(Connection(theirs, answer).serve)
        await ours.send_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await ours.send_eof()
        assert (await ours.receive_some()).startswith(b"HTTP/1.1 200 ")
        await ours.aclose()


async def test_a_response_may_have_any_bytes_and_content_type() -> None:
    ours, theirs = trio.testing.memory_stream_pair()

    async def answer(asked: Request) -> Response:
        return Response(content_type="text/html; charset=utf-8", body=b"<p>\xc3\xa9</p>")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(Connection(theirs, answer).serve)
        await ours.send_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        received = await ours.receive_some()
        assert b"Content-Type: text/html; charset=utf-8\r\n" in received
        assert received.endswith(b"<p>\xc3\xa9</p>")
        await ours.aclose()


@pytest.mark.parametrize("part", ["", "GET /", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{"])
async def test_a_client_may_go_at_any_time(part: str) -> None:
    async with trio.open_nursery() as nursery:
        client = Client(nursery)
        await client.send(part)
        await client.stream.aclose()
    assert client.asked == []
