"""What kafkalite answers to those who may not, beside what Apache Kafka answered with the same entries.

The replies were recorded for :mod:`tests.testing.refusals_golden`. Requests with topic ids are left out, because the
ids are others; the differential suite compares those with a Kafka that runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, Final, cast

import pytest

from kafkalite.testing import Handle, run
from kafkalite_conformance.differential.denying import AUTHORIZER_SETTINGS, READABLE, SECRET, VISIBLE, deny
from kafkalite_wire.apis import APIS, Api
from kafkalite_wire.codec import decode, encode
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.schema import ZERO_UUID
from tests.support.blocking_client import BlockingClient
from tests.testing.refusals_golden import Refusal, refusals

_LEFT_OUT: Final = frozenset(
    ("error_message", "batch_index_error_message", "host", "port", "cluster_id", "session_id", "topic_id")
)
_WITHOUT_RECORDS: Final = "(a transactional id)"
"""Records are not recorded, and whether they are of a transaction decides."""
_DENIED: Final = [
    each for each in refusals() if each.asked.startswith("denied.") and not each.asked.endswith(_WITHOUT_RECORDS)
]


def values(message: Any, path: str = "") -> Iterator[tuple[str, object]]:
    if is_dataclass(message) and not isinstance(message, type):
        for each in fields(message):
            if each.name not in _LEFT_OUT:
                yield from values(getattr(message, each.name), f"{path}.{each.name}")
    elif isinstance(message, tuple):
        items: tuple[Any, ...] = message
        for number, item in enumerate(sorted(items, key=repr)):
            yield from values(item, f"{path}[{number}]")
    else:
        yield path, bytes(cast("memoryview[int]", message)) if isinstance(message, memoryview) else message


def has_topic_id(message: Any) -> bool:
    if isinstance(message, tuple):
        items: tuple[Any, ...] = message
        return any(map(has_topic_id, items))
    if not is_dataclass(message) or isinstance(message, type):
        return False
    return any(
        value != ZERO_UUID if each.name == "topic_id" else has_topic_id(value)
        for each in fields(message)
        for value in (getattr(message, each.name),)
    )


@pytest.fixture(scope="module")
def broker() -> Iterator[Handle]:
    with run(AUTHORIZER_SETTINGS, topics=dict.fromkeys((SECRET, VISIBLE, READABLE), 2)) as handle:
        deny(handle.bootstrap)
        yield handle


@pytest.mark.parametrize(
    "api", [api for api in APIS.values() if any(each.api is api for each in _DENIED)], ids=lambda api: api.name
)
def test_refusals_are_kafkas(api: Api, broker: Handle) -> None:
    asked = [each for each in _DENIED if each.api is api and not has_topic_id(each.request)]
    assert asked
    with BlockingClient(int(broker.bootstrap.rpartition(":")[2]), within=10) as client:
        for refusal in asked:
            answer = client.call(refusal.request, refusal.version)
            assert dict(values(sent(answer, refusal))) == dict(values(sent(refusal.reply, refusal))), refusal.asked


def sent(reply: Any, refusal: Refusal) -> Any:
    return decode(refusal.api.response_type, refusal.version, encode(reply, refusal.version))


def test_there_is_a_refusal_of_each_kind() -> None:
    errors = {error.value for error in ErrorCode if error.name.endswith("AUTHORIZATION_FAILED")}
    seen = {value for each in _DENIED for path, value in values(each.reply) if path.endswith("error_code")}
    assert errors - seen <= {ErrorCode.DELEGATION_TOKEN_AUTHORIZATION_FAILED}
