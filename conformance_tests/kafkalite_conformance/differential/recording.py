"""What Apache Kafka alone answers in all conversations, and in those of a Kafka that denies nearly everything."""

import zlib
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import trio

from kafkalite_conformance.differential.brokers import SETTINGS
from kafkalite_conformance.differential.conversation import CONVERSATIONS, Conversation
from kafkalite_conformance.differential.conversations import enter_all
from kafkalite_conformance.differential.denied import DENIED, prepare
from kafkalite_conformance.differential.denying import AUTHORIZER_SETTINGS, deny
from kafkalite_conformance.differential.running import hold_with_one
from kafkalite_conformance.differential.talk import Exchange, now_ms
from kafkalite_conformance.reference_broker import CONFORMANCE_JVM_FLAGS, start_kafka
from kafkalite_conformance.starters import KAFKA_SETTINGS

_AT_A_TIME: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """The exchanges of one conversation, in their order."""

    conversation: str
    exchanges: Sequence[Exchange]


def record() -> Generator[Recorded]:
    """Start Apache Kafka twice, and give each conversation with what came of it.

    Names of topics and groups are the same in each run; ids are not.
    """
    enter_all()
    with start_kafka({**KAFKA_SETTINGS, **SETTINGS}, jvm_flags=CONFORMANCE_JVM_FLAGS) as kafka:
        yield from _held([CONVERSATIONS[name] for name in sorted(CONVERSATIONS)], kafka.bootstrap)
    with denying_kafka() as bootstrap:
        yield from _held(DENIED, bootstrap)


@contextmanager
def denying_kafka() -> Generator[str]:
    """Run a Kafka that denies what `denying` says, and give its address."""
    settings = {**KAFKA_SETTINGS, **SETTINGS, **AUTHORIZER_SETTINGS}
    with start_kafka(settings, jvm_flags=CONFORMANCE_JVM_FLAGS) as kafka:
        _held([Conversation(name="denied.prepare", script=prepare)], kafka.bootstrap)
        deny(kafka.bootstrap)
        yield kafka.bootstrap


def _held(conversations: Sequence[Conversation], address: str) -> list[Recorded]:
    return trio.run(_hold, conversations, address)


async def _hold(conversations: Sequence[Conversation], address: str) -> list[Recorded]:
    exchanges: dict[str, Sequence[Exchange]] = {}
    limit = trio.CapacityLimiter(_AT_A_TIME)

    async def one(conversation: Conversation) -> None:
        async with limit:
            names = f"d{zlib.crc32(conversation.name.encode()):08x}"
            talk = await hold_with_one(conversation, address, names=names, now=now_ms())
            exchanges[conversation.name] = talk.exchanges

    async with trio.open_nursery() as nursery:
        for conversation in conversations:
            nursery.start_soon(one, conversation)
    return [Recorded(conversation=each.name, exchanges=exchanges[each.name]) for each in conversations]
