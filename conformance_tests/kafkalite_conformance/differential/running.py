"""Holds each conversation with both brokers, or with one of them, and compares what they said."""

import uuid
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import trio

from kafkalite_conformance.differential.brokers import Brokers
from kafkalite_conformance.differential.comparing import Difference, Step, differences
from kafkalite_conformance.differential.connection import NoAnswerError
from kafkalite_conformance.differential.conversation import Conversation
from kafkalite_conformance.differential.known_differences import reason_for
from kafkalite_conformance.differential.recordings import recorded
from kafkalite_conformance.differential.talk import Talk, now_ms
from kafkalite_wire.messages.describe_configs import (
    DescribeConfigsRequest,
    DescribeConfigsResource,
    DescribeConfigsResponse,
)

_AT_A_TIME: Final = 6
_MORE_TIMES: Final = 3
_ATTEMPT_BITS: Final = 3
_EQUAL_HASH_CODES: Final = ("Aa", "BB")
_BROKER_RESOURCE: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a conversation: its differences, or why it was not held."""

    conversation: str
    differences: Sequence[Difference] = ()
    steps: int = 0
    skipped: str | None = None


def hold(conversations: Sequence[Conversation], brokers: Brokers) -> list[Outcome]:
    """Hold conversations with both brokers, several at a time.

    One that differs unexpectedly is held again alone, a few times if need be: a busy machine is slow to answer, and
    what brokers do differently they do each time.
    """

    async def compare(conversation: Conversation) -> Outcome:
        names, now = f"d{uuid.uuid4().hex[:8]}", now_ms()
        transcripts: dict[str, list[Step]] = {}

        async def with_one(address: str) -> None:
            transcripts[address] = await _transcript(conversation, address, names, now)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(with_one, brokers.kafka)
            nursery.start_soon(with_one, brokers.kafkalite)
        return _outcome(conversation, transcripts[brokers.kafka], transcripts[brokers.kafkalite])

    return trio.run(_hold, conversations, (brokers.kafka, brokers.kafkalite), compare)


def hold_as_recorded(conversations: Sequence[Conversation], kafkalite: str) -> list[Outcome]:
    """Hold conversations with kafkalite, and compare them with what Kafka said when they were recorded.

    Raises NotRecordedError.
    """
    attempts: Counter[str] = Counter()

    async def compare(conversation: Conversation) -> Outcome:
        kafka = recorded(conversation.name)
        names = _steady_names(conversation, attempts[conversation.name])
        attempts[conversation.name] += 1
        return _outcome(conversation, kafka, await _transcript(conversation, kafkalite, names, now_ms()))

    return trio.run(_hold, conversations, (kafkalite,), compare)


def transcripts_of(conversations: Sequence[Conversation], kafka: str) -> Mapping[str, Sequence[Step]]:
    """Hold conversations with Kafka until it has said the same twice, and return what it said.

    Those in which it says something else each time are left out.
    """
    return trio.run(_repeat, conversations, kafka)


async def _repeat(conversations: Sequence[Conversation], kafka: str) -> Mapping[str, Sequence[Step]]:
    steady: dict[str, Sequence[Step]] = {}
    limit = trio.CapacityLimiter(_AT_A_TIME)

    async def once(conversation: Conversation, attempt: int) -> list[Step]:
        return await _transcript(conversation, kafka, _steady_names(conversation, attempt), now_ms())

    async def one(conversation: Conversation) -> None:
        async with limit:
            held: list[list[Step]] = []
            for attempt in range(1 << _ATTEMPT_BITS):
                held.append(await once(conversation, attempt))
                if any(not differences(conversation.name, before, held[-1]) for before in held[:-1]):
                    steady[conversation.name] = held[-1]
                    break

    async with trio.open_nursery() as nursery:
        for conversation in conversations:
            nursery.start_soon(one, conversation)
    return steady


def _steady_names(conversation: Conversation, attempt: int) -> str:
    """Return what names of one attempt begin with, the same in each run.

    For Java they have the same hash code in all attempts, so the same coordinators.
    """
    unused = "".join(_EQUAL_HASH_CODES[attempt >> bit & 1] for bit in range(_ATTEMPT_BITS))
    return f"d{zlib.crc32(conversation.name.encode()):08x}{unused}"


async def _hold(
    conversations: Sequence[Conversation],
    addresses: Sequence[str],
    compare: Callable[[Conversation], Awaitable[Outcome]],
) -> list[Outcome]:
    settings = [await _settings(address, conversations) for address in addresses]
    outcomes: dict[str, Outcome] = {}
    limit = trio.CapacityLimiter(_AT_A_TIME)

    async def one(conversation: Conversation) -> None:
        async with limit:
            outcomes[conversation.name] = await compare(conversation)

    async with trio.open_nursery() as nursery:
        for conversation in conversations:
            unmet = [
                f"{name}={value}"
                for name, value in conversation.needs.items()
                if any(broker.get(name) != value for broker in settings)
            ]
            if unmet:
                outcomes[conversation.name] = Outcome(
                    conversation=conversation.name, skipped=f"a broker is without {', '.join(unmet)}"
                )
            else:
                nursery.start_soon(one, conversation)
    for conversation in conversations:
        for _ in range(_MORE_TIMES):
            if all(reason_for(difference) for difference in outcomes[conversation.name].differences):
                break
            outcomes[conversation.name] = await compare(conversation)
    return [outcomes[conversation.name] for conversation in conversations]


def _outcome(conversation: Conversation, kafka: Sequence[Step], kafkalite: Sequence[Step]) -> Outcome:
    return Outcome(
        conversation=conversation.name,
        differences=differences(conversation.name, kafka, kafkalite),
        steps=len(kafka),
    )


async def _transcript(conversation: Conversation, address: str, names: str, now: int) -> list[Step]:
    return (await hold_with_one(conversation, address, names=names, now=now)).steps


async def hold_with_one(conversation: Conversation, address: str, *, names: str, now: int) -> Talk:
    """Hold a conversation with the broker at an address, and return what was said."""
    talk = Talk(address, names=names, now_ms=now)
    try:
        await conversation.script(talk)
    except (NoAnswerError, TimeoutError) as problem:
        talk.write("the end", str(problem))
    finally:
        with trio.CancelScope(shield=True):
            await talk.close()
    return talk


async def _settings(address: str, conversations: Sequence[Conversation]) -> Mapping[str, str | None]:
    names = tuple({name for conversation in conversations for name in conversation.needs})
    talk = Talk(address, names="settings", now_ms=now_ms())
    voice = await talk.voice("usher")
    resource = DescribeConfigsResource(resource_type=_BROKER_RESOURCE, resource_name="1", configuration_keys=names)
    answer = await voice.whisper(DescribeConfigsRequest(resources=(resource,)), 4, DescribeConfigsResponse)
    await talk.close()
    return {row.name: row.value for row in answer.results[0].configs}
