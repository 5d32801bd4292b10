"""The state of share groups (KIP-932), as brokers ask the share coordinator for it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from kafkalite_conformance.differential.batches import batch, produce
from kafkalite_conformance.differential.conversation import conversation
from kafkalite_conformance.differential.conversations.share_groups import (
    acknowledging,
    beating,
    fetching,
    from_the_start,
    joined,
)
from kafkalite_conformance.differential.talk import Talk, Voice
from kafkalite_wire.messages import delete_share_group_state as deleting
from kafkalite_wire.messages import initialize_share_group_state as initializing
from kafkalite_wire.messages import read_share_group_state as reading
from kafkalite_wire.messages import read_share_group_state_summary as summarizing
from kafkalite_wire.messages import write_share_group_state as writing
from kafkalite_wire.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from kafkalite_wire.messages.find_coordinator import FindCoordinatorRequest
from kafkalite_wire.schema import ZERO_UUID, format_uuid

_MEMBER: Final = "AAAAAAAAAAAAAAAAAAAAAQ"
_UNKNOWN_ID: Final = b"0123456789abcdef"
_SHARES: Final = 2
_COORDINATOR_IS_COMING: Final = (14, 15, 16)
_INVALID_REQUEST: Final = 42
_ACCEPT: Final = 1
_AVAILABLE, _ACKNOWLEDGED, _ARCHIVED = 0, 2, 4


def initialize(
    group: str, topic_id: bytes, *partitions: int, epoch: int = 0, offset: int = 0
) -> initializing.InitializeShareGroupStateRequest:
    """Return a request to begin at an offset."""
    rows = tuple(
        initializing.PartitionData(partition=index, state_epoch=epoch, start_offset=offset) for index in partitions
    )
    topic = initializing.InitializeStateData(topic_id=topic_id, partitions=rows)
    return initializing.InitializeShareGroupStateRequest(group_id=group, topics=(topic,))


def read(group: str, topic_id: bytes, *partitions: int, leader: int = 0) -> reading.ReadShareGroupStateRequest:
    """Return a request of a leader that begins."""
    rows = tuple(reading.PartitionData(partition=index, leader_epoch=leader) for index in partitions)
    topic = reading.ReadStateData(topic_id=topic_id, partitions=rows)
    return reading.ReadShareGroupStateRequest(group_id=group, topics=(topic,))


def write(
    group: str,
    topic_id: bytes,
    *partitions: int,
    epoch: int = 0,
    leader: int = 0,
    offset: int = -1,
    complete: int = -1,
    batches: tuple[tuple[int, int, int, int], ...] = (),
) -> writing.WriteShareGroupStateRequest:
    """Return a request of a leader; batches are first offset, last offset, state and count."""
    rows = tuple(
        writing.PartitionData(
            partition=index,
            state_epoch=epoch,
            leader_epoch=leader,
            start_offset=offset,
            delivery_complete_count=complete,
            state_batches=tuple(
                writing.StateBatch(first_offset=first, last_offset=last, delivery_state=state, delivery_count=count)
                for first, last, state, count in batches
            ),
        )
        for index in partitions
    )
    topic = writing.WriteStateData(topic_id=topic_id, partitions=rows)
    return writing.WriteShareGroupStateRequest(group_id=group, topics=(topic,))


def delete(group: str, topic_id: bytes, *partitions: int) -> deleting.DeleteShareGroupStateRequest:
    """Return a request to forget."""
    rows = tuple(deleting.PartitionData(partition=index) for index in partitions)
    topic = deleting.DeleteStateData(topic_id=topic_id, partitions=rows)
    return deleting.DeleteShareGroupStateRequest(group_id=group, topics=(topic,))


def summarize(
    group: str, topic_id: bytes, *partitions: int, leader: int = 0
) -> summarizing.ReadShareGroupStateSummaryRequest:
    """Return a request for how far a group is."""
    rows = tuple(summarizing.PartitionData(partition=index, leader_epoch=leader) for index in partitions)
    topic = summarizing.ReadStateSummaryData(topic_id=topic_id, partitions=rows)
    return summarizing.ReadShareGroupStateSummaryRequest(group_id=group, topics=(topic,))


async def ready(talk: Talk, voice: Voice, group: str, topic_id: bytes, *partitions: int) -> None:
    """Wait until the share coordinator serves partitions: Kafka makes its topic when it is first asked for."""
    key = f"{group}:{format_uuid(topic_id)}:0"
    await voice.whisper(FindCoordinatorRequest(coordinator_keys=(key,), key_type=_SHARES), 6, object)

    async def is_ready() -> bool:
        request = summarize(group, topic_id, *partitions)
        answer = await voice.whisper(request, 1, summarizing.ReadShareGroupStateSummaryResponse)
        return not any(row.error_code in _COORDINATOR_IS_COMING for row in answer.results[0].partitions)

    await talk.until(is_ready, "a share coordinator")


async def look(voice: Voice, group: str, topic_id: bytes, *partitions: int, note: str, leader: int = 0) -> None:
    """Ask for the summary in each version, and read."""
    for version in (0, 1):
        await voice.ask(summarize(group, topic_id, *partitions), version, note)
    await voice.ask(read(group, topic_id, *partitions, leader=leader), 0, note)


@conversation
async def states_are_written_and_read(talk: Talk) -> None:
    """From initialized to deleted: offsets that go on and back, counts, and batches that overlap."""
    topic, voice = await talk.topic(2), await talk.voice()
    topic_id, group = await talk.topic_id(topic), talk.name()
    await ready(talk, voice, group, topic_id, 0, 1)
    await look(voice, group, topic_id, 0, 1, note="before")
    await voice.ask(initialize(group, topic_id, 0, offset=5), 0, "at an offset")
    await voice.ask(initialize(group, topic_id, 1, offset=-1), 0, "at no offset")
    await look(voice, group, topic_id, 0, 1, note="initialized")
    for version in (0, 1):
        for note, request in (
            ("a batch", write(group, topic_id, 0, complete=1, batches=((5, 9, _AVAILABLE, 1),))),
            ("within it", write(group, topic_id, 0, offset=5, complete=2, batches=((6, 7, _ACKNOWLEDGED, 1),))),
            ("a lower state", write(group, topic_id, 0, offset=5, complete=0, batches=((6, 6, _AVAILABLE, 1),))),
            ("a higher count", write(group, topic_id, 0, batches=((7, 12, _AVAILABLE, 2), (13, 13, _ARCHIVED, 1)))),
            ("goes on", write(group, topic_id, 0, offset=8, complete=3)),
            ("goes back", write(group, topic_id, 0, offset=3, complete=4, batches=((3, 4, _ARCHIVED, 1),))),
            ("backwards", write(group, topic_id, 0, batches=((20, 19, _AVAILABLE, 1),))),
            ("an unknown state", write(group, topic_id, 0, batches=((30, 31, 7, 1),))),
            ("to where it began", write(group, topic_id, 1, offset=0, batches=((0, 0, _ACKNOWLEDGED, 1),))),
            ("both", write(group, topic_id, 0, 1, offset=10, complete=0)),
        ):
            await voice.ask(request, version, note)
            await look(voice, group, topic_id, 0, 1, note=note)
    await voice.ask(initialize(group, topic_id, 0, 1, offset=2), 0, "with the same epoch")
    await look(voice, group, topic_id, 0, 1, note="initialized twice")
    await voice.ask(delete(group, topic_id, 0), 0)
    await look(voice, group, topic_id, 0, 1, note="one is deleted")
    await voice.ask(delete(group, topic_id, 0, 1), 0, "one is gone already")
    await look(voice, group, topic_id, 0, 1, note="deleted")
    await voice.ask(write(group, topic_id, 0), 1, "deleted")


@conversation
async def older_epochs_are_fenced(talk: Talk) -> None:
    """A leader that reads fences those before it; a state that is initialized later, writes of that before it."""
    topic, voice = await talk.topic(1), await talk.voice()
    topic_id, group = await talk.topic_id(topic), talk.name()
    await ready(talk, voice, group, topic_id, 0)
    await voice.ask(initialize(group, topic_id, 0, epoch=3, offset=0), 0, "state 3")
    await voice.ask(initialize(group, topic_id, 0, epoch=2, offset=9), 0, "state 2")
    for note, epoch, leader in (
        ("leader 2, state 3", 3, 2),
        ("leader 2, state 2", 2, 2),
        ("leader 2, state 4", 4, 2),
        ("leader 1, state 3", 3, 1),
    ):
        await voice.ask(write(group, topic_id, 0, epoch=epoch, leader=leader, offset=leader), 1, note)
        await look(voice, group, topic_id, 0, note=note, leader=leader)
    for leader in (5, 4, 5, 6):
        await voice.ask(read(group, topic_id, 0, leader=leader), 0, f"leader {leader}")
        for version in (0, 1):
            await voice.ask(summarize(group, topic_id, 0, leader=leader), version, f"after leader {leader}")
        await voice.ask(write(group, topic_id, 0, epoch=3, leader=5, offset=leader), 1, "leader 5")
        await voice.ask(write(group, topic_id, 0, epoch=1, leader=5, offset=leader), 1, "leader 5, state 1")
    await voice.ask(initialize(group, topic_id, 0, epoch=7, offset=1), 0, "state 7")
    await look(voice, group, topic_id, 0, note="state 7", leader=5)
    await look(voice, group, topic_id, 0, note="state 7", leader=6)
    await voice.ask(write(group, topic_id, 0, epoch=3, leader=6), 1, "state 3")
    await voice.ask(delete(group, topic_id, 0), 0)
    await voice.ask(initialize(group, topic_id, 0, epoch=1), 0, "an older epoch, after it was deleted")
    await look(voice, group, topic_id, 0, note="initialized again", leader=1)


@conversation
async def odd_requests(talk: Talk) -> None:
    """Without a group, topics or partitions; of what does not exist; negative numbers; the same partition twice."""
    topic, voice = await talk.topic(2), await talk.voice()
    topic_id, group = await talk.topic_id(topic), talk.name()
    await ready(talk, voice, group, topic_id, 0, 1)
    await voice.ask(initialize(group, topic_id, 0), 0)
    kinds: tuple[Callable[..., Any], ...] = (initialize, read, write, delete, summarize)
    for make in kinds:
        whole = make(group, topic_id, 0)
        without = make(group, topic_id)
        for version in (0, 1) if make in (write, summarize) else (0,):
            for note, request in (
                ("no group", make("", topic_id, 0)),
                ("no topics", replace(whole, topics=())),
                ("no partitions", without),
                ("no partitions, and some", replace(whole, topics=(*without.topics, *whole.topics))),
                ("an unknown topic", make(group, _UNKNOWN_ID, 0)),
                ("no topic", make(group, ZERO_UUID, 0)),
                ("an unknown partition", make(group, topic_id, 2)),
                ("a negative partition", make(group, topic_id, -1)),
                ("another without a state", make(f"x{group}", topic_id, 1)),
                ("several", make(group, topic_id, 0, 1, 2, -2)),
                ("twice", make(group, topic_id, 0, 0)),
            ):
                await voice.ask(request, version, note)
        await voice.ask(initialize(group, topic_id, 0), 0)
    for note, request in (
        ("state -1", initialize(group, topic_id, 0, epoch=-1)),
        ("state -1 of an unknown topic", initialize(group, _UNKNOWN_ID, 0, epoch=-1)),
        ("offset -2", initialize(group, topic_id, 1, offset=-2)),
        ("leader -1", read(group, topic_id, 0, leader=-1)),
        ("leader -1 of an unknown topic", read(group, _UNKNOWN_ID, 0, leader=-1)),
        ("leader -1", write(group, topic_id, 0, leader=-1)),
        ("state -1", write(group, topic_id, 0, epoch=-1)),
        ("both -1", write(group, topic_id, 0, leader=-1, epoch=-1)),
        ("offset -5", write(group, topic_id, 0, offset=-5)),
    ):
        await voice.ask(request, 0, note)
    await voice.ask(summarize(group, topic_id, 0, leader=-1), 1, "leader -1")
    await look(voice, group, topic_id, 0, 1, note="at the end")


@conversation
async def states_of_a_group_with_members(talk: Talk) -> None:
    """What the coordinators and the leader make of a group, and what they do when its state is another's."""
    topic, group, voice = await talk.topic(1), await from_the_start(talk), await talk.voice()
    topic_id = await talk.topic_id(topic)
    await ready(talk, voice, group, topic_id, 0)
    await voice.ask(produce(topic, batch(b"a", b"b", b"c", timestamp=talk.now_ms)), 9)
    await joined(talk, voice, group, _MEMBER, topic)
    await look(voice, group, topic_id, 0, note="assigned")
    await voice.ask(fetching(group, _MEMBER, 0, topic_id), 2, "all")
    await look(voice, group, topic_id, 0, note="acquired")
    await voice.ask(acknowledging(group, _MEMBER, 1, topic_id, 0, 0, _ACCEPT), 2, "accepted")
    await look(voice, group, topic_id, 0, note="accepted")
    await voice.ask(initialize(group, topic_id, 0, epoch=1000, offset=1), 0, "by somebody else")
    await voice.ask(acknowledging(group, _MEMBER, 2, topic_id, 1, 1, _ACCEPT), 2, "of a state that was replaced")
    await voice.ask(fetching(group, _MEMBER, 3, topic_id), 2, "of a state that was replaced")
    await look(voice, group, topic_id, 0, note="replaced")
    await voice.ask(acknowledging(group, _MEMBER, 4, topic_id, 1, 2, _ACCEPT), 2, "of the new state")
    await look(voice, group, topic_id, 0, note="of the new state")
    await voice.ask(beating(group, _MEMBER, -1), 1, "leaves")


@conversation
async def a_newer_leader_takes_over(talk: Talk) -> None:
    """What a leader does whose state a newer one has read."""
    topic, group, voice = await talk.topic(1), await from_the_start(talk), await talk.voice()
    topic_id = await talk.topic_id(topic)
    await ready(talk, voice, group, topic_id, 0)
    await voice.ask(produce(topic, batch(b"a", b"b", b"c", timestamp=talk.now_ms)), 9)
    await joined(talk, voice, group, _MEMBER, topic)
    await voice.ask(fetching(group, _MEMBER, 0, topic_id), 2, "all")
    await look(voice, group, topic_id, 0, note="by a newer leader", leader=9)
    await voice.ask(acknowledging(group, _MEMBER, 1, topic_id, 0, 0, _ACCEPT), 2, "fenced")
    await voice.ask(fetching(group, _MEMBER, 2, topic_id), 2, "fenced")
    await look(voice, group, topic_id, 0, note="fenced", leader=9)
    await voice.ask(beating(group, _MEMBER, -1), 1, "leaves")


@conversation
async def states_go_with_their_topic(talk: Talk) -> None:
    """A topic that is deleted takes the states of its partitions along."""
    topic, voice = await talk.topic(1), await talk.voice()
    topic_id, group = await talk.topic_id(topic), talk.name()
    await ready(talk, voice, group, topic_id, 0)
    await voice.ask(initialize(group, topic_id, 0, epoch=1), 0)
    await voice.whisper(
        DeleteTopicsRequest(topics=(DeleteTopicState(name=None, topic_id=topic_id),), timeout_ms=10_000), 6, object
    )

    async def is_gone() -> bool:
        answer = await voice.whisper(read(group, topic_id, 0), 0, reading.ReadShareGroupStateResponse)
        return answer.results[0].partitions[0].error_code == _INVALID_REQUEST

    await talk.until(is_gone, "end of the state")
    await look(voice, group, topic_id, 0, note="the topic is gone")
    await voice.ask(write(group, topic_id, 0), 1, "the topic is gone")
    await voice.ask(initialize(group, topic_id, 0), 0, "the topic is gone")
    await voice.ask(delete(group, topic_id, 0), 0, "the topic is gone")


@conversation
async def fetches_without_a_state(talk: Talk) -> None:
    """Of a group that nobody has joined, and of one whose state was deleted."""
    topic, group, voice = await talk.topic(1), await from_the_start(talk), await talk.voice()
    topic_id = await talk.topic_id(topic)
    await ready(talk, voice, group, topic_id, 0)
    await voice.ask(produce(topic, batch(b"a", b"b", b"c", timestamp=talk.now_ms)), 9)
    await voice.ask(fetching(group, _MEMBER, 0, topic_id), 2, "never joined")
    await voice.ask(fetching(group, _MEMBER, 1, topic_id), 2, "never joined")
    await voice.ask(acknowledging(group, _MEMBER, 2, topic_id, 0, 0, _ACCEPT), 2, "never joined")
    await voice.ask(initialize(group, topic_id, 0, offset=1), 0)
    await voice.ask(fetching(group, _MEMBER, 0, topic_id), 2, "initialized by somebody else")
    await voice.ask(delete(group, topic_id, 0), 0)
    await voice.ask(acknowledging(group, _MEMBER, 1, topic_id, 1, 1, _ACCEPT), 2, "deleted")
    await voice.ask(fetching(group, _MEMBER, 0, topic_id, wait_ms=500), 2, "deleted")
