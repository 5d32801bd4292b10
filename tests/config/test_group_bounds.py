"""The bounds of what groups may set, against each other and against the broker's own values."""

import pytest

from kafkalite.config import ConfigError, load
from kafkalite.config.group_bounds import GroupBound, check_intervals, clamped
from kafkalite_storage.errors import InvalidConfig


def problem(*settings: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(settings=settings)
    return str(caught.value)


def test_bounds_are_read_from_their_properties() -> None:
    bounds = load(settings=["group.consumer.min.heartbeat.interval.ms=100", "group.streams.max.standby.replicas=7"])
    assert bounds.group_bounds["consumer.heartbeat.interval.ms"] == GroupBound(100, 15_000)
    assert bounds.group_bounds["streams.num.standby.replicas"] == GroupBound(None, 7)
    assert bounds.group_bounds["share.session.timeout.ms"] == GroupBound(45_000, 60_000)
    assert bounds.warnings == ()


@pytest.mark.parametrize("kind", ["consumer", "share", "streams"])
def test_a_default_least_value_does_not_limit_the_brokers_own_and_one_that_is_set_does(kind: str) -> None:
    own, least = f"group.{kind}.heartbeat.interval.ms", f"group.{kind}.min.heartbeat.interval.ms"
    assert own in load(settings=[f"{own}=100"]).given
    assert problem(f"{own}=100", f"{least}=101") == f"--set: {own} must be greater than or equal to {least}"
    assert own in load(settings=[f"{own}=100", f"{least}=100"]).given


@pytest.mark.parametrize(
    ("settings", "first", "relation", "second"),
    [
        (
            ["group.consumer.session.timeout.ms=60001"],
            "group.consumer.session.timeout.ms",
            "less than or equal to",
            "group.consumer.max.session.timeout.ms",
        ),
        (
            ["group.share.max.heartbeat.interval.ms=4999"],
            "group.share.max.heartbeat.interval.ms",
            "greater than or equal to",
            "group.share.min.heartbeat.interval.ms",
        ),
        (
            ["group.share.record.lock.duration.ms=60001"],
            "group.share.max.record.lock.duration.ms",
            "greater than or equal to",
            "group.share.record.lock.duration.ms",
        ),
        (
            ["group.share.delivery.count.limit=2", "group.share.min.delivery.count.limit=3"],
            "group.share.delivery.count.limit",
            "greater than or equal to",
            "group.share.min.delivery.count.limit",
        ),
        (
            ["group.streams.num.standby.replicas=3"],
            "group.streams.num.standby.replicas",
            "less than or equal to",
            "group.streams.max.standby.replicas",
        ),
        (
            ["group.streams.session.timeout.ms=5000"],
            "group.streams.heartbeat.interval.ms",
            "less than",
            "group.streams.session.timeout.ms",
        ),
    ],
)
def test_properties_that_do_not_fit_stop_the_start(settings: list[str], first: str, relation: str, second: str) -> None:
    assert problem(*settings) == f"--set: {first} must be {relation} {second}"


@pytest.mark.parametrize("kind", ["consumer", "share", "streams"])
def test_a_default_assignment_interval_gives_way_to_a_least_value_that_kafka_would_start_with(kind: str) -> None:
    least, own = f"group.{kind}.min.assignment.interval.ms", f"group.{kind}.assignment.interval.ms"
    assert getattr(load(settings=[f"{least}=500"]), f"group_{kind}_assignment_interval") == 0.5
    assert problem(f"{least}=500", f"{own}=499") == f"--set: {own} must be greater than or equal to {least}"


def test_the_source_that_is_named_is_the_one_that_was_set() -> None:
    with pytest.raises(
        ConfigError, match=r"^environment variable .*: group.streams.heartbeat.interval.ms must be less"
    ):
        load(environment={"KAFKALITE_SET_GROUP_STREAMS_SESSION_TIMEOUT_MS": "5000"})


def test_what_was_set_under_wider_bounds_acts_within_the_present_ones() -> None:
    bounds = {"consumer.session.timeout.ms": GroupBound(10, 20), "streams.num.standby.replicas": GroupBound(None, 2)}
    own = {"consumer.session.timeout.ms": "9", "streams.num.standby.replicas": "3", "share.isolation.level": "x"}
    assert clamped(own, bounds) == {
        "consumer.session.timeout.ms": "10",
        "streams.num.standby.replicas": "2",
        "share.isolation.level": "x",
    }
    assert clamped({"consumer.session.timeout.ms": "21"}, bounds) == {"consumer.session.timeout.ms": "20"}
    assert clamped({"consumer.session.timeout.ms": "15"}, bounds) == {"consumer.session.timeout.ms": "15"}


def test_an_assignment_interval_changes_within_its_bounds_only() -> None:
    bounds = load(settings=["group.share.min.assignment.interval.ms=5", "group.share.assignment.interval.ms=5"])
    name = "group.share.assignment.interval.ms"
    check_intervals({name: "5", "num.partitions": "1"}, bounds.group_bounds)
    check_intervals({name: None}, bounds.group_bounds)
    for value, relation, bound in (("4", "greater", "min"), ("15001", "less", "max")):
        expected = f"^{name} must be {relation} than or equal to group.share.{bound}.assignment.interval.ms$"
        with pytest.raises(InvalidConfig, match=expected):
            check_intervals({name: value}, bounds.group_bounds)
