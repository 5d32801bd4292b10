"""ShareFetch and ShareAcknowledge: share sessions, and what is refused before anything is fetched (KIP-932)."""

from kafkalite_conformance.differential.conversation import conversation
from kafkalite_conformance.differential.talk import Talk
from kafkalite_wire.messages import share_acknowledge, share_fetch
from kafkalite_wire.messages.share_acknowledge import ShareAcknowledgeRequest
from kafkalite_wire.messages.share_fetch import ShareFetchRequest

_VERSIONS = (1, 2)
_MEMBER = "AAAAAAAAAAAAAAAAAAAAAQ"


def _fetch(
    group: str | None,
    epoch: int,
    *topics: share_fetch.FetchTopic,
    member: str | None = _MEMBER,
    forgotten: tuple[share_fetch.ForgottenTopic, ...] = (),
    limits: tuple[int, int, int] = (0, 0x7FFFFFFF, 10),
    renews: bool = False,
) -> ShareFetchRequest:
    """Return a fetch that does not wait."""
    min_bytes, max_bytes, max_records = limits
    return ShareFetchRequest(
        group_id=group,
        member_id=member,
        share_session_epoch=epoch,
        max_wait_ms=0,
        min_bytes=min_bytes,
        max_bytes=max_bytes,
        max_records=max_records,
        batch_size=10,
        is_renew_ack=renews,
        topics=topics,
        forgotten_topics_data=forgotten,
    )


def _topic(topic_id: bytes, index: int = 0, *acknowledged: tuple[int, int, tuple[int, ...]]) -> share_fetch.FetchTopic:
    batches = tuple(
        share_fetch.AcknowledgementBatch(first_offset=first, last_offset=last, acknowledge_types=types)
        for first, last, types in acknowledged
    )
    partition = share_fetch.FetchPartition(partition_index=index, acknowledgement_batches=batches)
    return share_fetch.FetchTopic(topic_id=topic_id, partitions=(partition,))


@conversation
async def share_fetches_are_refused(talk: Talk) -> None:
    """For their group, their member, their session epoch, or what the first fetch and a renewal carry."""
    topic_id = await talk.topic_id(await talk.topic())
    voice = await talk.voice()
    for version in _VERSIONS:
        group = talk.name()
        for note, request in (
            ("no group", _fetch(None, 0)),
            ("an empty group", _fetch("", 0)),
            ("no member", _fetch(group, 0, member=None)),
            ("an empty member", _fetch(group, 0, member="")),
            ("an epoch without a session", _fetch(group, 5, _topic(topic_id))),
            ("the end of no session", _fetch(group, -1)),
            ("a first fetch with acknowledgements", _fetch(group, 0, _topic(topic_id, 0, (0, 0, (1,))))),
        ):
            await voice.ask(request, version, note)
    await voice.ask(_fetch(talk.name(), 0, _topic(topic_id), renews=True), 2, "a renewal that would fetch")


@conversation
async def share_acknowledgements_are_refused(talk: Talk) -> None:
    """For their session epoch, before any record has been acquired."""
    topic_id = await talk.topic_id(await talk.topic())
    voice = await talk.voice()
    batch = share_acknowledge.AcknowledgementBatch(first_offset=0, last_offset=0, acknowledge_types=(1,))
    partition = share_acknowledge.AcknowledgePartition(partition_index=0, acknowledgement_batches=(batch,))
    topics = (share_acknowledge.AcknowledgeTopic(topic_id=topic_id, partitions=(partition,)),)
    for version in _VERSIONS:
        group = talk.name()
        for note, name, member, epoch in (
            ("no group", None, _MEMBER, 1),
            ("an empty group", "", _MEMBER, 1),
            ("no member", group, None, 1),
            ("epoch 0", group, _MEMBER, 0),
            ("no session", group, _MEMBER, 1),
            ("the end of no session", group, _MEMBER, -1),
        ):
            request = ShareAcknowledgeRequest(
                group_id=name, member_id=member, share_session_epoch=epoch, is_renew_ack=False, topics=topics
            )
            await voice.ask(request, version, note)
