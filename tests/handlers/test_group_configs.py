"""Configurations of groups, the broker's bounds, and assignment intervals that change, called directly."""

import pytest

from kafkalite.background.timers import TimerQueue
from kafkalite.cluster.cluster import Cluster
from kafkalite.cluster.endpoint import BrokerEndpoint
from kafkalite.config import load
from kafkalite.handlers import incremental_alter_configs
from kafkalite_wire.apis import ApiKey
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    IncrementalAlterConfigsRequest,
)
from tests.support.partition_requests import StoppedClock, context, finish

BROKER, GROUP = 4, 32
SET, DELETE = 0, 1
ACCEPTED = (ErrorCode.NONE, None)


def altered(broker: BrokerEndpoint, kind: int, name: str, changes: dict[str, str | None]) -> tuple[int, str | None]:
    configs = tuple(
        AlterableConfig(name=key, config_operation=DELETE if value is None else SET, value=value)
        for key, value in changes.items()
    )
    resource = AlterConfigsResource(resource_type=kind, resource_name=name, configs=configs)
    request = IncrementalAlterConfigsRequest(resources=(resource,), validate_only=False)
    answer = incremental_alter_configs.handle(broker, request, context(ApiKey.INCREMENTAL_ALTER_CONFIGS, 1))
    response, _ = finish(answer)
    [result] = response.responses
    return result.error_code, result.error_message


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("consumer.heartbeat.interval.ms", "4999", "{} must be in the range 5000 to 15000 inclusive."),
        ("share.delivery.count.limit", "11", "{} must be in the range 2 to 10 inclusive."),
        ("streams.num.standby.replicas", "3", "{} must be less than or equal to 2"),
        ("streams.rack.aware.assignment.tags", "a , a", "{} must not contain duplicate tag keys."),
        ("errors.deadletterqueue.topic.name", "__a", "{}: DLQ topic name must not start with '__'"),
    ],
)
def test_what_a_group_may_not_set_is_refused_as_in_kafka(
    broker: BrokerEndpoint, name: str, value: str, message: str
) -> None:
    assert altered(broker, GROUP, "g", {name: value}) == (ErrorCode.INVALID_CONFIG, message.format(name))
    assert broker.cluster.storage.cluster_image.configs(GROUP, "g") == {}


def test_a_bound_that_the_broker_sets_is_the_one_that_counts(broker: BrokerEndpoint) -> None:
    broker.config = load(
        settings=["group.share.max.delivery.count.limit=25", "group.consumer.min.heartbeat.interval.ms=1"]
    )
    assert altered(broker, GROUP, "g", {"share.delivery.count.limit": "25"}) == ACCEPTED
    assert altered(broker, GROUP, "g", {"consumer.heartbeat.interval.ms": "1"}) == ACCEPTED
    assert altered(broker, GROUP, "g", {"share.delivery.count.limit": "26"})[0] == ErrorCode.INVALID_CONFIG


def test_a_session_is_longer_than_the_heartbeat_of_the_group_or_of_the_broker(broker: BrokerEndpoint) -> None:
    settings = ["group.consumer.min.session.timeout.ms=1", "group.consumer.min.heartbeat.interval.ms=1"]
    broker.config = load(settings=settings)
    session, heartbeat = "consumer.session.timeout.ms", "consumer.heartbeat.interval.ms"
    refused = (ErrorCode.INVALID_CONFIG, f"{session} must be greater than {heartbeat}")
    assert altered(broker, GROUP, "g", {session: "5000"}) == refused
    assert altered(broker, GROUP, "g", {session: "5001"}) == ACCEPTED
    assert altered(broker, GROUP, "g", {heartbeat: "5001"}) == refused
    assert altered(broker, GROUP, "g", {heartbeat: "200", session: "201"}) == ACCEPTED
    # What is left of the group's own no longer fits the broker's heartbeat.
    assert altered(broker, GROUP, "g", {heartbeat: None}) == refused


def test_a_group_keeps_within_bounds_that_are_closer_than_when_it_was_set(broker: BrokerEndpoint) -> None:
    assert altered(broker, GROUP, "g", {"share.record.lock.duration.ms": "60000"}) == ACCEPTED
    assert broker.cluster.groups.share_config("g").record_lock_duration == 60
    filesystem = broker.cluster.storage.filesystem
    broker.cluster.close()
    closer = load(data="/data", settings=["group.share.max.record.lock.duration.ms=40000"])
    restarted = Cluster(closer, TimerQueue(StoppedClock()), filesystem)
    assert restarted.groups.share_config("g").record_lock_duration == 40
    restarted.close()


@pytest.mark.parametrize("resource", ["1", ""])
def test_an_assignment_interval_changes_while_the_broker_runs(broker: BrokerEndpoint, resource: str) -> None:
    name, share = "group.share.assignment.interval.ms", broker.cluster.groups.share_config
    assert altered(broker, BROKER, resource, {name: "2000"}) == ACCEPTED
    assert share("g").assignment_interval == 2
    assert altered(broker, GROUP, "g", {"share.assignment.interval.ms": "7000"}) == ACCEPTED
    assert (share("g").assignment_interval, share("h").assignment_interval) == (7, 2)
    code, message = altered(broker, BROKER, resource, {name: "15001"})
    assert (code, message) == (
        ErrorCode.INVALID_REQUEST,
        f"{name} must be less than or equal to group.share.max.assignment.interval.ms",
    )
    assert altered(broker, BROKER, resource, {name: None}) == ACCEPTED
    assert share("h").assignment_interval == 0


def test_other_properties_of_groups_do_not_change_while_the_broker_runs(broker: BrokerEndpoint) -> None:
    for name in ("group.share.max.assignment.interval.ms", "group.consumer.heartbeat.interval.ms"):
        assert altered(broker, BROKER, "1", {name: "6000"})[0] == ErrorCode.INVALID_REQUEST
