"""A client as a subprocess: commands go in, events come out, and the suite waits for events, never for time."""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import count
from typing import TypeVar

from kafkalite_conformance.drivers.events import (
    Acknowledged,
    Complaint,
    Consumed,
    Done,
    Event,
    Failed,
    Fields,
    OwnershipChanged,
    Ready,
    Record,
    Refused,
    Sendable,
    TopicPartition,
    parse_event,
)

T = TypeVar("T")


class CommandFailedError(AssertionError):
    """A command that a scenario expects to succeed has failed."""

    def __init__(self, client: str, operation: str, failure: Failed) -> None:
        super().__init__(f"{client}: {operation} failed with {failure.error}: {failure.message}")
        self.error = failure.error


class DriverProcess:
    """One running client."""

    def __init__(
        self, client: str, command: Sequence[str], *, environment: Mapping[str, str], condition: threading.Condition
    ) -> None:
        self.client = client
        self._condition = condition
        self._events: list[Event] = []
        self._arrivals: list[float] = []
        self._ids = count(1)
        self._printed: list[str] = []
        self._was_ended = False
        # A session of its own: wrapper drivers have children, and a crash or a freeze must hit them too.
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **environment},
            start_new_session=True,
        )
        self._readers = [
            threading.Thread(target=self._read_events, daemon=True),
            threading.Thread(target=self._read_printed, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    # ------------------------------------------------------------ what it said

    @property
    def events(self) -> tuple[Event, ...]:
        """Everything that it said so far."""
        return tuple(self._events)

    @property
    def timed_events(self) -> list[tuple[float, Event]]:
        """Everything that it said so far, with the monotonic time in seconds at which it arrived."""
        return list(zip(self._arrivals, self._events, strict=False))

    @property
    def records(self) -> list[Consumed]:
        """The records that it consumed so far, in its order."""
        return [event for event in self.events if isinstance(event, Consumed)]

    @property
    def values(self) -> list[bytes | None]:
        """The values of the records that it consumed so far."""
        return [record.value for record in self.records]

    @property
    def has_joined(self) -> bool:
        """Return whether it has an assignment, possibly an empty one."""
        return any(isinstance(event, OwnershipChanged) and event.gained for event in self.events)

    @property
    def owned(self) -> frozenset[TopicPartition]:
        """What it owns now, by its own account; nothing once it has ended."""
        if not self.alive:
            return frozenset()
        changes = [event.owned for event in self.events if isinstance(event, OwnershipChanged)]
        return changes[-1] if changes else frozenset()

    @property
    def ownership(self) -> list[OwnershipChanged]:
        """Every change of its assignment, oldest first."""
        return [event for event in self.events if isinstance(event, OwnershipChanged)]

    @property
    def complaints(self) -> list[Complaint]:
        """The errors that it reported outside any command."""
        return [event for event in self.events if isinstance(event, Complaint)]

    @property
    def ready(self) -> bool:
        """Return whether it has started."""
        return any(isinstance(event, Ready) for event in self._events[:1])

    @property
    def alive(self) -> bool:
        """Return whether the process runs."""
        return self._process.poll() is None

    @property
    def ended_by_itself(self) -> bool:
        """Return whether the process ended by itself: a defect of the driver or of its client."""
        return not (self.alive or self._was_ended)

    def history(self) -> str:
        """Return its last events and what it printed to standard error, for a failed scenario's report."""
        lines = [str(event) for event in self.events[-25:]] + self._printed[-15:]
        state = "running" if self.alive else f"exit code {self._process.returncode}"
        return "\n".join([f"--- {self.client} (pid {self._process.pid}, {state})", *lines])

    # ------------------------------------------------------------ commands

    def send(self, operation: str, **fields: Sendable) -> int:
        """Send a command without waiting and return its number."""
        number = next(self._ids)
        line = json.dumps({"op": operation, "id": number, **fields}).encode() + b"\n"
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line)
            self._process.stdin.flush()
        except BrokenPipeError as problem:
            raise AssertionError(f"the driver has ended\n{self.history()}") from problem
        return number

    def outcome(self, command: int, *, timeout: float = 40) -> Done | Failed:
        """Wait until the command number `command` has succeeded or failed."""

        def find() -> Done | Failed | None:
            for event in reversed(self.events):
                if isinstance(event, Done | Failed) and event.command == command:
                    return event
            return None

        found = self.wait_until(find, f"the end of command {command}", timeout=timeout)
        assert found is not None
        return found

    def attempt(self, operation: str, *, timeout: float = 40, **fields: Sendable) -> Done | Failed:
        """Send a command and wait for its outcome, whatever it is."""
        return self.outcome(self.send(operation, **fields), timeout=timeout)

    def call(self, operation: str, *, timeout: float = 40, **fields: Sendable) -> Fields:
        """Send a command and wait for its success. CommandFailedError if it fails."""
        outcome = self.attempt(operation, timeout=timeout, **fields)
        if isinstance(outcome, Failed):
            raise CommandFailedError(self.client, operation, outcome)
        return outcome.result

    def produce(
        self,
        topic: str,
        records: Iterable[Record],
        *,
        compression: str = "none",
        acks: str = "all",
        idempotence: bool = False,
        timeout: float = 60,
    ) -> list[Acknowledged | Refused]:
        """Produce records and return what became of each, in the order of the records."""
        command = self.send(
            "produce",
            topic=topic,
            records=[record.as_json() for record in records],
            compression=compression,
            acks=acks,
            idempotence=idempotence,
        )
        outcome = self.outcome(command, timeout=timeout)
        if isinstance(outcome, Failed):
            raise CommandFailedError(self.client, "produce", outcome)
        return sorted(self.deliveries(command), key=lambda delivery: delivery.index)

    def deliveries(self, command: int) -> list[Acknowledged | Refused]:
        """Return what has become so far of the records of a produce command."""
        return [
            event for event in self.events if isinstance(event, Acknowledged | Refused) and event.command == command
        ]

    def commit(self, offsets: Mapping[TopicPartition, int] | None = None) -> None:
        """Commit offsets, or without them the position after the last consumed records."""
        self.call("commit", offsets=offset_rows(offsets))

    # ------------------------------------------------------------ ending it

    def crash(self) -> None:
        """End it without a chance to say goodbye (SIGKILL)."""
        self._was_ended = True
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def freeze(self) -> None:
        """Stop it in its tracks, as a long pause of a machine does (SIGSTOP)."""
        os.killpg(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Resume the process (SIGCONT)."""
        os.killpg(self._process.pid, signal.SIGCONT)

    def close(self) -> None:
        """End it, however it is, and release its pipes."""
        self.crash()
        for reader in self._readers:
            reader.join(timeout=5)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()

    # ------------------------------------------------------------ waiting

    def wait_until(self, probe: Callable[[], T], what: str, *, timeout: float = 40) -> T:
        """Wait until `probe` returns something true, looking again at each event.

        AssertionError after `timeout` seconds.
        """
        return wait_for_events(self._condition, [self], probe, what, timeout=timeout)

    def _read_events(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                event = parse_event(line)
            except (ValueError, KeyError, TypeError):
                self._printed.append(f"no event: {line.decode(errors='replace').rstrip()}")
                continue
            with self._condition:
                self._arrivals.append(time.monotonic())
                self._events.append(event)
                self._condition.notify_all()
        with self._condition:
            self._condition.notify_all()

    def _read_printed(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._printed.append(line.decode(errors="replace").rstrip())
            del self._printed[:-200]


def wait_for_events(
    condition: threading.Condition,
    drivers: Sequence[DriverProcess],
    probe: Callable[[], T],
    what: str,
    *,
    timeout: float,
) -> T:
    """Wait until `probe` returns something true; look again whenever any driver says something."""
    deadline = time.monotonic() + timeout
    with condition:
        while not (found := probe()):
            left = deadline - time.monotonic()
            fallen = [driver for driver in drivers if driver.ended_by_itself]
            if left <= 0 or fallen:
                histories = "\n".join(driver.history() for driver in drivers)
                why = "a driver ended" if fallen else f"{timeout:.0f} s passed"
                raise AssertionError(f"{why} while waiting for {what}\n{histories}")
            # A process that ends rings no condition of its own, hence the ceiling.
            condition.wait(min(left, 0.5))
    return found


def offset_rows(offsets: Mapping[TopicPartition, int] | None) -> Sendable:
    """Return offsets as the field of a commit command."""
    if offsets is None:
        return None
    return [{**partition.as_json(), "offset": offset} for partition, offset in offsets.items()]
