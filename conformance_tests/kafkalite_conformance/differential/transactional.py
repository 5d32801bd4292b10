"""A transactional producer, whose requests follow from what it was told; each can be made wrong on purpose."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Final, TypeAlias

from kafkalite_conformance.differential.batches import batch, produce
from kafkalite_conformance.differential.talk import Talk, Voice
from kafkalite_wire.messages.add_offsets_to_txn import AddOffsetsToTxnRequest
from kafkalite_wire.messages.add_partitions_to_txn import (
    AddPartitionsToTxnRequest,
    AddPartitionsToTxnTopic,
    AddPartitionsToTxnTransaction,
)
from kafkalite_wire.messages.describe_producers import DescribeProducersRequest, TopicRequest
from kafkalite_wire.messages.describe_transactions import DescribeTransactionsRequest
from kafkalite_wire.messages.end_txn import EndTxnRequest, EndTxnResponse
from kafkalite_wire.messages.init_producer_id import InitProducerIdRequest, InitProducerIdResponse

CONCURRENT_TRANSACTIONS: Final = 51

Named: TypeAlias = Mapping[str, tuple[int, ...]]
"""Topics with partitions."""

_ALL_OF_ONE_TRANSACTION_UNTIL: Final = 3
_EPOCH_IN_END_SINCE: Final = 5


class TransactionalProducer:
    """One producer with a connection of its own.

    `version` is its transaction version: 1 adds each partition before it writes, 2 leaves that to its Produce
    requests, and takes a new epoch from each end of a transaction (KIP-890).
    """

    def __init__(self, talk: Talk, voice: Voice, transactional_id: str, *, version: int = 2) -> None:
        self.talk = talk
        self.voice = voice
        self.transactional_id = transactional_id
        self.version = version
        self.producer_id = -1
        self.epoch = -1
        self.sequences: dict[tuple[str, int], int] = defaultdict(int)

    @property
    def init_version(self) -> int:
        """The version of InitProducerId of this producer's time."""
        return 5 if self.version > 1 else 4

    @property
    def produce_version(self) -> int:
        """The version of Produce of this producer's time; topics have names in it."""
        return 12 if self.version > 1 else 11

    @property
    def end_version(self) -> int:
        """The version of EndTxn of this producer's time."""
        return 5 if self.version > 1 else 4

    @property
    def commit_version(self) -> int:
        """The version of TxnOffsetCommit of this producer's time; topics have names in it."""
        return 5 if self.version > 1 else 4

    async def init(
        self,
        note: str = "",
        *,
        version: int | None = None,
        timeout_ms: int = 60_000,
        producer_id: int = -1,
        epoch: int = -1,
    ) -> InitProducerIdResponse:
        """Ask for an id and an epoch, and take them; asked again once the transaction before has ended."""
        request = InitProducerIdRequest(
            transactional_id=self.transactional_id,
            transaction_timeout_ms=timeout_ms,
            producer_id=producer_id,
            producer_epoch=epoch,
        )
        asked = self.init_version if version is None else version
        answer = await self.voice.answer(request, asked, InitProducerIdResponse, note)
        if answer.error_code == CONCURRENT_TRANSACTIONS:
            await self.talk.until_ended(self.transactional_id)
            answer = await self.voice.answer(request, asked, InitProducerIdResponse, f"{note}, again")
        if not answer.error_code:
            self._take(answer.producer_id, answer.producer_epoch)
        return answer

    def addition(self, named: Named, **changes: object) -> AddPartitionsToTxnTransaction:
        """Return this producer's part of an AddPartitionsToTxn request of version 4 or later."""
        fields: dict[str, object] = {
            "transactional_id": self.transactional_id,
            "producer_id": self.producer_id,
            "producer_epoch": self.epoch,
            "topics": topic_rows(named),
        }
        return AddPartitionsToTxnTransaction(**{**fields, **changes})  # type: ignore[arg-type]  # the fields above

    async def add(self, topics: Named, note: str = "", *, version: int = 3) -> None:
        """Add partitions to the transaction."""
        await self.voice.ask(self.add_request(topics, version), version, note)

    def add_request(self, named: Named, version: int, **changes: object) -> AddPartitionsToTxnRequest:
        """Return a request to add partitions in one of its versions; `changes` replace fields of the transaction."""
        if version > _ALL_OF_ONE_TRANSACTION_UNTIL:
            return AddPartitionsToTxnRequest(transactions=(self.addition(named, **changes),))
        fields: dict[str, object] = {
            "transactional_id": self.transactional_id,
            "producer_id": self.producer_id,
            "producer_epoch": self.epoch,
            "topics": topic_rows(named),
            **changes,
        }
        old = {f"v3_and_below_{name}": value for name, value in fields.items()}
        return AddPartitionsToTxnRequest(**old)  # type: ignore[arg-type]  # the fields above

    async def add_offsets(self, group: str, note: str = "", *, version: int = 3, **changes: object) -> None:
        """Add the offsets of a group to the transaction; `changes` replace fields of the request."""
        fields: dict[str, object] = {
            "transactional_id": self.transactional_id,
            "producer_id": self.producer_id,
            "producer_epoch": self.epoch,
            "group_id": group,
        }
        request = AddOffsetsToTxnRequest(**{**fields, **changes})  # type: ignore[arg-type]  # the fields above
        await self.voice.ask(request, version, note)

    def records(
        self,
        topic: str,
        *values: bytes,
        partition: int = 0,
        epoch: int | None = None,
        sequence: int | None = None,
        is_transactional: bool = True,
    ) -> bytes:
        """Return the next batch of this producer for a partition; the sequence goes on only if it is not given."""
        place = (topic, partition)
        if sequence is None:
            sequence = self.sequences[place]
            self.sequences[place] += len(values)
        return batch(
            *values,
            timestamp=self.talk.now_ms,
            producer_id=self.producer_id,
            producer_epoch=self.epoch if epoch is None else epoch,
            base_sequence=sequence,
            is_transactional=is_transactional,
        )

    async def write(
        self,
        topic: str,
        *values: bytes,
        note: str = "",
        partition: int = 0,
        version: int | None = None,
        topic_id: bytes = bytes(16),
        epoch: int | None = None,
        sequence: int | None = None,
        is_transactional: bool = True,
        transactional_id: str | None = "",
        acks: int = -1,
    ) -> None:
        """Write one batch; an empty transactional id stands for this producer's own."""
        data = self.records(
            topic,
            *(values or (b"x",)),
            partition=partition,
            epoch=epoch,
            sequence=sequence,
            is_transactional=is_transactional,
        )
        request = produce(
            topic,
            data,
            partition=partition,
            acks=acks,
            topic_id=topic_id,
            transactional_id=self.transactional_id if transactional_id == "" else transactional_id,
        )
        await self.voice.ask(request, self.produce_version if version is None else version, note)

    async def begin(self, topic: str, *values: bytes, partition: int = 0, note: str = "") -> None:
        """Write the first batch of a transaction, after adding its partition if this producer has to."""
        if self.version == 1:
            await self.add({topic: (partition,)}, note)
        await self.write(topic, *values, partition=partition, note=note)

    async def end(
        self, note: str = "", *, commit: bool, version: int | None = None, **changes: object
    ) -> EndTxnResponse:
        """Ask for the end of the transaction, and take the epoch that comes with it."""
        fields: dict[str, object] = {
            "transactional_id": self.transactional_id,
            "producer_id": self.producer_id,
            "producer_epoch": self.epoch,
            "committed": commit,
        }
        asked = self.end_version if version is None else version
        words = f"{'commit' if commit else 'abort'}{', ' if note else ''}{note}"
        request = EndTxnRequest(**{**fields, **changes})  # type: ignore[arg-type]  # the fields above
        answer = await self.voice.answer(request, asked, EndTxnResponse, words)
        if not answer.error_code and asked >= _EPOCH_IN_END_SINCE:
            self._take(answer.producer_id, answer.producer_epoch)
        return answer

    async def finish(self, note: str = "", *, commit: bool, version: int | None = None) -> None:
        """End the transaction, and wait until its markers are in the logs."""
        await self.end(note, commit=commit, version=version)
        await self.talk.until_ended(self.transactional_id)

    async def describe(self, note: str = "") -> None:
        """Write down the state of this producer's transaction."""
        await self.voice.ask(DescribeTransactionsRequest(transactional_ids=(self.transactional_id,)), 0, note)

    async def describe_producers(self, topic: str, *partitions: int, note: str = "") -> None:
        """Write down the producers of partitions."""
        rows = (TopicRequest(name=topic, partition_indexes=partitions or (0,)),)
        await self.voice.ask(DescribeProducersRequest(topics=rows), 0, note)

    def _take(self, producer_id: int, epoch: int) -> None:
        if (producer_id, epoch) != (self.producer_id, self.epoch):
            self.sequences.clear()
        self.producer_id, self.epoch = producer_id, epoch


def topic_rows(topics: Named) -> tuple[AddPartitionsToTxnTopic, ...]:
    """Return topics with partitions, as AddPartitionsToTxn names them."""
    return tuple(AddPartitionsToTxnTopic(name=name, partitions=each) for name, each in topics.items())


async def producer(
    talk: Talk, name: str = "p", *, version: int = 2, transactional_id: str | None = None
) -> TransactionalProducer:
    """Return a producer with a transactional id of its own that has not asked for its producer id yet."""
    own_id = await talk.transactional_id() if transactional_id is None else transactional_id
    return TransactionalProducer(talk, await talk.voice(name), own_id, version=version)


async def ready_producer(
    talk: Talk, name: str = "p", *, version: int = 2, transactional_id: str | None = None
) -> TransactionalProducer:
    """Return a producer that has its producer id and epoch."""
    made = await producer(talk, name, version=version, transactional_id=transactional_id)
    await made.init()
    return made
