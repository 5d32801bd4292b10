"""What a conversation is given: connections to one broker, names of its own, and a pen."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar

import trio

from kafkalite_conformance.differential.comparing import Step
from kafkalite_conformance.differential.connection import Connection, NoAnswerError, api_of
from kafkalite_conformance.differential.normalising import Normaliser, Plain
from kafkalite_wire.messages.create_topics import CreatableTopic, CreatableTopicConfig, CreateTopicsRequest
from kafkalite_wire.messages.describe_transactions import DescribeTransactionsRequest, DescribeTransactionsResponse
from kafkalite_wire.messages.find_coordinator import FindCoordinatorRequest
from kafkalite_wire.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from kafkalite_wire.messages.init_producer_id import InitProducerIdRequest, InitProducerIdResponse
from kafkalite_wire.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsRequest,
    ListOffsetsResponse,
    ListOffsetsTopic,
)
from kafkalite_wire.messages.metadata import MetadataRequest, MetadataRequestTopic, MetadataResponse
from kafkalite_wire.records import Record

T = TypeVar("T")

_LONG_ENOUGH: Final = 0.15
"""How long a broker that does not answer is listened to, in seconds, before that counts as waiting."""

_COORDINATOR_IS_COMING: Final = (14, 15, 16)
_TRANSACTIONAL_ID_NOT_FOUND: Final = 105
_TRANSACTIONS: Final = 1
_TRANSACTION_TOPIC: Final = "__transaction_state"
_TIME_TO_SETTLE: Final = 20.0
_PIPELINED: Final = 64


class _Asked(NamedTuple):
    words: str
    request: object
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request as sent and its response as received, for callers that need more than the transcript."""

    asked: str
    request: object
    version: int
    answer: object


class Voice:
    """One connection of a conversation; everything received on it goes into the transcript."""

    def __init__(self, talk: "Talk", name: str, connection: Connection) -> None:
        self._talk = talk
        self.name = name
        self._connection = connection
        self._asked: list[_Asked] = []

    async def ask(self, request: object, version: int, note: str = "") -> None:
        """Send a request and write down the answer; a connection that the broker closes is opened again."""
        await self.send(request, version, note)
        try:
            await self.hear(object)
        except NoAnswerError:
            await self.reconnect()

    async def answer(self, request: object, version: int, expected: type[T], note: str = "") -> T:
        """Send a request, write down the answer and return it. NoAnswerError if there is none."""
        await self.send(request, version, note)
        return await self.hear(expected)

    async def start(self, request: object, version: int, note: str = "") -> None:
        """Send a request, and write down whether the answer waits for something."""
        await self.send(request, version, note)
        await self.is_waiting()

    async def is_waiting(self) -> None:
        """Write down whether the answer to the last request is still to come."""
        waits = await self._connection.says_nothing(seconds=_LONG_ENOUGH)
        asked = self._asked[-1].words if self._asked else self.name
        self._talk.write(asked, "waits" if waits else "is answered at once")

    async def send(self, request: object, version: int, note: str = "") -> None:
        """Send a request and do not wait for the answer."""
        words = f"{self.name}, {api_of(request).name} v{version}{f' ({note})' if note else ''}"
        self._asked.append(_Asked(words, request, version))
        await self._connection.send(request, version)

    async def send_frame(self, frame: bytes, note: str) -> None:
        """Send bytes of one's own as a frame, and write down whether they are answered."""
        try:
            await self._connection.send_frame(frame)
            await self._connection.receive_frame()
            heard: Plain = "is answered"
        except NoAnswerError as problem:
            heard = str(problem)
            await self.reconnect()
        self._talk.write(f"{self.name}, {note}", heard)

    async def hear(self, expected: type[T]) -> T:
        """Write down the answer to the oldest request that has none, and return it. NoAnswerError if there is none."""
        asked = self._asked.pop(0)
        try:
            answer = await self._connection.receive()
        except NoAnswerError as problem:
            self._talk.write(asked.words, str(problem))
            raise
        self._talk.write_answer(asked.words, answer)
        self._talk.exchanges.append(
            Exchange(asked=asked.words, request=asked.request, version=asked.version, answer=answer)
        )
        assert isinstance(answer, expected)
        return answer

    async def whisper(self, request: object, version: int, expected: type[T]) -> T:
        """Send a request and return the answer without writing it down: for waiting until something is so."""
        await self._connection.send(request, version)
        answer = await self._connection.receive()
        assert isinstance(answer, expected)
        return answer

    async def whisper_often(self, request: object, version: int, *, times: int) -> None:
        """Send a request many times, and write nothing down."""
        for start in range(0, times, _PIPELINED):
            count = min(_PIPELINED, times - start)
            for _ in range(count):
                await self._connection.send(request, version)
            for _ in range(count):
                await self._connection.receive()

    async def reconnect(self) -> None:
        """Drop the connection with its pending requests, and open a new one."""
        await self._connection.close()
        self._asked.clear()
        self._connection = await Connection.open(self._talk.bootstrap, self.name)

    async def hang_up(self) -> None:
        """Close the connection."""
        await self._connection.close()


class Talk:
    """One conversation with one broker."""

    def __init__(self, bootstrap: str, *, names: str, now_ms: int) -> None:
        self.bootstrap: Final = bootstrap
        self.now_ms: Final = now_ms
        self.steps: Final[list[Step]] = []
        self.exchanges: Final[list[Exchange]] = []
        self._names = names
        self._count = 0
        self._normaliser = Normaliser(own_names=names, now_ms=now_ms)
        self._voices: list[Voice] = []

    @property
    def coordinator_epoch(self) -> int:
        """The epoch of the transaction coordinator, from the first transactional id on."""
        return self._normaliser.coordinator_epoch

    def marker_value(self, record: Record) -> str:
        """Describe the value of the record that ends a transaction."""
        return self._normaliser.marker_value(record)

    def name(self) -> str:
        """Return a name that is unused; it is the same with both brokers."""
        self._count += 1
        return f"{self._names}-{self._count}"

    def write(self, asked: str, answer: Plain) -> None:
        """Write a step down."""
        self.steps.append(Step(asked=self._normaliser.text(asked), answer=self._normaliser.texts(answer)))

    def write_answer(self, asked: str, answer: object) -> None:
        """Write down an answer without what must differ."""
        self.write(asked, self._normaliser.plain(answer))

    async def voice(self, name: str = "a") -> Voice:
        """Open a connection; its name is also the client id."""
        voice = Voice(self, name, await Connection.open(self.bootstrap, name))
        self._voices.append(voice)
        return voice

    async def group(self) -> str:
        """Return an unused group id, once the coordinator is ready for it."""
        name = self.name()
        voice = await self.voice("usher")
        request = HeartbeatRequest(group_id=name, generation_id=1, member_id="unknown")
        # Kafka makes the topic of the groups when a coordinator is first asked for.
        await voice.whisper(FindCoordinatorRequest(key=name), 2, object)

        async def is_ready() -> bool:
            return (await voice.whisper(request, 3, HeartbeatResponse)).error_code not in _COORDINATOR_IS_COMING

        await self.until(is_ready, "a coordinator")
        await voice.hang_up()
        return name

    async def transactional_id(self) -> str:
        """Return an unused transactional id, once the coordinator is ready for it."""
        name = self.name()
        voice = await self.voice("usher")
        await voice.whisper(FindCoordinatorRequest(key=name, key_type=_TRANSACTIONS), 2, object)

        async def is_ready() -> bool:
            # Both the state of the transactional id and the numbers of producers have to be there.
            request = InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=0)
            numbers = await voice.whisper(request, 1, InitProducerIdResponse)
            return not numbers.error_code and await self.transaction_state(voice, name) is None

        await self.until(is_ready, "a transaction coordinator")
        topics = (MetadataRequestTopic(name=_TRANSACTION_TOPIC),)
        metadata = await voice.whisper(MetadataRequest(topics=topics), 9, MetadataResponse)
        self._normaliser.coordinator_epoch = metadata.topics[0].partitions[0].leader_epoch
        await voice.hang_up()
        return name

    async def until_ended(self, transactional_id: str) -> None:
        """Wait until the markers of a transaction whose end is decided are in the logs."""
        voice = await self.voice("usher")

        async def has_ended() -> bool:
            return not str(await self.transaction_state(voice, transactional_id)).startswith("Prepare")

        await self.until(has_ended, f"end of {transactional_id}")
        await voice.hang_up()

    async def transaction_state(self, voice: Voice, transactional_id: str) -> str | None:
        """Look up a transaction's state, without writing it down; an empty string while there is no coordinator."""
        request = DescribeTransactionsRequest(transactional_ids=(transactional_id,))
        (state,) = (await voice.whisper(request, 0, DescribeTransactionsResponse)).transaction_states
        return None if state.error_code == _TRANSACTIONAL_ID_NOT_FOUND else state.transaction_state

    async def topic(self, partitions: int = 1, **configs: str) -> str:
        """Create a topic and return its name, once all partitions have a leader that serves them."""
        name = self.name()
        wanted = CreatableTopic(
            name=name,
            num_partitions=partitions,
            replication_factor=1,
            configs=tuple(CreatableTopicConfig(name=key.replace("_", "."), value=configs[key]) for key in configs),
        )
        voice = await self.voice("usher")
        await voice.whisper(CreateTopicsRequest(topics=(wanted,)), 7, object)
        await self.until_served(name, partitions)
        await voice.hang_up()
        return name

    async def until_served(self, topic: str, partitions: int) -> None:
        """Wait until all partitions of a topic have a leader that serves them."""
        voice = await self.voice("usher")
        rows = tuple(ListOffsetsPartition(partition_index=index, timestamp=-1) for index in range(partitions))
        request = ListOffsetsRequest(replica_id=-1, topics=(ListOffsetsTopic(name=topic, partitions=rows),))

        async def is_served() -> bool:
            answer = await voice.whisper(request, 5, ListOffsetsResponse)
            return not any(row.error_code for row in answer.topics[0].partitions)

        await self.until(is_served, f"a leader of {topic}")
        await voice.hang_up()

    async def topic_id(self, topic: str) -> bytes:
        """Look up a topic's id; zeros if there is no such topic."""
        voice = await self.voice("usher")
        request = MetadataRequest(topics=(MetadataRequestTopic(name=topic),), allow_auto_topic_creation=False)
        answer = await voice.whisper(request, 12, MetadataResponse)
        await voice.hang_up()
        return answer.topics[0].topic_id

    async def until(self, probe: Callable[[], Awaitable[bool]], what: str) -> None:
        """Ask until something is so: for what brokers do in the background. TimeoutError if it takes too long."""
        deadline = trio.current_time() + _TIME_TO_SETTLE
        while not await probe():
            if trio.current_time() > deadline:
                raise TimeoutError(f"no {what} within {_TIME_TO_SETTLE:.0f} s")
            await trio.sleep(0.02)

    async def close(self) -> None:
        """Close all connections."""
        for voice in self._voices:
            await voice.hang_up()


def now_ms() -> int:
    """Return the time in milliseconds since 1970."""
    return int(time.time() * 1000)
