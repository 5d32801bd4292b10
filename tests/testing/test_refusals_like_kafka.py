"""Injected errors look like Apache Kafka's own: held against what it answered when they really happened."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Final

import pytest

from kafkalite.requests.parts.layouts import Whole
from kafkalite.requests.parts.message_parts import MessageParts
from kafkalite.requests.parts.table import parts_of
from kafkalite_conformance.differential.member import join_request
from kafkalite_wire.apis import APIS, Api, ApiKey
from kafkalite_wire.codec import decode, encode
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.find_coordinator import FindCoordinatorRequest
from kafkalite_wire.messages.metadata import MetadataRequest
from tests.support.broker_with_faults import Faulty, faulty_broker
from tests.support.protocol_client import ProtocolClient
from tests.testing.refusals_golden import Refusal, errors_in, refusals

REFUSALS: Final[dict[Api, list[Refusal]]] = defaultdict(list)
for _refusal in refusals():
    REFUSALS[_refusal.api].append(_refusal)


@dataclass(frozen=True, slots=True)
class Difference:
    """A field in which an injected error may differ, and why."""

    api: str
    path: str
    why: str
    errors: frozenset[str] = frozenset()
    """In refusals with one of these only; empty for all."""

    def covers(self, api: Api, path: str, refusal: Refusal) -> bool:
        names = {ErrorCode(error).name for error in errors_in(refusal.reply)}
        return (
            self.api in (api.name, "*")
            and re.fullmatch(self.path, path) is not None
            and (not self.errors or bool(self.errors & names))
        )


KNOWN: Final = (
    Difference("*", r".*error_message", "clients have words of their own for each error"),
    Difference("Produce", r".*\.log_start_offset", "a refused batch is not held against the log"),
    Difference("Produce", r".*\.record_errors(\[\].*|#)", "which record it was is known to nobody"),
    Difference("DescribeTopicPartitions", r"topics\[\]\.is_internal", "the broker knows which are internal"),
    Difference(
        "JoinGroup",
        "member_id",
        "Kafka forgets it where the group, and not only the member, is unknown",
        frozenset({"UNKNOWN_MEMBER_ID"}),
    ),
)  # fmt: skip

AMBIGUOUS: Final = re.compile(r"name and id of one|name with another id|both|neither")
"""Requests that name a topic in two ways, or in none."""

IDENTITIES: Final = ("name", "topic", "topic_id", "group_id", "key", "resource_name", "partition_index", "partition",
                     "index", "member_id", "user", "entity")  # fmt: skip
UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """List the values of a message under their paths; lists in an order that does not depend on the sender."""
    if is_dataclass(value) and not isinstance(value, type):
        for each in fields(value):
            yield from flat(getattr(value, each.name), f"{path}.{each.name}".lstrip("."))
    elif isinstance(value, tuple):
        yield f"{path}#", len(value)
        for number, item in enumerate(sorted(value, key=identity)):
            yield from flat(item, f"{path}[{number}]")
    elif isinstance(value, memoryview):
        yield path, bytes(value)
    else:
        yield path, UUID.sub("<uuid>", value) if isinstance(value, str) else value


def identity(item: object) -> str:
    return repr([getattr(item, name, item if isinstance(item, int | str) else None) for name in IDENTITIES])


def unexplained(refusal: Refusal, injected: Any) -> list[str]:
    """Compare a reply with Kafka's."""
    api, version = refusal.api, refusal.version
    sent = [decode(api.response_type, version, encode(each, version)) for each in (refusal.reply, injected)]
    kafka, kafkalite = (dict(flat(each)) for each in sent)
    found: list[str] = []
    for path in {**kafka, **kafkalite}:
        left, right = kafka.get(path, "nothing"), kafkalite.get(path, "nothing")
        plain = re.sub(r"\[\d+\]", "[]", path)
        if left != right and not any(known.covers(api, plain, refusal) for known in KNOWN):
            found.append(f"{refusal.asked}: {path}: kafka {left!r}, kafkalite {right!r}")
    return found


def is_about_one_error(refusal: Refusal) -> bool:
    """Return whether all of a request was refused with one error."""
    shape = parts_of(refusal.api.key, refusal.version)
    parts = shape.parts(refusal.request, refusal.version)
    if any(not member.error_code for member in getattr(refusal.reply, "members", ())):
        return False
    count = len(list(errors_in(refusal.reply)))
    return len(set(errors_in(refusal.reply))) == 1 and (count >= len(set(parts)) or whole_error(refusal) != 0)


def whole_error(refusal: Refusal) -> int:
    error: int = getattr(refusal.reply, "error_code", 0)
    return error


def clear(refusal: Refusal) -> bool:
    """Return whether a request names each of its parts once, and its defect has a name."""
    parts = parts_of(refusal.api.key, refusal.version).parts(refusal.request, refusal.version)
    return (
        len(set(parts)) == len(parts) > 0
        and AMBIGUOUS.search(refusal.asked) is None
        and ErrorCode.UNKNOWN_SERVER_ERROR not in errors_in(refusal.reply)
    )


@pytest.mark.parametrize("api", [api for api in APIS.values() if api in REFUSALS], ids=lambda api: api.name)
async def test_an_error_of_a_whole_request(api: Api) -> None:
    cases = [each for each in REFUSALS[api] if is_about_one_error(each) and clear(each)]
    assert cases
    differences: list[str] = []
    async with faulty_broker(secret=2, visible=2) as (broker, client):
        for refusal in cases:
            differences += unexplained(refusal, comparable(refusal, await injected(refusal, broker, client)))
    assert not differences, "\n".join(differences[:40])


async def injected(refusal: Refusal, broker: Faulty, client: ProtocolClient) -> Any:
    (error,) = set(errors_in(refusal.reply))
    request = refusal.request
    if refusal.api.key is ApiKey.FETCH and request.session_epoch > 0 and not whole_error(refusal):
        # The session was one of Kafka's.
        request = replace(request, session_id=0, session_epoch=0)
    rule = broker.inject(api=refusal.api.name, error=ErrorCode(error).name)
    try:
        return await client.call(request, refusal.version)
    finally:
        broker.injector.remove(rule)


def comparable(refusal: Refusal, reply: Any) -> Any:
    """Put the identity of Kafka's broker and sessions into a reply."""
    kafka = refusal.reply
    if refusal.api.key is ApiKey.METADATA:
        return replace(reply, brokers=kafka.brokers, cluster_id=kafka.cluster_id, controller_id=kafka.controller_id)
    if refusal.api.key is ApiKey.FETCH and reply.session_id and kafka.session_id:
        return replace(reply, session_id=kafka.session_id)
    if refusal.api.key is ApiKey.JOIN_GROUP and UUID.search(reply.member_id) and UUID.search(kafka.member_id):
        return replace(reply, member_id=kafka.member_id)
    return reply


@pytest.mark.parametrize("api", [api for api in APIS.values() if api in REFUSALS], ids=lambda api: api.name)
def test_errors_of_some_parts_beside_others(api: Api) -> None:
    differences: list[str] = []
    for refusal in REFUSALS[api]:
        shape = entries_of(refusal)
        if shape is None or is_about_one_error(refusal) or not clear(refusal):
            continue
        reply = refusal.reply
        # The others are as Kafka answered them; ours take the place of the errors that are there.
        answers = shape._answers(refusal.request, refusal.version, reply)
        for error in set(errors_in(reply)):
            refused = {ways[0] for ways, answer in answers if error in errors_in(answer)}
            reply = shape.with_errors(refusal.request, refusal.version, reply, refused.__contains__, error)
        differences += unexplained(refusal, reply)
    assert not differences, "\n".join(differences[:40])


def entries_of(refusal: Refusal) -> MessageParts | None:
    """Return the layout of the refusal's version, if it has several parts."""
    shape = parts_of(refusal.api.key, refusal.version)
    return None if isinstance(shape, Whole) else shape


async def test_a_member_that_is_told_to_come_back_with_an_id_is_given_one_that_is_known() -> None:
    async with faulty_broker() as (broker, client):
        await client.call(FindCoordinatorRequest(key="g"), 3)
        broker.inject(api="JoinGroup", error="MEMBER_ID_REQUIRED", times=1)
        first = await client.call(join_request("g"), 9)
        assert first.error_code == ErrorCode.MEMBER_ID_REQUIRED
        assert (await client.call(join_request("g", first.member_id), 9)).error_code == ErrorCode.NONE


@pytest.mark.parametrize("version", [0, 1, 13])
async def test_who_asks_for_all_topics_does_not_hear_of_those_that_are_denied(version: int) -> None:
    async with faulty_broker(secret=1, visible=1) as (broker, client):
        broker.inject(api="Metadata", topic="secret", error="TOPIC_AUTHORIZATION_FAILED")
        response = await client.call(MetadataRequest(topics=None if version else ()), version)
        assert [topic.name for topic in response.topics] == ["visible"]
        assert len(broker.fired) == 1
