"""Fetch: limits, errors, and sessions (KIP-227)."""

from dataclasses import replace

from kafkalite_conformance.differential.batches import batch, produce
from kafkalite_conformance.differential.conversation import conversation
from kafkalite_conformance.differential.talk import Talk
from kafkalite_wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from kafkalite_wire.messages.delete_topics import DeleteTopicsRequest
from kafkalite_wire.messages.fetch import FetchPartition, FetchRequest, FetchResponse, FetchTopic, ForgottenTopic

_VERSIONS = range(4, 19)
_UNKNOWN_ID = b"0123456789abcdef"


def row(
    partition: int = 0, offset: int = 0, size: int = 100_000, *, epoch: int = -1, last_epoch: int = -1
) -> FetchPartition:
    """Return what is asked of one partition."""
    return FetchPartition(
        partition=partition,
        fetch_offset=offset,
        partition_max_bytes=size,
        current_leader_epoch=epoch,
        last_fetched_epoch=last_epoch,
    )


def fetch(topic: str, *rows: FetchPartition, topic_id: bytes = bytes(16), wait_ms: int = 0) -> FetchRequest:
    """Return a request without a session."""
    topics = (FetchTopic(topic=topic, topic_id=topic_id, partitions=rows or (row(),)),)
    return FetchRequest(max_wait_ms=wait_ms, min_bytes=1, topics=topics)


@conversation
async def records_are_fetched(talk: Talk) -> None:
    """In every version: from offsets that are there and are not, from topics that are there and are not."""
    topic, missing = await talk.topic(2), talk.name()
    topic_id = await talk.topic_id(topic)
    voice = await talk.voice()
    for number in range(3):
        await voice.ask(produce(topic, batch(b"a%d" % number, b"b", timestamp=talk.now_ms)), 9)
    for version in _VERSIONS:
        for offset in (0, 1, 2, 5, 6, 7, -1, -5, 10**12):
            await voice.ask(fetch(topic, row(offset=offset), topic_id=topic_id), version, f"from {offset}")
        await voice.ask(fetch(topic, row(1), topic_id=topic_id), version, "an empty partition")
        await voice.ask(fetch(topic, row(9), topic_id=topic_id), version, "an unknown partition")
        await voice.ask(fetch(topic, row(-1), topic_id=topic_id), version, "a negative partition")
        await voice.ask(fetch(topic, row(0), row(1), row(9), topic_id=topic_id), version, "several partitions")
        await voice.ask(fetch(topic, row(0), row(0), topic_id=topic_id), version, "a partition twice")
        await voice.ask(fetch(topic, row(0), row(1), row(0, 5), topic_id=topic_id), version, "twice, at other offsets")
        twice = fetch(topic, row(0), topic_id=topic_id)
        twice = replace(twice, topics=(*twice.topics, *fetch(topic, row(1), row(0, 5), topic_id=topic_id).topics))
        await voice.ask(twice, version, "a topic twice")
        await voice.ask(fetch(missing, topic_id=_UNKNOWN_ID), version, "an unknown topic")
        await voice.ask(fetch("", topic_id=bytes(16)), version, "neither name nor id")
        await voice.ask(FetchRequest(max_wait_ms=0, min_bytes=1, topics=()), version, "nothing")
        await voice.ask(replace(fetch(topic, topic_id=topic_id), isolation_level=1), version, "read committed")
        await voice.ask(replace(fetch(topic, topic_id=topic_id), isolation_level=5), version, "isolation 5")
        for epoch in (0, 1, -2):
            await voice.ask(fetch(topic, row(epoch=epoch), topic_id=topic_id), version, f"epoch {epoch}")
        for epoch in (0, 1, -2):
            request = fetch(topic, row(offset=2, epoch=0, last_epoch=epoch), topic_id=topic_id)
            await voice.ask(request, version, f"last epoch {epoch}")


@conversation
async def limits_of_size(talk: Talk) -> None:
    """Of a partition and of the whole answer; the first batch always comes."""
    topic = await talk.topic(2)
    voice = await talk.voice()
    for partition in (0, 1):
        for number in range(4):
            await voice.ask(
                produce(topic, batch(b"x" * 200, b"%d" % number, timestamp=talk.now_ms), partition=partition), 9
            )
    for version in (4, 11, 12):
        for size in (0, 1, 100, 300, 600, 900, -1):
            await voice.ask(fetch(topic, row(0, size=size), row(1, size=size)), version, f"partitions of {size}")
        for size in (0, 1, 100, 300, 600, 900, 1400, -1):
            request = replace(fetch(topic, row(0), row(1)), max_bytes=size)
            await voice.ask(request, version, f"all of {size}")
        for offset in (1, 3, 7):
            await voice.ask(fetch(topic, row(0, offset, 1)), version, f"one batch at {offset}")
        await voice.ask(replace(fetch(topic), min_bytes=0), version, "no least")
        await voice.ask(replace(fetch(topic), min_bytes=-1), version, "a negative least")
        await voice.ask(replace(fetch(topic), min_bytes=10**9, max_wait_ms=50), version, "more than there is")


@conversation
async def fetches_that_wait(talk: Talk) -> None:
    """For data, for an error, for their time."""
    topic = await talk.topic(2)
    voice, producer = await talk.voice("consumer"), await talk.voice("producer")
    for version in (4, 11, 12):
        await voice.ask(fetch(topic, row(1), wait_ms=200), version, "until its time is up")
        end = (version // 4 - 1) if version < 12 else 2
        await voice.start(fetch(topic, row(0, end), wait_ms=10_000), version, "for data")
        await producer.ask(produce(topic, batch(b"x", timestamp=talk.now_ms)), 9)
        await voice.hear(object)
        await voice.ask(fetch(topic, row(0, 50), row(1), wait_ms=10_000), version, "an error does not wait")
        await voice.ask(fetch(talk.name(), wait_ms=10_000), version, "an unknown topic does not wait")


@conversation
async def sessions_tell_only_news(talk: Talk) -> None:
    """A session from its first request to its last, by name and by id."""
    for version in range(7, 19):
        topic = await talk.topic(3)
        topic_id = await talk.topic_id(topic)
        voice = await talk.voice()
        await voice.ask(produce(topic, batch(b"x", timestamp=talk.now_ms)), 9)
        opening = replace(fetch(topic, row(0), row(1), topic_id=topic_id), session_epoch=0)
        opened = await voice.answer(opening, version, FetchResponse, "opening")
        session = opened.session_id
        rest = FetchRequest(max_wait_ms=0, min_bytes=1, topics=(), session_id=session)

        def at(
            epoch: int,
            *rows: FetchPartition,
            forget: tuple[int, ...] = (),
            rest: FetchRequest = rest,
            topic: str = topic,
            topic_id: bytes = topic_id,
        ) -> FetchRequest:
            topics = (FetchTopic(topic=topic, topic_id=topic_id, partitions=rows),) if rows else ()
            gone = (ForgottenTopic(topic=topic, topic_id=topic_id, partitions=forget),) if forget else ()
            return replace(rest, session_epoch=epoch, topics=topics, forgotten_topics_data=gone)

        await voice.ask(at(1), version, "the same again")
        await voice.ask(at(2, row(0, 1)), version, "further on")
        await voice.ask(at(3), version, "nothing new")
        await voice.ask(produce(topic, batch(b"y", timestamp=talk.now_ms), partition=1), 9)
        await voice.ask(at(4), version, "news of the other partition")
        await voice.ask(at(5, row(1, 1), row(2)), version, "a partition more")
        await voice.ask(at(6, forget=(0, 2)), version, "fewer partitions")
        await voice.ask(produce(topic, batch(b"z", timestamp=talk.now_ms), partition=2), 9)
        await voice.ask(at(7), version, "no news of what was forgotten")
        await voice.ask(at(8, forget=(9,)), version, "forget what was not there")
        await voice.ask(at(9, row(9)), version, "an unknown partition")
        await voice.ask(at(10), version, "an unknown partition, again")
        await voice.ask(at(11, row(1, 99)), version, "out of range")
        await voice.ask(at(12), version, "out of range, again")
        await voice.ask(at(12), version, "an epoch again")
        await voice.ask(at(20), version, "an epoch too far")
        await voice.ask(at(13, row(1, 1), forget=(9,)), version, "the right epoch")
        await voice.ask(replace(at(3), session_id=session + 1), version, "another session")
        await voice.ask(at(-1, row(0)), version, "the end of it")
        await voice.ask(at(14), version, "after the end")
        await voice.ask(at(0, row(0)), version, "a new one in its place")


@conversation
async def sessions_that_are_odd(talk: Talk) -> None:
    """Empty ones, epochs without sessions, topics that come and go."""
    topic = await talk.topic(1)
    topic_id = await talk.topic_id(topic)
    voice = await talk.voice()
    for version in (7, 11, 12, 13, 18):
        nothing = FetchRequest(max_wait_ms=0, min_bytes=1, topics=())
        for session, epoch in ((0, 0), (0, -1), (0, 1), (5, 0), (5, -1), (5, 1), (-3, 1), (0, -2)):
            request = replace(nothing, session_id=session, session_epoch=epoch)
            await voice.ask(request, version, f"nothing, session {session}, epoch {epoch}")
            request = replace(fetch(topic, topic_id=topic_id), session_id=session, session_epoch=epoch)
            await voice.ask(request, version, f"something, session {session}, epoch {epoch}")
        opening = replace(fetch("unheard-of", topic_id=_UNKNOWN_ID), session_epoch=0)
        opened = await voice.answer(opening, version, FetchResponse, "an unknown topic")
        again = replace(nothing, session_id=opened.session_id, session_epoch=1)
        await voice.ask(again, version, "an unknown topic, again")


@conversation
async def a_session_does_not_change_between_names_and_ids(talk: Talk) -> None:
    """Version 13 brought topic ids (KIP-516)."""
    topic = await talk.topic(1)
    topic_id = await talk.topic_id(topic)
    voice = await talk.voice()
    for first, second in ((12, 13), (13, 12)):
        opening = replace(fetch(topic, topic_id=topic_id), session_epoch=0)
        opened = await voice.answer(opening, first, FetchResponse, "opening")
        rest = replace(fetch(topic, topic_id=topic_id), session_id=opened.session_id)
        await voice.ask(replace(rest, session_epoch=1), second, "in the other version")
        await voice.ask(replace(rest, session_epoch=1, topics=()), second, "in the other version, nothing")
        await voice.ask(replace(rest, session_epoch=1), first, "in its own version")
        await voice.ask(replace(rest, session_epoch=2), first, "in its own version, next epoch")


@conversation
async def topics_that_are_deleted_and_created_again(talk: Talk) -> None:
    """A session keeps the names of its topics, and says what has become of them."""
    for version in (7, 12, 13, 18):
        topic = await talk.topic(1)
        topic_id = await talk.topic_id(topic)
        voice, administrator = await talk.voice(), await talk.voice("administrator")
        await voice.ask(produce(topic, batch(b"x", timestamp=talk.now_ms)), 9)
        opening = replace(fetch(topic, topic_id=topic_id), session_epoch=0)
        opened = await voice.answer(opening, version, FetchResponse, "opening")
        rest = FetchRequest(max_wait_ms=0, min_bytes=1, topics=(), session_id=opened.session_id)
        await administrator.ask(DeleteTopicsRequest(topic_names=(topic,), timeout_ms=5000), 5)
        for epoch in (1, 2):
            await voice.ask(replace(rest, session_epoch=epoch), version, "deleted")
        await voice.ask(fetch(topic, topic_id=topic_id), version, "deleted, without a session")
        again = CreatableTopic(name=topic, num_partitions=1, replication_factor=1)
        await administrator.ask(CreateTopicsRequest(topics=(again,), timeout_ms=5000), 6)
        await talk.until_served(topic, 1)
        for epoch in (3, 4):
            await voice.ask(replace(rest, session_epoch=epoch), version, "created again")
        await voice.ask(fetch(topic, topic_id=topic_id), version, "created again, without a session")


@conversation
async def a_topic_is_deleted_while_a_fetch_waits(talk: Talk) -> None:
    """By name, and by id."""
    for version in (12, 13, 18):
        topic = await talk.topic(1)
        topic_id = await talk.topic_id(topic)
        voice, administrator = await talk.voice(), await talk.voice("administrator")
        await voice.start(fetch(topic, topic_id=topic_id, wait_ms=10_000), version, "waits")
        await administrator.ask(DeleteTopicsRequest(topic_names=(topic,), timeout_ms=5000), 5)
        await voice.hear(object)
