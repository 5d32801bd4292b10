"""The parts of messages: any request, in any version, can be answered with an error as a whole and in part."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from kafkalite.requests.parts.layouts import Whole
from kafkalite.requests.parts.message_parts import Part
from kafkalite.requests.parts.table import part_names, parts_of
from kafkalite_wire.apis import DECLARED_APIS, Api, ApiKey
from kafkalite_wire.codec import decode, encode
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.schema import ZERO_UUID, FieldType, declaration_of, fields_of, implied_default
from tests.support.messages import messages

REFUSED = 117
HANDLED = 118
"""An error that a handler has told, so that it can be recognised."""

EVERY_API = pytest.mark.parametrize("api", DECLARED_APIS.values(), ids=lambda api: api.name)


def drawn(data: st.DataObject, api: Api) -> tuple[Any, int]:
    """Draw a version, and any request of it."""
    served = (version for version in range(api.min_version, api.max_version + 1))
    version = data.draw(st.sampled_from([each for each in served if each in declaration_of(api.request_type).versions]))
    return data.draw(messages(api.request_type, version)), version


def told(api: Api, version: int, response: Any, error: int) -> int:
    """Send a response, and count the errors of a kind in what arrives."""
    read = decode(api.response_type, version, encode(response, version), exact=True)
    return repr(read).count(f"error_code={error},") + repr(read).count(f"error_code={error})")


@EVERY_API
def test_the_parts_of_each_declared_api_are_known(api: Api) -> None:
    for version in range(api.min_version, api.max_version + 1):
        assert parts_of(api.key, version).api is api


@pytest.mark.parametrize(
    ("api", "version"),
    [
        pytest.param(api, version, id=f"{api.name}-{version}")
        for api in DECLARED_APIS.values()
        for version in range(api.min_version, api.max_version + 1)
        if version in declaration_of(api.request_type).versions
    ],
)
def test_every_request_can_be_refused_as_a_whole_in_every_version(api: Api, version: int) -> None:
    shape, request = parts_of(api.key, version), sample(api.request_type, version)
    handled = sample(api.response_type, version)
    for error in (REFUSED, *set(ErrorCode) - {ErrorCode.NONE}):
        left = shape.behind_error(request, version, error)
        if left is not None:
            encode(left, version)
        for response in (handled, None) if left is None else (handled,):
            assert told(api, version, shape.error_response(request, version, error, response), error) >= 1


def sample(declared: type[Any], version: int) -> Any:
    """Make a message with one element in each array."""
    return declared(
        **{
            field.name: _sample(field.type, version) if version in field.versions else field.implied
            for field in fields_of(declared)
        }
    )


def _sample(of: FieldType[Any], version: int) -> Any:
    if of.element is not None:
        return (_sample(of.element, version),)
    return implied_default(of) if of.struct is None else sample(of.struct, version)


@EVERY_API
# Of the requests that are drawn many name nothing, or the same twice; what is left is enough.
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(data=st.data())
def test_a_part_is_refused_and_the_others_are_answered_by_the_handler(api: Api, data: st.DataObject) -> None:
    request, version = drawn(data, api)
    shape = parts_of(api.key, version)
    parts = shape.parts(request, version)
    assume(len(set(parts)) == len(parts))
    assume(all(part.topic not in ("", ZERO_UUID) for part in parts))  # no topic has such a name or id
    assume(request.topics if api.key is ApiKey.METADATA else not shape.may_answer_others(request, version))
    if "partition" in part_names(api.key) and api.key is not ApiKey.METADATA:
        assume(all(part.partition is not None for part in parts))  # else it is about a group, and names nothing
    chosen = data.draw(st.sets(st.sampled_from(parts))) if parts else set()
    left = shape.without(request, version, chosen.__contains__)
    if left is not None:
        assert [part for part in shape.parts(left, version) if part not in chosen] == [
            part for part in parts if part not in chosen
        ]
        encode(left, version)
    handled = None if left is None else shape.with_errors(left, version, None, lambda _: True, HANDLED)
    answer = shape.with_errors(request, version, handled, chosen.__contains__, REFUSED)
    if isinstance(shape, Whole):
        assert told(api, version, answer, REFUSED) == (1 if chosen else 0)
        return
    assert told(api, version, answer, REFUSED) == len(chosen)
    assert told(api, version, answer, HANDLED) == len(parts) - len(chosen)


def test_parts_tell_topics_by_name_or_by_id() -> None:
    from kafkalite_wire.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData

    def produce(**topic: Any) -> ProduceRequest:
        data = TopicProduceData(partition_data=(PartitionProduceData(index=3, records=b""),), **topic)
        return ProduceRequest(acks=1, timeout_ms=1, topic_data=(data,))

    shape = parts_of(ApiKey.PRODUCE, 13)
    assert shape.parts(produce(name="t"), 12) == [Part(topic="t", partition=3)]
    assert shape.parts(produce(topic_id=bytes(16)), 13) == [Part(topic=bytes(16), partition=3)]
