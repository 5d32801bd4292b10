"""Which calls a fault matches, and which of those it acts on: without a broker, a clock or chance."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from kafkalite.controls.faults.fault import fault_from
from kafkalite.controls.faults.fault_log import FaultLog
from kafkalite.controls.faults.matching import Matcher, Trigger
from kafkalite.requests.context import ConnectionInfo, RequestContext
from kafkalite.requests.parts.message_parts import Part
from kafkalite_wire.apis import APIS
from kafkalite_wire.messages.describe_configs import DescribeConfigsRequest, DescribeConfigsResource
from kafkalite_wire.messages.find_coordinator import FindCoordinatorRequest
from kafkalite_wire.messages.init_producer_id import InitProducerIdRequest
from kafkalite_wire.messages.join_group import JoinGroupRequest
from kafkalite_wire.messages.leave_group import LeaveGroupRequest, MemberIdentity
from kafkalite_wire.messages.metadata import MetadataRequest
from kafkalite_wire.messages.offset_fetch import OffsetFetchRequest, OffsetFetchRequestGroup
from kafkalite_wire.schema import declaration_of
from tests.support.broker_with_faults import HEARTBEAT

TOPIC_ID = bytes(range(16))


def context_of(request: object, version: int, client_id: str = "shop") -> RequestContext:
    api = APIS[declaration_of(type(request)).api_key]
    info = ConnectionInfo(broker=3)
    return RequestContext(api=api, api_version=version, client_id=client_id, correlation_id=1, info=info)


def topic_name(topic: str | bytes) -> str | None:
    return topic if isinstance(topic, str) else {TOPIC_ID: "clicks"}.get(topic)


def matcher(**words: object) -> Matcher:
    return Matcher(fault_from({"delay": 1, **words}), topic_name)


JOIN = JoinGroupRequest(
    group_id="g", session_timeout_ms=1, member_id="", group_instance_id="anna", protocol_type="c", protocols=()
)
LEAVE = LeaveGroupRequest(group_id="g", members=(MemberIdentity(member_id="m"), MemberIdentity(member_id="n")))
OFFSETS = OffsetFetchRequest(groups=(OffsetFetchRequestGroup(group_id="g", member_id="m", topics=None),))

CONFIGS = DescribeConfigsRequest(
    resources=tuple(
        DescribeConfigsResource(resource_type=kind, resource_name=name, configuration_keys=None)
        for kind, name in ((2, "orders"), (4, "1"))
    )
)


@pytest.mark.parametrize(
    ("words", "request_", "version", "expected"),
    [
        ({}, HEARTBEAT, 4, True),
        ({"api": "Heartbeat"}, HEARTBEAT, 4, True),
        ({"api": "HEARTBEAT"}, HEARTBEAT, 4, True),
        ({"api": "Fetch"}, HEARTBEAT, 4, False),
        ({"api": ("Fetch", "heartbeat")}, HEARTBEAT, 4, True),
        ({"api": "offset_fetch"}, OFFSETS, 8, True),
        ({"version": 4}, HEARTBEAT, 4, True),
        ({"version": 3}, HEARTBEAT, 4, False),
        ({"version": "0-3"}, HEARTBEAT, 4, False),
        ({"version": "3+"}, HEARTBEAT, 4, True),
        ({"client_id": "shop"}, HEARTBEAT, 4, True),
        ({"client_id": "sho"}, HEARTBEAT, 4, False),
        ({"client_id": "s*"}, HEARTBEAT, 4, True),
        ({"client_id": "Shop"}, HEARTBEAT, 4, False),
        ({"client_id": "[s]hop"}, HEARTBEAT, 4, False),
        ({"member": "m"}, HEARTBEAT, 4, True),
        ({"member": "n"}, HEARTBEAT, 4, False),
        ({"member": "shop"}, HEARTBEAT, 4, True),
        ({"member": "anna"}, JOIN, 9, True),
        ({"member": "n"}, LEAVE, 5, True),
        ({"member": "m"}, OFFSETS, 9, True),
        ({"member": "shop"}, MetadataRequest(topics=()), 9, False),
        (
            {"transactional_id": "pay-*"},
            InitProducerIdRequest(transactional_id="pay-1", transaction_timeout_ms=1),
            5,
            True,
        ),
        (
            {"transactional_id": "pay-*"},
            InitProducerIdRequest(transactional_id="bill", transaction_timeout_ms=1),
            5,
            False,
        ),
        ({"transactional_id": "pay"}, FindCoordinatorRequest(key_type=1, coordinator_keys=("pay",)), 6, True),
        ({"transactional_id": "pay"}, FindCoordinatorRequest(key_type=0, coordinator_keys=("pay",)), 6, False),
        ({"transactional_id": "*"}, HEARTBEAT, 4, False),
        ({"resource": "topic:orders"}, CONFIGS, 4, True),
        ({"resource": "broker:*"}, CONFIGS, 4, True),
        ({"resource": "broker:2"}, CONFIGS, 4, False),
        ({"resource": "group:*"}, CONFIGS, 4, False),
        ({"resource": "topic:*"}, HEARTBEAT, 4, False),
        ({"broker": 3}, HEARTBEAT, 4, True),
        ({"broker": 1}, HEARTBEAT, 4, False),
    ],
)
def test_a_fault_matches_api_version_client_and_member(
    words: dict[str, object], request_: object, version: int, expected: bool
) -> None:
    assert matcher(**words).matches(request_, context_of(request_, version)) is expected


@pytest.mark.parametrize(
    ("words", "part", "expected"),
    [
        ({"topic": "clicks"}, Part(topic="clicks", partition=1), True),
        ({"topic": "clicks"}, Part(topic=TOPIC_ID, partition=1), True),
        ({"topic": "clicks"}, Part(topic=bytes(16), partition=1), False),
        ({"topic": "clicks"}, Part(topic="orders", partition=1), False),
        ({"topic": "cl?cks"}, Part(topic="clicks"), True),
        ({"topic": "clicks"}, Part(group="g"), False),
        ({"partition": 1}, Part(topic="clicks", partition=1), True),
        ({"partition": 0}, Part(topic="clicks", partition=1), False),
        ({"partition": 0}, Part(topic="clicks"), False),
        ({"group": "g"}, Part(group="g", topic="clicks", partition=1), True),
        ({"group": "h"}, Part(group="g"), False),
        ({"group": "g", "topic": "clicks"}, Part(group="g", topic="orders"), False),
    ],
)
def test_a_fault_chooses_parts_by_group_topic_and_partition(
    words: dict[str, object], part: Part, expected: bool
) -> None:
    assert matcher(**words).chooses(part) is expected


def turns(count: int, **words: Any) -> list[int]:
    """Number the calls, of so many that match, that a fault acts on."""
    fault = fault_from({"drop": True, **words})
    taking = Trigger(fault, Random(fault.seed or 0).random)
    return [number for number in range(1, count + 1) if taking.fires()]


def test_a_fault_acts_on_the_calls_whose_turn_it_is() -> None:
    assert turns(4) == [1, 2, 3, 4]
    assert turns(4, nth=3) == [3]
    assert turns(4, times=2) == [1, 2]
    assert turns(4, skip=2) == [3, 4]
    assert turns(9, skip=2, times=3) == [3, 4, 5]


def test_chance_is_the_same_in_each_run_and_another_with_another_seed() -> None:
    first = turns(1000, probability=0.25)
    assert 200 < len(first) < 300
    assert first == turns(1000, probability=0.25)
    assert first != turns(1000, probability=0.25, seed=1)
    assert turns(1000, probability=0) == []
    assert turns(5, probability=1) == [1, 2, 3, 4, 5]
    assert turns(1000, probability=0.25, times=3) == first[:3]


# The log of what acted


def test_the_log_of_faults_shows_a_rule_until_it_has_forgotten_all_that_it_did() -> None:
    firings = FaultLog(lambda: 0.0)
    heartbeat = context_of(HEARTBEAT, 4)
    for rule in ("old", *["new"] * 9_999):
        firings.note(rule, "nothing", heartbeat, (), held=False)
    assert firings.shows("old")
    firings.note("new", "nothing", heartbeat, (), held=False)
    assert (firings.shows("old"), firings.shows("new"), len(firings)) == (False, True, 10_000)
