"""EndTxn in every state, both transaction versions on one transactional id, and WriteTxnMarkers."""

from functools import partial
from typing import Final

from kafkalite_conformance.differential.conversation import conversation
from kafkalite_conformance.differential.conversations.fetching import fetch, row
from kafkalite_conformance.differential.talk import Talk
from kafkalite_conformance.differential.transactional import TransactionalProducer, producer, ready_producer
from kafkalite_wire.messages.end_txn import EndTxnRequest
from kafkalite_wire.messages.write_txn_markers import (
    WritableTxnMarker,
    WritableTxnMarkerTopic,
    WriteTxnMarkersRequest,
)

_VERSIONS: Final = range(6)
_NEW_EPOCH_SINCE: Final = 5
_MARKERS: Final = range(1, 3)


async def _both_ways(each: TransactionalProducer, version: int, words: str, *, epoch: int) -> None:
    """Ask for both ends as a producer with some epoch, and write down what has come of it."""
    for commit in (True, False):
        request = EndTxnRequest(
            transactional_id=each.transactional_id,
            producer_id=each.producer_id,
            producer_epoch=epoch,
            committed=commit,
        )
        await each.voice.ask(request, version, f"{words}, {'commit' if commit else 'abort'}")
        await each.talk.until_ended(each.transactional_id)


@conversation
async def transactions_that_never_began(talk: Talk) -> None:
    """Nothing was added; each request has a transactional id of its own."""
    for version in _VERSIONS:
        for commit in (True, False):
            each = await ready_producer(talk)
            first_epoch = each.epoch
            for number in range(3):
                await each.end(str(number), commit=commit, version=version)
                await talk.until_ended(each.transactional_id)
                await each.describe(str(number))
            await each.end("the first epoch", commit=commit, version=version, producer_epoch=first_epoch)
            await talk.until_ended(each.transactional_id)
            await each.end("the other way", commit=not commit, version=version)
            await talk.until_ended(each.transactional_id)
            await each.describe()


@conversation
async def producers_that_are_not_known(talk: Talk) -> None:
    """Wrong ids and epochs, with and without an open transaction."""
    topic = await talk.topic()
    for version in _VERSIONS:
        each = await ready_producer(talk)
        await each.init("a higher epoch")
        for state in ("empty", "ongoing", "committed"):
            if state == "ongoing":
                await each.begin(topic)
            if state == "committed":
                await each.finish(commit=True)
            for commit in (True, False):
                for note, changes in (
                    ("a much older epoch", {"producer_epoch": each.epoch - 2}),
                    ("an epoch to come", {"producer_epoch": each.epoch + 1}),
                    ("a negative epoch", {"producer_epoch": -1}),
                    ("another producer id", {"producer_id": each.producer_id + 100_000}),
                    ("no producer id", {"producer_id": -1}),
                    ("unknown transactional id", {"transactional_id": talk.name()}),
                    ("empty transactional id", {"transactional_id": ""}),
                ):
                    await each.end(f"{state}, {note}", commit=commit, version=version, **changes)
        await each.describe()


@conversation
async def transactions_end(talk: Talk) -> None:
    """Once, again, the other way, with the epoch before; in every version of both requests that begin one."""
    topic = await talk.topic()
    for version in _VERSIONS:
        for kind in (1, 2):
            for commit in (True, False):
                each = await ready_producer(talk, version=kind)
                words = f"begun by version {kind}"
                await each.begin(topic, note=words)
                await each.describe(words)
                epoch = each.epoch
                await each.finish(words, commit=commit, version=version)
                await each.describe(words)
                await _both_ways(each, version, f"{words}, the old epoch again", epoch=epoch)
                await each.describe(words)
                await _both_ways(each, version, f"{words}, the present epoch", epoch=each.epoch)
                await each.describe(words)
                await each.init("after that")
                await each.describe(words)
                await _both_ways(each, version, f"{words}, after a new start, the old epoch", epoch=epoch)


@conversation
async def transactions_end_one_after_the_other(talk: Talk) -> None:
    """Commits and aborts in turn, with the right epoch each time."""
    topic = await talk.topic()
    for kind in (1, 2):
        each = await ready_producer(talk, version=kind)
        for number, commit in enumerate((True, False, False, True, True)):
            await each.begin(topic, b"%d" % number, note=str(number))
            await each.finish(str(number), commit=commit)
        await each.describe()
        await each.describe_producers(topic)
        await each.voice.ask(fetch(topic), 12)


@conversation
async def transactions_end_in_another_version_than_they_began(talk: Talk) -> None:
    """Producers of both versions share one transactional id, in turns."""
    topic = await talk.topic(2)
    for first, second in ((1, 2), (2, 1)):
        one = await ready_producer(talk, "one", version=first)
        two = await producer(talk, "two", version=second, transactional_id=one.transactional_id)
        words = f"{first} then {second}"
        await one.begin(topic, note=words)
        await one.finish(words, commit=True)
        await two.init(words)
        await two.begin(topic, note=words)
        await one.write(topic, note=f"{words}, fenced")
        await two.finish(words, commit=False)
        await one.init(words)
        await one.begin(topic, note=words)
        await two.init(f"{words}, over it")
        await two.begin(topic, partition=1, note=words)
        await two.finish(words, commit=True)
        await two.describe(words)
        await two.describe_producers(topic, 0, 1, note=words)
    # One producer that asks in old and new versions.
    each = await ready_producer(talk, version=1)
    for number, (adds, produces, ends) in enumerate(
        ((True, 11, 5), (True, 12, 4), (False, 12, 5), (False, 12, 4), (True, 11, 4), (True, 12, 5), (False, 11, 5))
    ):
        words = f"{number}, {'adds, ' if adds else ''}Produce v{produces}, EndTxn v{ends}"
        if adds:
            await each.add({topic: (0,)}, words)
        await each.write(topic, note=words, version=produces)
        await each.describe(words)
        await each.finish(words, commit=number % 2 == 0, version=ends)
        await each.describe(words)
    await each.voice.ask(fetch(topic), 12)


@conversation
async def empty_transactions_of_both_versions(talk: Talk) -> None:
    """Partitions were added and nothing was written."""
    topic = await talk.topic()
    for version in _VERSIONS:
        for commit in (True, False):
            each = await ready_producer(talk, version=1)
            words = "commit" if commit else "abort"
            await each.add({topic: (0,)}, words)
            await each.finish(words, commit=commit, version=version)
            await each.describe_producers(topic, note=words)
            await each.voice.ask(fetch(topic), 12, words)


def _marker(
    each: TransactionalProducer,
    topics: dict[str, tuple[int, ...]],
    *,
    commit: bool = False,
    epoch: int | None = None,
    later: int = 0,
    transaction_version: int = 0,
    producer_id: int | None = None,
) -> WritableTxnMarker:
    return WritableTxnMarker(
        producer_id=each.producer_id if producer_id is None else producer_id,
        producer_epoch=each.epoch if epoch is None else epoch,
        transaction_result=commit,
        topics=tuple(
            WritableTxnMarkerTopic(name=name, partition_indexes=partitions) for name, partitions in topics.items()
        ),
        coordinator_epoch=each.talk.coordinator_epoch + later,
        transaction_version=transaction_version,
    )


@conversation
async def markers_are_written(talk: Talk) -> None:
    """By hand, as an administrator does it: of open transactions, of ended ones, of none."""
    missing = talk.name()
    for version in _MARKERS:
        for transaction_version in (0, 1, 2) if version > 1 else (0,):
            for kind in (1, 2):
                topic = await talk.topic(2)
                each = await ready_producer(talk, version=kind)
                words = f"version {kind}, marker of {transaction_version}"

                async def write(
                    note: str,
                    *markers: WritableTxnMarker,
                    each: TransactionalProducer = each,
                    version: int = version,
                    topic: str = topic,
                    words: str = words,
                ) -> None:
                    await each.voice.ask(WriteTxnMarkersRequest(markers=markers), version, f"{words}, {note}")
                    await each.describe_producers(topic, 0, 1, note=f"{words}, {note}")

                marked = partial(_marker, each, transaction_version=transaction_version)
                await each.init("a higher epoch")
                await write("no marker")
                await write("nothing open", marked({topic: (0,)}))
                await each.begin(topic, b"a")
                await write("no partition", marked({topic: ()}))
                await write("no topic", marked({}))
                await write("unknown", marked({missing: (0,), topic: (9, -1)}))
                await write("an epoch to come", marked({topic: (1,)}, epoch=each.epoch + 5))
                await write("an older epoch", marked({topic: (0,)}, epoch=each.epoch - 1))
                await write("a negative epoch", marked({topic: (0,)}, epoch=-1))
                await write("the same epoch", marked({topic: (0,)}))
                await write("the same again", marked({topic: (0,)}))
                await each.write(topic, b"b", note=f"{words}, after the marker")
                await each.finish(words, commit=True)
                await each.describe_producers(topic, 0, 1, note=f"{words}, ended")
                await each.voice.ask(fetch(topic), 12, words)


@conversation
async def markers_of_coordinators(talk: Talk) -> None:
    """A coordinator of an older epoch is refused; one of a newer epoch is remembered."""
    for version in _MARKERS:
        topic = await talk.topic()
        each = await ready_producer(talk, version=1)
        for epoch in (5, 4, 5, 6, -1, 0):
            await each.add({topic: (0,)}, f"coordinator epoch {epoch}")
            await each.write(topic, note=f"coordinator epoch {epoch}")
            marker = _marker(each, {topic: (0,)}, later=epoch)
            await each.voice.ask(WriteTxnMarkersRequest(markers=(marker,)), version, f"coordinator epoch {epoch}")
            await each.describe_producers(topic, note=f"coordinator epoch {epoch}")
        await each.voice.ask(fetch(topic), 12)


@conversation
async def markers_of_several_producers(talk: Talk) -> None:
    """In one request: the same producer twice, commits and aborts."""
    for version in _MARKERS:
        topic, other = await talk.topic(2), await talk.topic()
        one = await ready_producer(talk, "one", version=1)
        two = await ready_producer(talk, "two", version=1)
        for each in (one, two):
            await each.add({topic: (0, 1), other: (0,)})
            await each.write(topic)
            await each.write(topic, partition=1)
            await each.write(other)
        markers = (
            _marker(one, {topic: (0, 1)}, commit=True),
            _marker(two, {topic: (0,), other: (0,)}),
        )
        await one.voice.ask(WriteTxnMarkersRequest(markers=markers), version, "two producers")
        await one.describe_producers(topic, 0, 1)
        await one.describe_producers(other)
        stranger = _marker(one, {topic: (0,)}, producer_id=one.producer_id + 1_000_000)
        await one.voice.ask(WriteTxnMarkersRequest(markers=(stranger,)), version, "a stranger")
        await one.describe_producers(topic, 0, 1)
        await one.voice.ask(fetch(topic, row(0), row(1)), 12)
        await one.voice.ask(fetch(other), 12)


@conversation
async def partitions_and_producers_are_named_twice(talk: Talk) -> None:
    """By the markers of one request."""
    for version in _MARKERS:
        topic = await talk.topic(2)
        each = await ready_producer(talk, version=1)
        for note, wanted in (
            ("a partition", (_marker(each, {topic: (1, 1)}),)),
            ("a producer", (_marker(each, {topic: (0,)}, commit=True), _marker(each, {topic: (1,)}))),
        ):
            await each.begin(topic, note=note)
            await each.begin(topic, partition=1, note=note)
            await each.voice.start(WriteTxnMarkersRequest(markers=wanted), version, note)
            await each.voice.reconnect()
            await each.describe_producers(topic, 0, 1, note=note)


@conversation
async def markers_of_a_later_epoch(talk: Talk) -> None:
    """They stand in the way of those that the coordinator writes."""
    for version in _MARKERS:
        for transaction_version in (0, 2) if version > 1 else (0,):
            for kind in (1, 2):
                topic = await talk.topic()
                each = await ready_producer(talk, version=kind)
                words = f"version {kind}, marker of {transaction_version}"
                for ahead in (1, 2):
                    await each.begin(topic, note=words)
                    marker = _marker(
                        each, {topic: (0,)}, epoch=each.epoch + ahead, transaction_version=transaction_version
                    )
                    request = WriteTxnMarkersRequest(markers=(marker,))
                    await each.voice.ask(request, version, f"{words}, {ahead} ahead")
                    await each.describe_producers(topic, note=f"{words}, {ahead} ahead")
                    await each.voice.ask(request, version, f"{words}, {ahead} ahead, again")
                    await each.describe_producers(topic, note=f"{words}, {ahead} ahead, again")
                    await each.write(topic, note=f"{words}, after that")
                await each.end(words, commit=True)
                await each.describe_producers(topic, note=words)
                await each.voice.ask(fetch(topic), 12, words)


@conversation
async def the_end_of_a_transaction_that_was_ended_by_hand(talk: Talk) -> None:
    """The coordinator's marker is refused, because one of a later epoch is there."""
    for kind in (1, 2):
        topic = await talk.topic()
        each = await ready_producer(talk, version=kind)
        await each.begin(topic)
        marker = _marker(each, {topic: (0,)}, epoch=each.epoch + 3)
        await each.voice.ask(WriteTxnMarkersRequest(markers=(marker,)), 1, "by hand")
        await each.end("too late", commit=True)
        await each.describe("too late")
