"""Random bytes decode as a message or raise WireError; nothing else is raised."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kafkalite_wire.apis import DECLARED_APIS, Api
from kafkalite_wire.codec import decode, encode
from kafkalite_wire.errors import WireError
from kafkalite_wire.layout import layout_of
from tests.support.messages import declared_messages, messages, versions_of

DECLARED = declared_messages()
EACH_API = pytest.mark.parametrize("api", DECLARED_APIS.values(), ids=lambda api: api.name)
EACH_MESSAGE = pytest.mark.parametrize("name", DECLARED)

# The first decoding of a version compiles its codec, which Hypothesis would report as a slow example.
unhurried = settings(deadline=None, max_examples=8)


def decode_both_ways(declared: type[Any], version: int, data: bytes) -> Any:
    """Decode with codec and layout, which must agree; return None if they refuse the bytes."""
    try:
        message = decode(declared, version, data)
    except WireError as refusal:
        # An explanation reads with the layout, and says so if it finds no error.
        reason = refusal.reason
    else:
        assert layout_of(declared, version).parse(data) == message
        return message
    assert "defect" not in reason
    return None


@EACH_API
@given(data=st.binary(max_size=200))
@unhurried
def test_random_bytes_make_a_request_or_a_wire_error_in_every_version(api: Api, data: bytes) -> None:
    for version in versions_of(api.request_type):
        decode_both_ways(api.request_type, version, data)


@EACH_API
@given(data=st.data())
@unhurried
def test_mutated_requests_make_a_request_or_a_wire_error(api: Api, data: st.DataObject) -> None:
    version = data.draw(st.sampled_from(versions_of(api.request_type)))
    wire = bytearray(encode(data.draw(messages(api.request_type, version)), version))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(wire)))
        wire[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    decode_both_ways(api.request_type, version, bytes(wire))


@EACH_MESSAGE
@given(data=st.data())
@unhurried
def test_codec_and_layout_write_and_read_alike(name: str, data: st.DataObject) -> None:
    declared = DECLARED[name]
    version = data.draw(st.sampled_from(versions_of(declared)))
    message = data.draw(messages(declared, version))
    wire = encode(message, version)
    assert layout_of(declared, version).build(message) == wire
    assert decode(declared, version, wire, exact=True) == message
    assert layout_of(declared, version).parse(wire) == message
