"""What the coordinators record of transactions, field by field, in the topics that clients may read."""

from collections.abc import AsyncIterator
from typing import Final, cast

from kafkalite_conformance.differential.conversation import conversation_with
from kafkalite_conformance.differential.conversations.fetching import fetch, row
from kafkalite_conformance.differential.conversations.transactional_offsets import commit_in, offsets_row, until_stable
from kafkalite_conformance.differential.talk import Talk, Voice
from kafkalite_conformance.differential.transactional import TransactionalProducer, producer, ready_producer
from kafkalite_wire.messages.coordinator_records import OffsetCommitKey, decode_key, decode_value
from kafkalite_wire.messages.fetch import FetchResponse
from kafkalite_wire.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsRequest,
    ListOffsetsResponse,
    ListOffsetsTopic,
)
from kafkalite_wire.messages.transaction_records import decode_transaction_key, decode_transaction_value
from kafkalite_wire.records import BatchHeader, Buffer, Record, iter_records, read_end_txn_marker, walk_batches

_TRANSACTIONS: Final = "__transaction_state"
_OFFSETS: Final = "__consumer_offsets"
_OFFSET_PARTITIONS: Final = 3


class _Reader:
    """Reads the partitions of an internal topic from where they ended at first."""

    def __init__(self, voice: Voice, topic: str, partitions: int) -> None:
        self._voice = voice
        self._topic = topic
        self._ends = dict.fromkeys(range(partitions), 0)

    async def skip(self) -> None:
        """Leave out what is there already."""
        rows = tuple(ListOffsetsPartition(partition_index=index, timestamp=-1) for index in self._ends)
        request = ListOffsetsRequest(replica_id=-1, topics=(ListOffsetsTopic(name=self._topic, partitions=rows),))
        answer = await self._voice.whisper(request, 5, ListOffsetsResponse)
        self._ends = {each.partition_index: each.offset for each in answer.topics[0].partitions}

    async def news(self) -> AsyncIterator[tuple[BatchHeader, Record]]:
        """Yield what has come since."""
        for index in self._ends:
            while True:
                request = fetch(self._topic, row(index, self._ends[index], 1_000_000))
                answer = await self._voice.whisper(request, 12, FetchResponse)
                (data,) = answer.responses[0].partitions
                records = bytes(cast("Buffer", data.records or b""))
                if not records:
                    break
                for at, header in walk_batches(records):
                    for record in iter_records(records[at : at + header.size]):
                        if record.offset >= self._ends[index]:
                            yield header, record
                    self._ends[index] = header.next_offset


async def _transactions_reader(talk: Talk) -> _Reader:
    await talk.transactional_id()
    reader = _Reader(await talk.voice("reader"), _TRANSACTIONS, 1)
    await reader.skip()
    return reader


async def _write_states(talk: Talk, reader: _Reader, transactional_id: str, note: str) -> None:
    async for header, record in reader.news():
        key = decode_transaction_key(record.key or b"")
        if key is None or key.transactional_id != transactional_id:
            continue
        words = f"{note}: state, attributes {header.attributes}"
        if record.value is None:
            talk.write(words, "tombstone")
        else:
            talk.write(f"{words}, size", f"version {record.value[1]}, {len(record.value)} bytes")
            talk.write_answer(words, decode_transaction_value(record.value))


@conversation_with({"transaction.state.log.num.partitions": "1"})
async def states_are_recorded(talk: Talk) -> None:
    """Each step of a transaction, begun and ended in both versions."""
    topic = await talk.topic(2)
    for kind in (1, 2):
        for commit in (True, False):
            reader = await _transactions_reader(talk)
            each = await producer(talk, version=kind)
            words = f"version {kind}, {'commit' if commit else 'abort'}"

            async def look(
                note: str, reader: _Reader = reader, each: TransactionalProducer = each, words: str = words
            ) -> None:
                await _write_states(talk, reader, each.transactional_id, f"{words}, {note}")

            await each.init(words)
            await look("initialized")
            await each.begin(topic, note=words)
            await look("begun")
            await each.begin(topic, partition=1, note=words)
            await each.write(topic, note=words)
            await look("a second partition")
            await each.finish(words, commit=commit)
            await look("ended")
            await each.begin(topic, note=words)
            await look("begun again")
            await each.init(f"{words}, over it")
            await look("fenced")
            await each.init(f"{words}, itself", producer_id=each.producer_id, epoch=each.epoch)
            await look("initialized by itself")
            await each.end(f"{words}, nothing", commit=False)
            await talk.until_ended(each.transactional_id)
            await look("an abort of nothing")
            await each.begin(topic, note=words)
            await each.finish(f"{words}, the other version", commit=commit, version=5 if kind == 1 else 4)
            await look("ended in the other version")
            await each.init(f"{words}, another time-out", timeout_ms=1234)
            await look("another time-out")


@conversation_with({"transaction.state.log.num.partitions": "1"})
async def transactions_that_take_too_long(talk: Talk) -> None:
    """They are aborted, and their producer is fenced; it may go on by itself."""
    topic = await talk.topic()
    for kind in (1, 2):
        for version in (3, 4, 5):
            reader = await _transactions_reader(talk)
            each = await producer(talk, version=kind)
            words = f"version {kind}"
            await each.init(words, version=version, timeout_ms=300)
            await each.begin(topic, note=words)
            voice = await talk.voice("usher")

            async def is_over(voice: Voice = voice, each: TransactionalProducer = each) -> bool:
                return await talk.transaction_state(voice, each.transactional_id) == "CompleteAbort"

            await talk.until(is_over, "end of the transaction")
            await voice.hang_up()
            await _write_states(talk, reader, each.transactional_id, f"{words}, InitProducerId v{version}")
            await each.describe(words)
            await each.describe_producers(topic, note=words)
            await each.write(topic, note=f"{words}, too late")
            await each.add({topic: (0,)}, f"{words}, too late")
            await each.end(f"{words}, too late", commit=True)
            await each.end(f"{words}, too late", commit=False)
            await each.init(
                f"{words}, itself", version=version, producer_id=each.producer_id, epoch=each.epoch, timeout_ms=60_000
            )
            await each.begin(topic, note=words)
            await each.finish(words, commit=True)
            await _write_states(talk, reader, each.transactional_id, f"{words}, InitProducerId v{version}, after that")


@conversation_with({"offsets.topic.num.partitions": "3"})
async def offsets_are_recorded(talk: Talk) -> None:
    """Pending ones, and the markers behind them."""
    topic = await talk.topic(2)
    topic_id = await talk.topic_id(topic)
    for kind in (1, 2):
        for ends in (True, False):
            group = await talk.group()
            each = await ready_producer(talk, version=kind)
            reader = _Reader(await talk.voice("reader"), _OFFSETS, _OFFSET_PARTITIONS)
            await reader.skip()
            words = f"version {kind}, {'commit' if ends else 'abort'}"
            if kind == 1:
                await each.add_offsets(group, words)
            for version in (each.commit_version, 6) if kind > 1 else (0, each.commit_version):
                offsets = offsets_row(topic, topic_id, {0: version, 1: 7}, "a note", 3 if version > 1 else -1)
                await commit_in(each, group, offsets, version=version, note=words)
            await each.finish(words, commit=ends)
            await until_stable(talk, group)
            ids = {each.producer_id}
            async for header, record in reader.news():
                what = f"{words}, attributes {header.attributes}, sequence {header.base_sequence}"
                marker = read_end_txn_marker(record) if header.is_control and header.producer_id in ids else None
                if marker is not None:
                    talk.write(what, f"{marker.commit}, epoch {header.producer_epoch}, {talk.marker_value(record)}")
                key = None if header.is_control else decode_key(record.key or b"")
                if isinstance(key, OffsetCommitKey) and key.group == group and record.value is not None:
                    talk.write(f"{what}, version {record.value[1]}", f"{header.producer_epoch}, {len(record.value)}")
                    talk.write_answer(what, key)
                    talk.write_answer(what, decode_value(key, record.value))
