"""Which fields hold names, against Kafka's message schemas; and renaming in every message, in every version."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kafkalite.interceptors.named_fields import NameKind, kind_of, renamed, topic_ids
from kafkalite.interceptors.renamed_topics import RenamedTopics
from kafkalite.interceptors.tenant import Tenant
from kafkalite_wire.apis import DECLARED_APIS, Api
from kafkalite_wire.codec import decode, encode
from kafkalite_wire.messages.consumer_protocol import (
    ConsumerProtocolSubscription,
    TopicPartition,
    decode_subscription,
    encode_consumer_protocol,
)
from kafkalite_wire.messages.fetch import FetchRequest, FetchTopic, ForgottenTopic
from kafkalite_wire.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from kafkalite_wire.messages.list_groups import ListedGroup, ListGroupsResponse
from kafkalite_wire.messages.metadata import MetadataResponse, MetadataResponseTopic
from kafkalite_wire.schema import declaration_of, fields_of

KINDS = {
    "topicName": NameKind.TOPIC,
    "groupId": NameKind.GROUP,
    "transactionalId": NameKind.TRANSACTIONAL_ID,
}


WITHOUT_TYPE = {
    (f"{name}ShareGroupState{of}Request", "group_id")
    for name, of in (("Initialize", ""), ("Read", ""), ("Write", ""), ("Delete", ""), ("Read", "Summary"))
}
"""Messages between brokers, whose schemas state no entity types."""


def declared_names(api: Api) -> Iterator[tuple[str, str, NameKind]]:
    for kind, declared in (("Request", api.request_type), ("Response", api.response_type)):
        for path, name_kind in names_in(declared, ()):
            yield f"{api.name}{kind}", path, name_kind


def names_in(declared: type[Any], above: tuple[str, ...]) -> Iterator[tuple[str, NameKind]]:
    for field in fields_of(declared):
        path = (*above, field.name)
        of = field.type.element if field.type.element is not None else field.type
        if of.struct is not None:
            yield from names_in(of.struct, path)
        elif (kind := kind_of(declared, field)) is not None:
            yield ".".join(path), kind


def kafkas_names() -> dict[tuple[str, str], NameKind]:
    rows = (line.split("\t") for line in (Path(__file__).parent / "named_fields.tsv").read_text().splitlines())
    return {(api + kind, path): KINDS[entity] for api, kind, path, entity in rows}


def test_the_fields_with_names_are_those_of_kafkas_schemas() -> None:
    ours = {(m, path): kind for api in DECLARED_APIS.values() for m, path, kind in declared_names(api)}
    declared = {f"{api.name}{kind}" for api in DECLARED_APIS.values() for kind in ("Request", "Response")}
    ours = {key: kind for key, kind in ours.items() if key not in WITHOUT_TYPE}
    assert ours == {key: kind for key, kind in kafkas_names().items() if key[0] in declared}


def filled(declared: type[Any], version: int) -> Any:
    """Make a message with a value in every field of a version: text is the field's name, numbers are 2."""
    values: dict[str, Any] = {}
    for field in fields_of(declared):
        if version not in field.versions:
            continue
        of = field.type.element if field.type.element is not None else field.type
        if of.struct is not None:
            value = filled(of.struct, version)
        else:
            value = OF_TYPE.get(of.name, 2) if of.name != "string" else field.name
        # Kinds of resources and coordinators are such that the names beside them are topics or transactional ids.
        value = {"key_type": 1, "protocol_type": "consumer"}.get(field.name, value)
        values[field.name] = (value,) if field.type.is_array else value
    return declared(**values)


OF_TYPE = {"bytes": b"", "records": b"", "bool": True, "uuid": b"i" * 16, "float64": 1.0}


@pytest.mark.parametrize("api", DECLARED_APIS.values(), ids=lambda api: api.name)
def test_a_prefix_is_added_and_taken_away_in_every_version(api: Api) -> None:
    tenant = Tenant(prefix="t-")
    to_cluster, to_client = tenant.to_cluster, tenant.to_client
    for declared in (api.request_type, api.response_type):
        for version in range(declaration_of(declared).versions.low, declaration_of(declared).versions.high + 1):
            message = filled(declared, version)
            asked = filled(api.request_type, version)
            sent = renamed(message, to_cluster, request=asked)
            named = [name for path in names_in(declared, ()) for name in texts(sent, path[0].split("."))]
            assert all(name.startswith("t-") for name in named if name), (version, sent)
            data = encode(sent, version)
            assert decode(declared, version, data) == sent
            back = renamed(sent, to_client, request=asked)
            assert back == message
            assert renamed(message, _Nothing(), request=asked) == message


def texts(message: Any, path: list[str]) -> list[str]:
    values = getattr(message, path[0])
    values = [] if values is None else list(values) if isinstance(values, tuple) else [values]
    return values if len(path) == 1 else [text for each in values for text in texts(each, path[1:])]


class _Nothing:
    def name(self, kind: NameKind, name: str) -> str:
        return name

    def pattern(self, kind: NameKind | None, name: str, pattern_type: int) -> tuple[str, int]:
        return name, pattern_type

    def expression(self, kind: NameKind, expression: str) -> str:
        return expression

    def text(self, text: str) -> str:
        return text


def test_what_is_of_others_is_left_out_of_lists() -> None:
    to_client = Tenant(prefix="t-").to_client
    names = ("t-one", "other", "t-", "__consumer_offsets", "T-two")
    listed = ListGroupsResponse(
        error_code=0, groups=tuple(ListedGroup(group_id=each, protocol_type="consumer") for each in names)
    )
    assert [each.group_id for each in renamed(listed, to_client).groups] == ["one", ""]
    topics = tuple(MetadataResponseTopic(error_code=0, name=each, partitions=()) for each in names)
    shown = renamed(MetadataResponse(brokers=(), topics=topics), to_client)
    assert [each.name for each in shown.topics] == ["one", ""]


@pytest.mark.parametrize("version", range(4))
def test_subscriptions_and_assignments_of_consumers_are_renamed(version: int) -> None:
    owned = (TopicPartition(topic="orders", partitions=(0,)),) if version else ()
    subscription = encode_consumer_protocol(
        ConsumerProtocolSubscription(topics=("orders",), user_data=b"orders", owned_partitions=owned), version
    )
    renaming = RenamedTopics(topics={"orders": "orders-v2"})
    to_cluster, to_client = renaming.to_cluster, renaming.to_client
    joining = JoinGroupRequest(
        group_id="g",
        session_timeout_ms=1,
        member_id="",
        protocol_type="consumer",
        protocols=(JoinGroupRequestProtocol(name="range", metadata=subscription),),
    )
    sent = renamed(joining, to_cluster)
    read = decode_subscription(sent.protocols[0].metadata)
    assert read.topics == ("orders-v2",)
    assert [each.topic for each in read.owned_partitions] == (["orders-v2"] if version else [])
    assert read.user_data == b"orders"
    assert renamed(sent, to_client) == joining
    connecting = replace(joining, protocol_type="connect")
    assert renamed(connecting, to_cluster) is connecting


def test_topic_ids_are_found() -> None:
    one, other = b"1" * 16, b"2" * 16
    request = FetchRequest(
        max_wait_ms=0,
        min_bytes=0,
        topics=(FetchTopic(topic_id=one, partitions=()),),
        forgotten_topics_data=(ForgottenTopic(topic_id=other, partitions=()),),
    )
    assert list(topic_ids(request)) == [one, other]
