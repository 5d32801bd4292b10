"""Produce, Fetch and ListOffsets with transactions."""

from dataclasses import replace
from typing import Final

from kafkalite_conformance.differential.batches import batch, produce
from kafkalite_conformance.differential.conversation import conversation
from kafkalite_conformance.differential.conversations.fetching import fetch, row
from kafkalite_conformance.differential.talk import Talk, Voice
from kafkalite_conformance.differential.transactional import TransactionalProducer, producer, ready_producer
from kafkalite_wire.messages.delete_records import DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic
from kafkalite_wire.messages.list_offsets import ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic
from kafkalite_wire.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData

_PRODUCES: Final = range(3, 14)
_FETCHES: Final = range(4, 19)
_LISTS: Final = range(2, 12)
_JOINS_SINCE: Final = 12
_READ_COMMITTED: Final = 1
_UNKNOWN_ID: Final = b"0123456789abcdef"


@conversation
async def batches_join_a_transaction(talk: Talk) -> None:
    """In every version: of partitions that were added and that were not, and in an order that is wrong."""
    topic = await talk.topic(4)
    topic_id = await talk.topic_id(topic)
    for version in _PRODUCES:
        each = await ready_producer(talk, version=1)

        async def write(
            note: str,
            partition: int,
            *,
            each: TransactionalProducer = each,
            version: int = version,
            epoch: int | None = None,
            sequence: int | None = None,
            is_transactional: bool = True,
            transactional_id: str | None = "",
            acks: int = -1,
        ) -> None:
            await each.write(
                topic,
                note=note,
                partition=partition,
                version=version,
                topic_id=topic_id,
                epoch=epoch,
                sequence=sequence,
                is_transactional=is_transactional,
                transactional_id=transactional_id,
                acks=acks,
            )

        await write("nothing added", 0)
        await each.describe("nothing added")
        await each.add({topic: (0, 1)})
        await write("added, the second batch first", 0)
        await write("added, the first batch", 0, sequence=0)
        await write("added, the next batch", 0, sequence=1)
        await write("added, the next batch again", 0, sequence=1)
        await write("a gap", 0, sequence=7)
        await write("acks 1", 0, sequence=2, acks=1)
        await write("not added", 2, sequence=0)
        await write("unknown partition", 9, sequence=0)
        await each.describe("two added")
        await write("an epoch to come", 1, epoch=each.epoch + 1, sequence=0)
        await write("a negative epoch", 1, epoch=-1, sequence=0)
        await write("without a transactional id", 1, sequence=0, transactional_id=None)
        await write("another transactional id", 1, sequence=0, transactional_id=talk.name())
        await write("not transactional, into a partition without records", 1, sequence=0, is_transactional=False)
        await write("not transactional, into the transaction", 0, sequence=3, is_transactional=False)
        await write("not transactional, without a transactional id", 0, sequence=3, transactional_id=None)
        await write("plain, without a transactional id", 0, sequence=3, is_transactional=False, transactional_id=None)
        await each.describe_producers(topic, 0, 1, 2)
        await each.finish(commit=True)
        await each.describe_producers(topic, 0, 1, 2, note="ended")
        await write("ended", 0, sequence=5)
        await write("ended, in order", 0, sequence=3)
        await write("ended, from the beginning", 0, sequence=0)
        await write("ended, not transactional", 0, sequence=3, is_transactional=False)
        await each.describe("ended")
        await each.init("a new epoch")
        await write("a new epoch", 3, sequence=0)
        await write("a new epoch, the old one", 0, epoch=each.epoch - 1, sequence=4)
        await each.describe("a new epoch")


@conversation
async def batches_after_the_end_of_version_2(talk: Talk) -> None:
    """The epoch goes up with each end (KIP-890)."""
    topic = await talk.topic(2)
    topic_id = await talk.topic_id(topic)
    for version in _PRODUCES:
        each = await ready_producer(talk)

        async def write(
            note: str,
            *,
            epoch: int,
            sequence: int,
            partition: int = 0,
            each: TransactionalProducer = each,
            version: int = version,
        ) -> None:
            await each.write(
                topic,
                note=note,
                version=version,
                topic_id=topic_id,
                epoch=epoch,
                sequence=sequence,
                partition=partition,
            )

        if version < _JOINS_SINCE:
            await each.add({topic: (0, 1)})
        await write("first", epoch=0, sequence=0)
        await write("first", epoch=0, sequence=0, partition=1)
        await each.finish(commit=True)
        await write("the old epoch", epoch=0, sequence=1)
        await write("the old epoch, again", epoch=0, sequence=0)
        await write("the new epoch, in the old order", epoch=1, sequence=1)
        await each.describe("not begun")
        if version < _JOINS_SINCE:
            await each.add({topic: (0, 1)})
        await write("the new epoch, added, in the old order", epoch=1, sequence=1)
        await write("the new epoch", epoch=1, sequence=0)
        await write("the new epoch", epoch=1, sequence=1)
        await write("the old epoch in the new transaction", epoch=0, sequence=2)
        await write("the old epoch in another partition", epoch=0, sequence=1, partition=1)
        await each.describe_producers(topic, 0, 1)
        await each.finish(commit=False)
        await write("aborted, the old epoch", epoch=1, sequence=2)
        await each.finish(commit=False)
        await each.describe_producers(topic, 0, 1)
        await write("aborted twice, the epoch between", epoch=2, sequence=0)
        await write("aborted twice, an epoch too far", epoch=9, sequence=0)
        await write("aborted twice, the epoch", epoch=3, sequence=0)
        await each.describe()


@conversation
async def requests_of_several_partitions(talk: Talk) -> None:
    """Some are added, some are not there, some are of another producer."""
    topic, other = await talk.topic(3), await talk.topic()
    ids = {name: await talk.topic_id(name) for name in (topic, other)}
    for version in _PRODUCES:
        one = await ready_producer(talk, "one", version=1)
        two = await ready_producer(talk, "two", version=1)

        def request(
            *rows: tuple[str, int, bytes], transactional_id: str | None = one.transactional_id
        ) -> ProduceRequest:
            topics = tuple(
                TopicProduceData(
                    name=name,
                    topic_id=ids.get(name, _UNKNOWN_ID),
                    partition_data=tuple(
                        PartitionProduceData(index=index, records=data) for each, index, data in rows if each == name
                    ),
                )
                for name in dict.fromkeys(name for name, _, _ in rows)
            )
            return ProduceRequest(transactional_id=transactional_id, acks=-1, timeout_ms=5000, topic_data=topics)

        plain = batch(b"x", timestamp=talk.now_ms)
        await one.add({topic: (0,)})
        await two.add({topic: (0,)})
        for note, each in (
            (
                "added and not",
                request((topic, 0, one.records(topic, b"a")), (topic, 1, one.records(topic, b"b", partition=1))),
            ),
            ("added and not, a number too high", request((topic, 2, one.records(topic, b"b", sequence=3)))),
            ("one is unknown", request((topic, 0, one.records(topic, b"c")), (topic, 7, one.records(topic, b"d")))),
            ("one is plain", request((topic, 0, one.records(topic, b"e")), (other, 0, plain))),
            ("both are plain", request((topic, 2, plain), (other, 0, plain))),
            ("two producers", request((topic, 0, one.records(topic, b"f")), (topic, 1, two.records(topic, b"g")))),
            (
                "two producers and plain",
                request((topic, 0, one.records(topic, b"f")), (topic, 1, two.records(topic, b"g")), (other, 0, plain)),
            ),
            (
                "two producers, one unknown",
                request((topic, 0, one.records(topic, b"f")), (topic, 9, two.records(topic, b"g"))),
            ),
            ("the other producer", request((topic, 0, two.records(topic, b"h")))),
            ("no transactional id", request((topic, 0, one.records(topic, b"i")), transactional_id=None)),
            ("an empty transactional id", request((topic, 0, one.records(topic, b"j")), transactional_id="")),
            ("nothing", request()),
        ):
            await one.voice.ask(each, version, note)
            await one.describe(note)
            await two.describe(note)
        await one.describe_producers(topic, 0, 1, 2)


@conversation
async def batches_while_a_transaction_ends(talk: Talk) -> None:
    """Fenced by another producer; the transaction is aborted by force."""
    topic = await talk.topic()
    topic_id = await talk.topic_id(topic)
    for version in _PRODUCES:
        for kind in (1, 2):
            old = await ready_producer(talk, "old", version=kind)
            new = await producer(talk, "new", version=kind, transactional_id=old.transactional_id)
            words = f"version {kind}"
            await old.begin(topic, note=words)
            await new.init(words)
            for note, epoch in (("fenced", 0), ("the epoch of the abort", 1)):
                await old.write(
                    topic, note=f"{words}, {note}", version=version, topic_id=topic_id, epoch=epoch, sequence=0
                )
            if version < _JOINS_SINCE:
                await new.add({topic: (0,)}, words)
            await new.write(topic, note=words, version=version, topic_id=topic_id)
            await old.write(topic, note=f"{words}, fenced later", version=version, topic_id=topic_id, epoch=0)
            await new.finish(words, commit=True)


@conversation
async def batches_that_cannot_be_transactional(talk: Talk) -> None:
    """Control batches, batches without an id, an internal topic."""
    topic = await talk.topic()
    for version in (3, 9, 11, 12):
        for note, changes in (
            ("control", {"is_control": True}),
            ("without an id", {"producer_id": -1, "producer_epoch": -1, "base_sequence": -1}),
            ("without a sequence", {"base_sequence": -1}),
            ("without an epoch", {"producer_epoch": -1}),
            ("torn", {}),
            ("nothing", {}),
        ):
            each = await ready_producer(talk, version=1)
            await each.add({topic: (0,)})
            fields = {"producer_id": each.producer_id, "producer_epoch": each.epoch, "base_sequence": 0, **changes}
            data = batch(b"x", timestamp=talk.now_ms, is_transactional=True, **fields)  # type: ignore[arg-type]
            data = data[:-2] if note == "torn" else b"" if note == "nothing" else data
            await each.voice.ask(produce(topic, data, transactional_id=each.transactional_id), version, note)
            await each.describe_producers(topic, note=note)
            await each.finish(note, commit=False)
        each = await ready_producer(talk, version=1)
        await each.add({topic: (0,)})
        data = each.records(topic, b"x", sequence=0)
        await each.voice.ask(produce(topic, data, acks=2, transactional_id=each.transactional_id), version, "acks 2")
        await each.voice.start(produce(topic, data, acks=0, transactional_id=each.transactional_id), version, "acks 0")
        await each.voice.reconnect()
        await each.describe_producers(topic)
        await each.finish(commit=False)


async def _fetch_everywhere(voice: Voice, topic: str, offsets: range, note: str, version: int = 12) -> None:
    for offset in offsets:
        for isolation in (0, _READ_COMMITTED):
            request = replace(fetch(topic, row(0, offset)), isolation_level=isolation)
            await voice.ask(request, version, f"{note}, from {offset}, isolation {isolation}")


@conversation
async def committed_records_are_fetched(talk: Talk) -> None:
    """From every offset, of producers whose transactions overlap."""
    for kind in (1, 2):
        topic = await talk.topic()
        one = await ready_producer(talk, "one", version=kind)
        two = await ready_producer(talk, "two", version=kind)
        voice = await talk.voice("reader")
        await voice.ask(produce(topic, batch(b"plain", timestamp=talk.now_ms)), 9)
        await one.begin(topic, b"1a")
        await two.begin(topic, b"2a", b"2b")
        await voice.ask(produce(topic, batch(b"plain", timestamp=talk.now_ms)), 9)
        await _fetch_everywhere(voice, topic, range(6), "both open")
        await two.finish(commit=False)
        await _fetch_everywhere(voice, topic, range(7), "one open")
        await one.write(topic, b"1b")
        await two.begin(topic, b"2c")
        await one.finish(commit=False)
        await _fetch_everywhere(voice, topic, range(9), "the other open")
        await two.finish(commit=True)
        await one.begin(topic, b"1c")
        await one.finish(commit=False)
        await two.begin(topic, b"2d")
        await two.finish(commit=False)
        await _fetch_everywhere(voice, topic, range(15), "none open")
        for version in _FETCHES:
            topic_id = await talk.topic_id(topic)
            for offset in (0, 3, 8, 12):
                request = replace(fetch(topic, row(0, offset), topic_id=topic_id), isolation_level=1)
                await voice.ask(request, version, f"from {offset}")
            for size in (1, 150, 300):
                request = replace(fetch(topic, row(0, 0, size), topic_id=topic_id), isolation_level=1)
                await voice.ask(request, version, f"{size} bytes")
                request = replace(fetch(topic, row(0, 4, size), topic_id=topic_id), isolation_level=1)
                await voice.ask(request, version, f"{size} bytes from 4")


@conversation
async def aborted_transactions_in_their_order(talk: Talk) -> None:
    """Several producers whose aborts come in another order than their first records."""
    topic = await talk.topic()
    voice = await talk.voice("reader")
    producers = [await ready_producer(talk, f"p{number}", version=1 + number % 2) for number in range(4)]
    for each in producers:
        await each.begin(topic, b"a")
    for number in (2, 0, 3, 1):
        await producers[number].finish(commit=False)
        await _fetch_everywhere(voice, topic, range(1), f"{number} aborted")
    for number in (3, 1, 2, 0):
        await producers[number].begin(topic, b"b")
    for number in (1, 0, 2, 3):
        await producers[number].finish(commit=number == 2)
    await _fetch_everywhere(voice, topic, range(18), "all ended")
    await voice.ask(
        DeleteRecordsRequest(
            topics=(DeleteRecordsTopic(name=topic, partitions=(DeleteRecordsPartition(partition_index=0, offset=6),)),),
            timeout_ms=5000,
        ),
        2,
    )
    await _fetch_everywhere(voice, topic, range(5, 10), "shortened")


@conversation
async def fetches_wait_for_committed_records(talk: Talk) -> None:
    """An open transaction keeps them waiting; its end wakes them."""
    for kind in (1, 2):
        for commit in (True, False):
            topic = await talk.topic()
            each = await ready_producer(talk, version=kind)
            voice = await talk.voice("reader")
            words = f"version {kind}, {'commit' if commit else 'abort'}"
            request = replace(fetch(topic, row(0, 0), wait_ms=10_000), isolation_level=_READ_COMMITTED)
            await voice.start(request, 12, words)
            await each.begin(topic, b"a", note=words)
            await voice.is_waiting()
            await each.finish(words, commit=commit)
            await voice.hear(object)
            request = replace(fetch(topic, row(0, 2), wait_ms=10_000), isolation_level=_READ_COMMITTED)
            await voice.start(request, 12, f"{words}, the next")
            await each.voice.ask(produce(topic, batch(b"plain", timestamp=talk.now_ms)), 9)
            await voice.hear(object)


@conversation
async def sessions_and_transactions(talk: Talk) -> None:
    """What a fetch session tells of a partition whose transaction ends."""
    topic = await talk.topic(2)
    each = await ready_producer(talk)
    voice = await talk.voice("reader")
    opening = replace(fetch(topic, row(0), row(1)), session_epoch=0, isolation_level=_READ_COMMITTED)
    await voice.ask(opening, 12, "opening")
    opened = talk.exchanges[-1].answer
    session = getattr(opened, "session_id", 0)

    def at(epoch: int) -> object:
        return replace(opening, session_id=session, session_epoch=epoch, topics=())

    await each.begin(topic, b"a")
    await voice.ask(at(1), 12, "open")
    await voice.ask(at(2), 12, "open, again")
    await each.finish(commit=False)
    await voice.ask(at(3), 12, "aborted")
    await voice.ask(at(4), 12, "aborted, again")
    await each.begin(topic, b"b", partition=1)
    await voice.ask(at(5), 12, "open")
    await each.finish(commit=True)
    await voice.ask(at(6), 12, "committed")


@conversation
async def offsets_of_committed_records(talk: Talk) -> None:
    """The last one, that of a time, that of the latest time; with an open transaction and without."""
    for kind in (1, 2):
        topic = await talk.topic(2)
        each = await ready_producer(talk, version=kind)
        voice = await talk.voice("reader")

        async def look(state: str, *, topic: str = topic, voice: Voice = voice, kind: int = kind) -> None:
            for version in _LISTS:
                for isolation in (0, _READ_COMMITTED, 2):
                    for timestamp in (
                        -1,
                        -2,
                        -3,
                        0,
                        talk.now_ms - 5,
                        talk.now_ms,
                        talk.now_ms + 1,
                        talk.now_ms + 10_000_000,
                    ):
                        rows = tuple(
                            ListOffsetsPartition(partition_index=index, timestamp=timestamp) for index in (0, 1)
                        )
                        request = ListOffsetsRequest(
                            replica_id=-1,
                            isolation_level=isolation,
                            topics=(ListOffsetsTopic(name=topic, partitions=rows),),
                            timeout_ms=2000,
                        )
                        when = timestamp if timestamp <= 0 else f"now + {timestamp - talk.now_ms}"
                        await voice.ask(request, version, f"version {kind}, {state}, {when}, isolation {isolation}")

        await voice.ask(produce(topic, batch(b"plain", timestamp=talk.now_ms - 10)), 9)
        await each.begin(topic, b"a")
        await voice.ask(produce(topic, batch(b"plain", timestamp=talk.now_ms - 5)), 9)
        await look("open")
        await each.finish(commit=False)
        await look("aborted")
        await each.begin(topic, b"b")
        await each.finish(commit=True)
        await look("committed")
