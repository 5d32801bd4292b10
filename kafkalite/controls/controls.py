"""The controls of one broker: what can be asked of it and done to it."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import trio

from kafkalite import __version__
from kafkalite.controls.brokers import Brokers
from kafkalite.controls.clock import ClockControl
from kafkalite.controls.conditions import HasCommitted, Positioned, Stable, missing_records
from kafkalite.controls.definition import Routes, Subject, get, post, taking
from kafkalite.controls.errors import InvalidRequest
from kafkalite.controls.faults.controls import Faults, InjectedFault
from kafkalite.controls.groups import CoordinatorControl, Groups
from kafkalite.controls.queries import records_of, topic_of
from kafkalite.controls.records import Batch, Partitioner, Text, batch_of, produced
from kafkalite.controls.request_log.controls import RequestLogControl
from kafkalite.controls.request_log.criteria import AwaitedRequest
from kafkalite.controls.snapshots import Snapshots
from kafkalite.controls.topics import Topics, not_created
from kafkalite.controls.transactions import Transactions
from kafkalite.controls.views import Group, Header, Record, TopicPartition
from kafkalite.controls.waiting import DEFAULT_TIMEOUT, within
from kafkalite.security.client_access import ClientAccess, access_of
from kafkalite.security.ready_made import USER
from kafkalite.security.token_issuer import DEFAULT_LIFETIME
from kafkalite_storage.errors import StorageError
from kafkalite_wire.records import check_produced

if TYPE_CHECKING:
    from kafkalite.controls.definition import Transport
    from kafkalite.controls.faults.fault_log import Fired
    from kafkalite.controls.local_broker import LocalBroker
    from kafkalite.controls.request_log.exchange import Exchange


@dataclass(frozen=True, slots=True, kw_only=True)
class Info:
    """What `GET /` returns."""

    kafkalite: str
    bootstrap: str
    routes: tuple[str, ...] = ()


class Controls(Subject):
    """A broker as a test sees it: topics, records, groups, and controls that Kafka has no requests for.

    ``await_...`` blocks until something is so, and returns with the very event that makes it so; no test needs to
    sleep. In a test that runs in an event loop use :attr:`aio`, so that the loop keeps running.
    """

    def __init__(self, transport: Transport | None, local: LocalBroker | None = None) -> None:
        super().__init__(transport, local)
        self.brokers = Brokers(transport, local)
        self.topics = Topics(transport, local)
        self.groups = Groups(transport, local)
        self.clock = ClockControl(transport, local)
        self.coordinator = CoordinatorControl(transport, local)
        self.faults = Faults(transport, local)
        self.requests = RequestLogControl(transport, local)
        self.snapshots = Snapshots(transport, local)
        self.transactions = Transactions(transport, local)
        self._partitioner = Partitioner()
        if local is not None:
            local.broker.on_restored.append(self._partitioner.reset)

    def __repr__(self) -> str:
        return f"<broker at {self.bootstrap}>"

    @property
    def bootstrap(self) -> str:
        """The broker's address, as ``bootstrap.servers`` wants it."""
        return self._transport.bootstrap

    @property
    def aio(self) -> AsyncControls:
        """The waits as coroutines, for asyncio and trio."""
        return AsyncControls(self)

    @get("/")
    def info(self) -> Info:
        """Return the broker's address, its version and the routes here."""
        routes = tuple(f"{route.method} {route.path}" for route in ROUTES)
        return Info(kafkalite=__version__, bootstrap=self._local.broker.bootstrap, routes=routes)

    @get("/client-access")
    def client_access(self, user: str | None = None) -> ClientAccess:
        """Return what a client needs to connect: the security protocol, certificates, and a user with the password.

        ``user`` is one of the broker's configuration, by default the first. Raises ValueError for an unknown user.
        """
        broker = self._local.broker
        return access_of(broker.config.client_access, broker.config.security[0].sasl, broker.bootstrap, user)

    def client_config(self, library: str, *, mechanism: str | None = None, user: str | None = None) -> dict[str, Any]:
        """Return the settings with which a client library connects, under its own names.

        ``library`` is ``confluent``, ``java``, ``kafka-python``, ``aiokafka``, ``sarama``, ``franz-go`` or ``kafkajs``;
        ``mechanism`` is a SASL mechanism, by default the first that the broker has enabled, and ``user`` one of
        ``kafkalite.sasl.users``, by default the first or the one that was made. Raises ValueError.
        """
        return self.client_access(user).settings(library, mechanism, make_token=lambda: self.token(user))

    @post("/tokens", result="token")
    def token(
        self,
        subject: str | None = None,
        *,
        lifetime_s: float = DEFAULT_LIFETIME,
        scope: Sequence[str] = (),
        audience: str | None = None,
        issuer: str | None = None,
    ) -> str:
        """Return an access token for OAUTHBEARER that the broker accepts until it expires, by the broker's clock.

        ``subject`` is the user, by default the one of :meth:`client_access`; ``scope`` is a list of names. A negative
        ``lifetime_s`` makes a token that has expired, if it is more than the clock skew that is allowed (30 s); with
        another ``audience`` or ``issuer`` it is refused. Raises ValueError where the broker takes the tokens of another
        issuer.
        """
        broker = self._local.broker
        made_by = broker.config.token_issuer
        if made_by is None:
            raise InvalidRequest("the broker makes no tokens: start it with kafkalite.security, and no URL of keys")
        if isinstance(scope, str):
            raise TypeError(f"'scope' must be a list of strings, not {scope!r}")
        chosen = {"aud": audience, "iss": issuer, "scope": list(scope) or None}
        claims = {name: value for name, value in chosen.items() if value is not None}
        access = broker.config.client_access
        user = subject if subject is not None else (access and access.username) or USER
        return made_by.issue(user, lifetime=lifetime_s, now=broker.cluster.wall_ms() / 1000, claims=claims)

    # Records

    @post("/produce", result="records")
    def produce(
        self,
        topic: str,
        *values: Text,
        key: Text = None,
        partition: int | None = None,
        headers: Sequence[Header] = (),
        timestamp: int | None = None,
    ) -> tuple[Record, ...]:
        """Produce records to one partition, and return them with their offsets; a missing topic is created.

        Without ``partition`` the key chooses it, as Kafka's Java client does, and without a key partitions are used in
        turn. ``headers`` are pairs of a name and bytes, ``timestamp`` is in milliseconds. Raises LookupError for a
        partition that the topic does not have.
        """
        check_values(values)
        batch = Batch(
            topic=topic, partition=partition, values=values, key=key, headers=tuple(headers), timestamp=timestamp
        )
        cluster = self._local.cluster
        found = cluster.storage.topics.get(topic)
        if found is None:
            try:
                found = cluster.auto_create_topic(topic)
            except StorageError as error:
                raise not_created(topic, error) from None
        index = self._partitioner.choose(batch, found.partitions)
        now_ms = cluster.wall_ms() if timestamp is None else timestamp
        data = memoryview(bytearray(batch_of(values, key=key, headers=batch.headers, timestamp=now_ms)))
        appended = cluster.append(topic, index, data, check_produced(data))
        if appended.awaits_sync:
            cluster.when_synced({(topic, index): len(data)}, _raise_failed)
        cluster.after_request()
        return produced(batch, index, appended.base_offset, now_ms)

    @get("/topics/{topic}/records", result="records")
    def records(self, topic: str, *, partition: int | None = None, offset: int = 0) -> list[Record]:
        """Return the records of a topic, in the order of their timestamps. Raises LookupError."""
        return records_of(self._local.cluster, topic, partition, offset)

    @post("/consume", result="records")
    async def consume(
        self,
        topic: str,
        count: int = 1,
        *,
        partition: int | None = None,
        offset: int = 0,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> list[Record]:
        """Wait until a topic has `count` records, and return the first ones; no group is involved."""
        check_count(count)
        return await within(
            timeout,
            self._arrival(topic, partition, offset, count),
            lambda: missing_records(topic, count, lambda: records_of(self._local.cluster, topic, partition, offset)),
        )

    async def _arrival(self, topic: str, partition: int | None, offset: int, count: int) -> list[Record]:
        while True:
            cluster = self._local.cluster
            partitions = [(topic, 0)]  # if it does not exist, its creation wakes the waits for any of its partitions
            if topic in cluster.storage.topics:
                found = records_of(cluster, topic, partition, offset)
                if len(found) >= count:
                    return found[:count]
                total = topic_of(cluster, topic).partitions
                partitions = [(topic, index) for index in (range(total) if partition is None else (partition,))]
            changed = trio.Event()
            pending = cluster.delayed_fetches.add(partitions, changed.set)
            try:
                await changed.wait()
            finally:
                cluster.delayed_fetches.remove(pending)

    # Waits for groups

    @post("/await/stable")
    async def await_stable(self, group: str, *, members: int | None = None, timeout: float = DEFAULT_TIMEOUT) -> Group:
        """Wait until a group is stable, with exactly `members` members if that is given. Raises WaitTimeout."""
        return await self._local.watch.until(Stable(group, members), timeout)

    @post("/await/committed")
    async def await_committed(
        self,
        group: str,
        topic: str,
        *,
        partition: int | None = None,
        offset: int | Mapping[int, int] | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Group:
        """Wait until a group has committed `offset`, by default all that the topic has now. Raises WaitTimeout.

        ``offset`` is one for all partitions, or one for each that matters: ``{0: 5, 2: 3}``.
        """
        ends = topic_of(self._local.cluster, topic).end_offsets
        return await self._local.watch.until(HasCommitted.of(group, topic, partition, offset, ends), timeout)

    @post("/await/positioned")
    async def await_positioned(
        self,
        group: str,
        topic: str | None = None,
        *,
        partition: int | None = None,
        offset: int = 0,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Group:
        """Wait until the members of a stable group fetch what they own; of `topic`, from `offset` on.

        From then on a consumer that begins at the end of a topic misses nothing that is produced. Fetches are
        distinguished by client id, so members should have one each. Raises WaitTimeout.
        """
        offsets: dict[TopicPartition, int] = {}
        if topic is not None:
            chosen = range(topic_of(self._local.cluster, topic).partitions) if partition is None else (partition,)
            offsets = {TopicPartition(topic, index): offset for index in chosen}
        return await self._local.watch.until(Positioned(group, offsets), timeout)

    @taking(AwaitedRequest)
    def await_request(self, wanted: AwaitedRequest) -> Exchange:
        """Wait for a request in the request log; see :meth:`.Requests.await_request`."""
        return self.requests.wait_for(wanted).result().requests[0]

    # The broker itself

    @post("/availability", result="available")
    def set_available(self, available: bool) -> bool:
        """Disconnect all clients and refuse new ones, or accept them again; the broker keeps its data."""
        self._local.broker.set_available(available)
        return available

    @contextmanager
    def unavailable(self) -> Generator[None]:
        """Disconnect all clients and refuse new ones, until the block ends."""
        self.set_available(False)
        try:
            yield
        finally:
            self.set_available(True)

    @post("/reset")
    def reset(self) -> None:
        """Undo what controls have changed: no faults, no pins, coordinator and brokers available, the clock running.

        The date is the machine's again; sessions that the clock has ended stay ended. The log of faults is empty
        afterwards, and the request log off. What the broker keeps stays as it is.
        """
        self.faults.forget()
        self.requests.switch_off()
        self._local.clock.return_to_date()
        self._local.broker.set_available(True)
        self._local.broker.start_brokers()
        self.coordinator.all_back()
        self.groups.unpin_all()


class AsyncControls:
    """The waits of :class:`Controls` as coroutines. All other controls take milliseconds at most: see ``handle``."""

    def __init__(self, controls: Controls) -> None:
        self.handle = controls
        self.consume = controls.consume.aio
        self.await_stable = controls.await_stable.aio
        self.await_committed = controls.await_committed.aio
        self.await_positioned = controls.await_positioned.aio

    async def await_fired(
        self, fault: InjectedFault, count: int = 1, *, timeout: float = DEFAULT_TIMEOUT
    ) -> tuple[Fired, ...]:
        """Wait until a fault has acted on ``count`` requests. Raises WaitTimeout, which lists the log of faults."""
        return (await self.handle.faults.await_fired.aio(fault.name, count, timeout=timeout)).fired

    @taking(AwaitedRequest)
    async def await_request(self, wanted: AwaitedRequest) -> Exchange:
        """Wait for a request in the request log. Raises WaitTimeout, and ValueError if the log is off."""
        return (await self.handle.requests.wait_for(wanted).wait()).requests[0]


def check_values(values: Sequence[Text]) -> None:
    """Check the records to produce. Raises InvalidRequest."""
    if not values:
        raise InvalidRequest("'values' is empty: there is nothing to produce; give at least one value")


def check_count(count: int) -> None:
    """Check the number of records to wait for. Raises InvalidRequest."""
    if count < 0:
        raise InvalidRequest(f"there cannot be {count} records: 'count' must not be negative")


def _raise_failed(failed: Mapping[tuple[str, int], StorageError]) -> None:
    for error in failed.values():
        raise error


ROUTES: Final = Routes(
    {
        Controls: "",
        Brokers: "brokers",
        Topics: "topics",
        Groups: "groups",
        ClockControl: "clock",
        CoordinatorControl: "coordinator",
        Faults: "faults",
        RequestLogControl: "requests",
        Snapshots: "snapshots",
        Transactions: "transactions",
    }
)
"""The controls of a broker that have a route."""
