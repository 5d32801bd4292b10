"""`kafkalite replay`: send the requests of a recording again, and compare the responses."""

from __future__ import annotations

import math
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import trio

from kafkalite.tools.cli.printing import print_json
from kafkalite.tools.cli.trace import chosen, filter_options, recorded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from kafkalite.addresses import HostPort
    from kafkalite.controls.request_log.exchange import Exchange

_ROUNDING_MS: Final = 1
"""By how much the times of a recording may be wrong, which are whole milliseconds."""
_UNCERTAIN: Final = 0.1
"""How long to wait, in seconds, for what may have ended just before: it may also be what waits for this request."""
_SHOWN: Final = 20


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--to", "target", required=True, metavar="HOST:PORT", help="Broker or proxy to send the requests to.")
@click.option(
    "--speed",
    type=click.FloatRange(0),
    default=0.0,
    show_default=True,
    metavar="FACTOR",
    help="How fast: 1 keeps the times of the recording, 2 is twice as fast, 0 does not wait.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 600),
    default=60.0,
    show_default=True,
    help="Seconds to wait for a response.",
)
@filter_options
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def replay(*, file: Path, target: str, speed: float, timeout: float, as_json: bool, **filters: str | None) -> None:
    """Send the requests of a recording to a broker again, and compare its responses with the recorded ones.

    Each connection of the recording is one here, with its requests in their order. Identities that the server hands out
    (member ids, producer ids, ids of topics, numbers of sessions) are translated. All requests go to one address, so
    with several brokers some are refused that their leader had answered. Requests whose bytes are not recorded are not
    sent: logins, tokens and secret configurations. The target must let clients in without a login.

    Times, places, offsets and identities differ from server to server: such differences are counted and not reported.

    The exit code is 0 if nothing else differs, 1 if something does or a response is missing, 2 for a mistake in the
    options.
    """
    from kafkalite.addresses import HostPort

    try:
        address = HostPort.parse(target)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--to") from None
    wanted = chosen(**filters)
    exchanges = sorted((each for each in recorded(file) if wanted.admits(each)), key=lambda each: each.number)
    played = _Replay(address, speed=speed, timeout=timeout)
    played.run(exchanges)
    played.report(as_json=as_json)
    sys.exit(0 if played.is_same else 1)


class _Replay:
    def __init__(self, address: HostPort, *, speed: float, timeout: float) -> None:
        from kafkalite.controls.request_log.replaying import Comparison, Translation

        self._address = address
        self._speed = speed
        self._timeout = timeout
        self._translation = Translation()
        self._comparison = Comparison()
        self._sent = 0
        self._not_sent: Counter[str] = Counter()
        self._missing: list[str] = []
        self._differences: list[str] = []
        self._lines: dict[int, _Line] = {}

    @property
    def is_same(self) -> bool:
        """Whether every response came, and none differs but by nature."""
        return not self._differences and not self._missing

    def run(self, exchanges: list[Exchange]) -> None:
        """Send the requests, and compare the responses. Raises ClickException."""
        trio.run(self._run, exchanges)

    async def _run(self, exchanges: list[Exchange]) -> None:
        try:
            await (await self._connected()).stream.aclose()  # before anything is sent
        except OSError as error:
            raise click.ClickException(f"cannot connect to {self._address}: {error.__cause__ or error}") from None
        began = trio.current_time()
        outstanding: list[tuple[float, trio.Event]] = []
        async with trio.open_nursery() as nursery:
            for exchange in exchanges:
                # What had ended before this request came has to end here as well, on whichever connection it is.
                for ended_ms, earlier in outstanding:
                    if ended_ms <= exchange.asked_ms:
                        await earlier.wait()
                    elif ended_ms < exchange.asked_ms + _ROUNDING_MS:
                        with trio.move_on_after(_UNCERTAIN):
                            await earlier.wait()
                outstanding = [each for each in outstanding if not each[1].is_set()]
                if self._speed:
                    passed = (exchange.asked_ms - exchanges[0].asked_ms) / 1000 / self._speed
                    await trio.sleep_until(began + passed)
                has_ended = await self._send(exchange, nursery)
                if has_ended is not None:
                    outstanding.append((exchange.asked_ms + (exchange.latency or 0) * 1000, has_ended))
            for line in self._lines.values():
                line.awaited.close()

    async def _send(self, exchange: Exchange, nursery: trio.Nursery) -> trio.Event | None:
        """Send a request; return what is set when its response has come, None if there will be none."""
        from kafkalite.controls.request_log.exchange import Outcome
        from kafkalite.controls.request_log.replaying import frame_to_send

        if exchange.outcome not in (Outcome.ANSWERED, Outcome.UNANSWERED):
            self._not_sent[f"{exchange.outcome.value} in the recording"] += 1
            return None
        frame = frame_to_send(exchange, self._translation)
        if frame is None:
            self._not_sent["without its bytes, which are secret"] += 1
            return None
        line = self._lines.get(exchange.connection)
        try:
            if line is None:
                line = self._lines[exchange.connection] = await self._connected()
                nursery.start_soon(self._receive, line)
            await line.stream.send_all(len(frame).to_bytes(4) + frame)
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError) as error:
            self._missing.append(f"{exchange}: {str(error) or 'the connection was closed'}")
            return None
        self._sent += 1
        if exchange.outcome is Outcome.UNANSWERED:
            return None
        has_ended = trio.Event()
        line.awaited.put(exchange, has_ended)
        return has_ended

    async def _connected(self) -> _Line:
        return _Line(await trio.open_tcp_stream(self._address.host, self._address.port))

    async def _receive(self, line: _Line) -> None:
        """Compare the responses of a connection, until the last one has come."""
        problem = ""
        async with line.stream:
            async for exchange, has_ended in line.awaited:
                try:
                    if not problem:
                        with trio.fail_after(self._timeout):
                            self._compare(exchange, await line.response(exchange.correlation_id))
                except trio.TooSlowError:
                    problem = f"no response within {self._timeout:g} s"
                except (EOFError, trio.BrokenResourceError):
                    problem = "the connection was closed"
                if problem:
                    self._missing.append(f"{exchange}: {problem}")
                has_ended.set()

    def _compare(self, exchange: Exchange, frame: memoryview) -> None:
        from kafkalite_wire.errors import WireError
        from kafkalite_wire.frames import decode_response

        recorded_response = exchange.response
        if recorded_response is None or exchange.declared is None:  # it holds secrets
            return
        try:
            _, now = decode_response(exchange.declared, exchange.api_version, frame)
        except WireError as error:
            self._differences.append(f"#{exchange.number} {exchange.api}: the response does not decode: {error}")
            return
        self._translation.learn(exchange.connection, recorded_response, now)
        for each in self._comparison.compare(recorded_response, now, exchange.api_version):
            self._differences.append(f"#{exchange.number} {exchange.api} v{exchange.api_version} {each}")

    def report(self, *, as_json: bool) -> None:
        """Print what was sent and what differs."""
        seen = self._comparison
        if as_json:
            print_json(
                {
                    "sent": self._sent,
                    "same": seen.same,
                    "differ_by_nature": seen.by_nature_only,
                    "fields_by_nature": dict(seen.by_nature),
                    "different": seen.different,
                    "differences": self._differences,
                    "missing": self._missing,
                    "not_sent": dict(self._not_sent),
                }
            )
            return
        for title, lines in (("Differences", self._differences), ("Without a response", self._missing)):
            if lines:
                click.echo(f"{title}:")
                for line in lines[:_SHOWN]:
                    click.echo(f"  {line}")
                if len(lines) > _SHOWN:
                    click.echo(f"  and {len(lines) - _SHOWN} more; --json has all")
        click.echo(
            f"{self._sent} requests sent: {seen.same} responses are the same, {seen.by_nature_only} differ by nature, "
            f"{seen.different} differ, {len(self._missing)} are missing"
        )
        if seen.by_nature:
            fields = ", ".join(f"{name} {count}" for name, count in seen.by_nature.most_common())
            click.echo(f"Fields that differ by nature: {fields}")
        for reason, count in self._not_sent.items():
            click.echo(f"{count} requests not sent: {reason}")


class _Line:
    """A connection to the target, and the requests on it that wait for their responses."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self.awaited = _Awaited()
        self._received = bytearray()

    async def response(self, correlation_id: int) -> memoryview:
        """Return the response to a request; others, to requests that the recording has no response to, are skipped."""
        while True:
            size = int.from_bytes(await self._exactly(4))
            frame = await self._exactly(size)
            if int.from_bytes(frame[:4], signed=True) == correlation_id:
                return memoryview(frame)

    async def _exactly(self, size: int) -> bytes:
        while len(self._received) < size:
            data = await self.stream.receive_some()
            if not data:
                raise EOFError
            self._received += data
        taken = bytes(self._received[:size])
        del self._received[:size]
        return taken


class _Awaited:
    """A queue of requests that wait for their responses, without a bound: a recording is finite."""

    def __init__(self) -> None:
        self._send, self._receive = trio.open_memory_channel[tuple["Exchange", trio.Event]](math.inf)

    def put(self, exchange: Exchange, has_ended: trio.Event) -> None:
        """Add a request."""
        self._send.send_nowait((exchange, has_ended))

    def close(self) -> None:
        """Add no more."""
        self._send.close()

    def __aiter__(self) -> AsyncIterator[tuple[Exchange, trio.Event]]:
        return aiter(self._receive)
