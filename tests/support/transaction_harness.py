"""A transaction coordinator with its log, on a clock that tests move by hand; markers are collected, not written."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from kafkalite.coordinators.replay import ReplayedRecord
from kafkalite.coordinators.results import Client, CoordinatorResult, MarkerAppend
from kafkalite.coordinators.transactions.coordinator import TransactionConfig, TransactionCoordinator
from kafkalite.coordinators.transactions.transaction import Partition, Transaction
from kafkalite.coordinators.transactions.versions import VERSION_1, VERSION_2
from kafkalite.requests.steps import WorkMeter, finish
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.end_txn import EndTxnRequest, EndTxnResponse
from kafkalite_wire.messages.init_producer_id import InitProducerIdRequest, InitProducerIdResponse

ID = "payments"
START = 1_000.0
WALL_MS_AT_START = 1_700_000_000_000
TIMEOUT_MS = 60_000
ORDERS: Partition = ("orders", 0)
LATEST_INIT, LATEST_END = 5, 5
COORDINATOR_EPOCH = 7


@dataclass
class _Handle:
    response: Any = None
    failure: str | None = None

    def send(self, response: Any, /) -> None:
        assert self.response is None, "a request is answered once"
        self.response = response

    def fail(self, reason: str, /) -> None:
        self.failure = reason


def _client(version: int) -> Client:
    return Client(client_id="test", client_host="/127.0.0.1", api_version=version)


@dataclass
class TransactionBench:
    """Carries results out as the coordinator service does; with ``holds`` no marker is written until released."""

    config: TransactionConfig = field(default_factory=TransactionConfig)
    holds: bool = False
    marker_error: ErrorCode = ErrorCode.NONE
    """What every marker fails with."""
    first_producer_id: int = 100
    now: float = START
    log: list[tuple[bytes, bytes | None]] = field(default_factory=list[tuple[bytes, "bytes | None"]])
    markers: list[MarkerAppend] = field(default_factory=list[MarkerAppend])
    events: list[str] = field(default_factory=list[str])
    """What was done, in order: ``record``, ``reply`` and ``marker``."""
    held: set[str | None] = field(default_factory=set["str | None"])
    coordinator: TransactionCoordinator = field(init=False)
    _ids: Iterator[int] = field(init=False)

    def __post_init__(self) -> None:
        self._ids = count(self.first_producer_id)
        self.coordinator = self.new_coordinator()
        if self.holds:
            self.held.add(None)

    def new_coordinator(self) -> TransactionCoordinator:
        return TransactionCoordinator(
            self.config,
            new_producer_id=lambda: next(self._ids),
            coordinator_epoch=lambda _: COORDINATOR_EPOCH,
            held=self.held,
        )

    @property
    def wall_ms(self) -> int:
        return WALL_MS_AT_START + round((self.now - START) * 1000)

    @property
    def transaction(self) -> Transaction:
        found = self.coordinator.get(ID)
        assert found is not None
        return found

    def perform(self, result: CoordinatorResult) -> None:
        for record in result.records:
            self.log.append((record.key, record.value))
            self.events.append("record")
        for reply in result.replies:
            reply.handle.send(reply.response)
            self.events.append("reply")
        for marker in result.markers:
            if not self.marker_error:
                self.markers.append(marker)
                self.events.append("marker")
            self.perform(marker.done(self.marker_error))
        for call in result.then:
            self.perform(call())

    # Requests

    def init(
        self,
        transactional_id: str = ID,
        *,
        producer_id: int = -1,
        epoch: int = -1,
        timeout_ms: int = TIMEOUT_MS,
        version: int = LATEST_INIT,
    ) -> InitProducerIdResponse:
        request = InitProducerIdRequest(
            transactional_id=transactional_id,
            transaction_timeout_ms=timeout_ms,
            producer_id=producer_id,
            producer_epoch=epoch,
        )
        handle = _Handle()
        self.perform(
            self.coordinator.init_producer_id(request, _client(version), handle, now=self.now, wall_ms=self.wall_ms)
        )
        assert isinstance(handle.response, InitProducerIdResponse)
        return handle.response

    def add(
        self,
        producer_id: int,
        epoch: int,
        partitions: Collection[Partition] = (ORDERS,),
        *,
        transactional_id: str = ID,
        version: int = VERSION_2,
    ) -> ErrorCode:
        handle = _Handle()
        self.perform(
            self.coordinator.add_partitions(
                transactional_id,
                producer_id,
                epoch,
                partitions,
                handle,
                client_version=version,
                now=self.now,
                wall_ms=self.wall_ms,
            )
        )
        return ErrorCode(handle.response)

    def end(
        self, producer_id: int, epoch: int, *, commit: bool, version: int = LATEST_END, transactional_id: str = ID
    ) -> EndTxnResponse:
        request = EndTxnRequest(
            transactional_id=transactional_id, producer_id=producer_id, producer_epoch=epoch, committed=commit
        )
        handle = _Handle()
        self.perform(self.coordinator.end_txn(request, _client(version), handle, now=self.now, wall_ms=self.wall_ms))
        assert isinstance(handle.response, EndTxnResponse)
        return handle.response

    def verify(self, producer_id: int, epoch: int, partition: Partition = ORDERS) -> ErrorCode:
        return self.coordinator.verify(ID, producer_id, epoch, (partition,))[partition]

    def pass_time(self, seconds: float) -> None:
        """Move the time, and run the timers that become due, each at its own time."""
        until = self.now + seconds
        while (when := self.coordinator.next_deadline()) is not None and when <= until:
            self.now = max(self.now, when)
            self.perform(self.coordinator.advance(self.now, self.wall_ms))
        self.now = until

    def release(self) -> None:
        """Write the markers that were held back."""
        self.held.clear()
        self.perform(self.coordinator.resume(now=self.now, wall_ms=self.wall_ms))

    def restart(self, *, partitions: int = 1) -> None:
        """Replace the coordinator by one that loads the log."""
        self.coordinator = self.new_coordinator()
        records = [ReplayedRecord(key, value, offset) for offset, (key, value) in enumerate(self.log)]
        for number in range(partitions):
            finish(
                self.coordinator.load_partition(
                    records,
                    _unexpected,
                    WorkMeter(),
                    number=number,
                    partitions=partitions,
                    now=self.now,
                    wall_ms=self.wall_ms,
                )
            )
        self.perform(self.coordinator.resume(now=self.now, wall_ms=self.wall_ms))

    def begin(self, *, version: int = VERSION_2, partitions: Collection[Partition] = (ORDERS,)) -> tuple[int, int]:
        """Initialize a producer and begin a transaction; return the producer's id and epoch."""
        made = self.init()
        assert self.add(made.producer_id, made.producer_epoch, partitions, version=version) is ErrorCode.NONE
        return made.producer_id, made.producer_epoch


def _unexpected(record: ReplayedRecord, reason: str) -> None:
    raise AssertionError(f"{record} was skipped: {reason}")


__all__ = ["ID", "ORDERS", "VERSION_1", "VERSION_2", "TransactionBench"]
