"""DescribeTransactions, ListTransactions and DescribeProducers."""

from typing import Final

from kafkalite_conformance.differential.batches import batch, produce
from kafkalite_conformance.differential.conversation import conversation
from kafkalite_conformance.differential.talk import Talk
from kafkalite_conformance.differential.transactional import ready_producer
from kafkalite_wire.messages.describe_producers import DescribeProducersRequest, TopicRequest
from kafkalite_wire.messages.describe_transactions import DescribeTransactionsRequest
from kafkalite_wire.messages.init_producer_id import InitProducerIdRequest, InitProducerIdResponse
from kafkalite_wire.messages.list_transactions import ListTransactionsRequest

_LISTS: Final = range(3)
_DURATIONS_SINCE: Final = 1
_PATTERNS_SINCE: Final = 2
_LONG_MS: Final = 3_600_000


@conversation
async def transactions_are_described(talk: Talk) -> None:
    """Those that are known and those that are not; nothing; one twice."""
    topic, other = await talk.topic(3), await talk.topic()
    each = await ready_producer(talk, version=1)
    voice = await talk.voice()
    missing, name = talk.name(), each.transactional_id
    await each.describe("empty")
    await each.add({topic: (2, 0), other: (0,)})
    for note, names in (
        ("ongoing", (name,)),
        ("unknown", (missing,)),
        ("empty id", ("",)),
        ("nothing", ()),
        ("known and unknown", (missing, name, "")),
        ("twice", (name, name)),
        ("unknown twice", (missing, missing)),
    ):
        await voice.ask(DescribeTransactionsRequest(transactional_ids=names), 0, note)
    await each.finish(commit=True)
    await each.describe("committed")
    await each.add({topic: (1,)})
    await each.describe("ongoing again")
    await each.finish(commit=False)
    await each.describe("aborted")
    await each.init("another time-out", timeout_ms=1234)
    await each.describe("another time-out")


@conversation
async def transactions_are_listed(talk: Talk) -> None:
    """By state, by producer id, by duration, by pattern, and by several of them."""
    topic = await talk.topic()
    empty = await ready_producer(talk, "empty")
    open_one = await ready_producer(talk, "open")
    committed = await ready_producer(talk, "committed")
    aborted = await ready_producer(talk, "aborted")
    for each in (open_one, committed, aborted):
        await each.begin(topic)
    await committed.finish(commit=True)
    await aborted.finish(commit=False)
    voice = await talk.voice()
    own = empty.transactional_id.rpartition("-")[0]
    for version in _LISTS:
        for states in (
            (),
            ("Ongoing",),
            ("ongoing",),
            ("Empty", "CompleteCommit"),
            ("CompleteAbort", "Nonsense"),
            ("Nonsense", "More"),
            ("",),
            ("PrepareCommit", "PrepareAbort", "Dead", "PrepareEpochFence"),
            ("Ongoing", "Ongoing"),
            ("Nonsense", "Nonsense"),
        ):
            request = ListTransactionsRequest(state_filters=states, producer_id_filters=())
            await voice.ask(request, version, f"states {', '.join(map(repr, states))}")
        for note, ids in (
            ("one", (empty.producer_id,)),
            ("two", (empty.producer_id, open_one.producer_id)),
            ("unknown", (10**15,)),
            ("negative", (-1,)),
        ):
            request = ListTransactionsRequest(state_filters=(), producer_id_filters=ids)
            await voice.ask(request, version, f"ids, {note}")
            request = ListTransactionsRequest(state_filters=("Ongoing",), producer_id_filters=ids)
            await voice.ask(request, version, f"ids and state, {note}")
        for duration in (-5, -1, 0, 1, _LONG_MS, 2**62) if version >= _DURATIONS_SINCE else ():
            for states in ((), ("Empty",), ("Ongoing",), ("CompleteAbort",)):
                request = ListTransactionsRequest(
                    state_filters=states, producer_id_filters=(), duration_filter=duration
                )
                await voice.ask(request, version, f"{duration} ms, {states}")
        for pattern in (
            (
                None,
                "",
                own,
                f"{own}.*",
                f"{own}-.*",
                f"{own}-?",
                ".*",
                f"({own}-[0-9]+)",
                f"{own[:-1]}.+",
                "(",
                "[",
                "*",
                "a{2,1}",
                f"(?i){own.upper()}.*",
                f"^{own}.*$",
                f"{own}-\\d+",
                "(?=x)",
                "(x)\\1",
                "(?<name>x)",
                "\\p{L}.*",
                "\\Q" + own + "\\E.*",
            )
            if version >= _PATTERNS_SINCE
            else ()
        ):
            request = ListTransactionsRequest(
                state_filters=(), producer_id_filters=(), transactional_id_pattern=pattern
            )
            await voice.ask(request, version, f"pattern {str(pattern).replace(own, 'own').replace(own[:-1], 'ow')}")


@conversation
async def producers_are_described(talk: Talk) -> None:
    """Idempotent and transactional ones, of partitions that are there and are not."""
    topic, missing = await talk.topic(2), talk.name()
    voice = await talk.voice()
    for note, rows in (
        ("empty", ((topic, (0, 1)),)),
        ("unknown partition", ((topic, (7, -1)),)),
        ("unknown topic", ((missing, (0,)),)),
        ("bad name", (("a b", (0,)),)),
        ("no name", (("", (0,)),)),
        ("no partition", ((topic, ()),)),
        ("nothing", ()),
        ("twice", ((topic, (0, 0)),)),
        ("a topic twice", ((topic, (0,)), (topic, (1,)))),
        ("known and unknown", ((topic, (0, 7)), (missing, (0,)))),
    ):
        topics = tuple(TopicRequest(name=name, partition_indexes=partitions) for name, partitions in rows)
        await voice.ask(DescribeProducersRequest(topics=topics), 0, note)
    request = InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=0)
    made = await voice.answer(request, 4, InitProducerIdResponse)
    for sequence in (0, 1):
        data = batch(
            b"x", timestamp=talk.now_ms, producer_id=made.producer_id, producer_epoch=0, base_sequence=sequence
        )
        await voice.ask(produce(topic, data), 9)
    for kind in (1, 2):
        each = await ready_producer(talk, version=kind)
        await each.begin(topic, b"a", b"b")
        await each.describe_producers(topic, note="open")
        await each.finish(commit=kind == 1)
        await each.describe_producers(topic, note="ended")
        await each.begin(topic, b"c")
        await each.describe_producers(topic, note="open again")
        await each.write(topic, b"d")
        await each.describe_producers(topic, note="open still")
        await each.init("over it")
        await each.describe_producers(topic, note="fenced")
