"""Prepares both brokers and lets users ask them the same things."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Final, cast

import trio

from kafkalite_conformance.differential.authorization.brokers import Guarded, GuardedBrokers
from kafkalite_conformance.differential.authorization.requests import Resources, asked_by, created_for
from kafkalite_conformance.differential.authorization.users import PASSWORD, USERS, User
from kafkalite_conformance.differential.comparing import Difference, Step, differences
from kafkalite_conformance.differential.connection import NoAnswerError
from kafkalite_conformance.differential.conversations.refusals import versions_of
from kafkalite_conformance.differential.talk import Talk, Voice, now_ms
from kafkalite_wire.messages.create_acls import CreateAclsRequest, CreateAclsResponse
from kafkalite_wire.messages.create_topics import CreateTopicsRequest
from kafkalite_wire.messages.describe_acls import DescribeAclsRequest, DescribeAclsResponse
from kafkalite_wire.messages.describe_log_dirs import DescribeLogDirsResponse
from kafkalite_wire.messages.describe_quorum import DescribeQuorumResponse
from kafkalite_wire.messages.metadata import MetadataRequest, MetadataResponse, MetadataResponseTopic
from kafkalite_wire.messages.sasl_authenticate import SaslAuthenticateRequest, SaslAuthenticateResponse
from kafkalite_wire.messages.sasl_handshake import SaslHandshakeRequest

_AT_A_TIME: Final = 4
_ANY: Final = 1
_IDENTITIES: Final = (
    "name",
    "topic",
    "topic_name",
    "topic_id",
    "group_id",
    "resource_type",
    "resource_name",
    "pattern_type",
    "principal",
    "operation",
    "partition_index",
    "partition",
    "partition_id",
    "index",
    "key",
    "transactional_id",
    "user",
)
"""Fields that say what an item of a list is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What came of one user's requests."""

    user: str
    differences: Sequence[Difference]
    steps: int


def ask_both(names: Iterable[str], brokers: GuardedBrokers) -> list[Asked]:
    """Let users ask both brokers, several at a time."""
    return trio.run(_ask_both, [USERS[name] for name in names], brokers)


async def _ask_both(users: Sequence[User], brokers: GuardedBrokers) -> list[Asked]:
    steps: dict[tuple[str, Guarded], list[Step]] = {}
    now = now_ms()
    limit = trio.CapacityLimiter(_AT_A_TIME)

    async def one(user: User, broker: Guarded, resources: Resources) -> None:
        async with limit:
            steps[user.name, broker] = await _ask(user, broker, resources)

    async def all_of(broker: Guarded) -> None:
        resources = await _prepare(users, broker, now)
        async with trio.open_nursery() as asking:
            for user in users:
                asking.start_soon(one, user, broker, resources)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(all_of, brokers.kafka)
        nursery.start_soon(all_of, brokers.kafkalite)
    return [
        Asked(
            user=user.name,
            differences=differences(user.name, steps[user.name, brokers.kafka], steps[user.name, brokers.kafkalite]),
            steps=len(steps[user.name, brokers.kafka]),
        )
        for user in users
    ]


async def _prepare(users: Sequence[User], broker: Guarded, now: int) -> Resources:
    talk = Talk(broker.super_user, names="prepare", now_ms=now)
    await talk.group()
    await talk.transactional_id()
    voice = await talk.voice()
    for user in users:
        topics = tuple(created_for(user))
        await voice.whisper(CreateTopicsRequest(topics=topics), 7, object)
        for topic in topics:
            await talk.until_served(topic.name, topic.num_partitions)
    entries = tuple(entry for user in users for entry in user.entries)
    created = await voice.whisper(CreateAclsRequest(creations=entries), 3, CreateAclsResponse)
    assert not any(result.error_code for result in created.results), created

    async def all_are_known() -> bool:
        everything = DescribeAclsRequest(
            resource_type_filter=_ANY,
            resource_name_filter=None,
            pattern_type_filter=_ANY,
            principal_filter=None,
            host_filter=None,
            operation=_ANY,
            permission_type=_ANY,
        )
        answer = await voice.whisper(everything, 3, DescribeAclsResponse)
        return sum(len(resource.acls) for resource in answer.resources) == len(entries)

    await talk.until(all_are_known, "access control entries")
    metadata = await voice.whisper(MetadataRequest(topics=None), 12, MetadataResponse)
    await talk.close()
    return Resources(topic_ids={topic.name: topic.topic_id for topic in metadata.topics if topic.name}, now_ms=now)


class _UsersTalk(Talk):
    """A talk whose connections are those of a user."""

    def __init__(self, bootstrap: str, user: User, resources: Resources) -> None:
        super().__init__(bootstrap, names=f"{user.name}-", now_ms=resources.now_ms)
        self._user = user
        self._topic_names = {topic_id: name for name, topic_id in resources.topic_ids.items()}
        # Ids are numbered as they come: those of the user's topics here, in the order of their names.
        own = sorted(name for name in resources.topic_ids if name.startswith(f"{user.name}-"))
        topics = (MetadataResponseTopic(name=name, topic_id=resources.topic_ids[name], partitions=()) for name in own)
        super().write_answer("topics", MetadataResponse(brokers=(), topics=tuple(topics)))

    async def voice(self, name: str = "a") -> Voice:
        voice = await super().voice(name)
        await voice.whisper(SaslHandshakeRequest(mechanism="PLAIN"), 1, object)
        login = SaslAuthenticateRequest(auth_bytes=f"\0{self._user.name}\0{PASSWORD}".encode())
        answer = await voice.whisper(login, 2, SaslAuthenticateResponse)
        assert not answer.error_code, answer
        return voice

    def write_answer(self, asked: str, answer: object) -> None:
        super().write_answer(asked, self._canonical(answer))

    def _canonical(self, answer: object) -> object:
        """Return an answer with its lists in order, as that is not what is compared here, and without directories."""
        if isinstance(answer, DescribeLogDirsResponse):
            return replace(answer, results=())
        if isinstance(answer, DescribeQuorumResponse):
            return replace(answer, nodes=())
        if not is_dataclass(answer) or isinstance(answer, type):
            return answer
        changes: dict[str, object] = {}
        for field in fields(answer):
            value = getattr(answer, field.name)
            if isinstance(value, tuple):
                changes[field.name] = tuple(
                    sorted(map(self._canonical, cast("tuple[object, ...]", value)), key=self._identity)
                )
        return replace(answer, **changes)

    def _identity(self, item: object) -> str:
        values = (getattr(item, name, None) for name in _IDENTITIES)
        return repr([self._topic_names.get(value, value) if isinstance(value, bytes) else value for value in values])


async def _ask(user: User, broker: Guarded, resources: Resources) -> list[Step]:
    talk = _UsersTalk(broker.users, user, resources)
    try:
        for number, (note, request, only) in enumerate(asked_by(user, resources)):
            versions = [each for each in versions_of(request) if only is None or each in only]
            if not user.in_all_versions:
                versions = sorted({versions[0], versions[-1]})
            for version in versions:
                voice = await talk.voice(f"{number}")
                with suppress(NoAnswerError):
                    await voice.answer(request, version, object, note)
                await voice.hang_up()
    finally:
        with trio.CancelScope(shield=True):
            await talk.close()
    return talk.steps
