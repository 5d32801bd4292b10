"""The table of broker properties agrees with Kafka 4.4.0's own definitions."""

from dataclasses import fields
from pathlib import Path

import pytest

from kafkalite.config import BrokerConfig, group_bounds, load
from kafkalite.config.connection_limits import is_connection_limit
from kafkalite.config.property import Effect
from kafkalite.config.setting import variable
from kafkalite.config.table import PROPERTIES
from kafkalite_storage.configs.values import format_value

GOLDEN = Path(__file__).parent / "golden" / "kafka_broker_properties.tsv"
KAFKA = {
    name: (kind, None if default == "null" else default, changes == "dynamic")
    for name, kind, default, changes, _ in (line.split("\t") for line in GOLDEN.read_text().splitlines())
}

OUR_OWN = "kafkalite."
KAFKAS = sorted(name for name, known in PROPERTIES.items() if not name.startswith(OUR_OWN) and not known.of_plug_in)

DEFAULTS_THAT_DIFFER_ON_PURPOSE = {
    "group.consumer.assignment.interval.ms": "no test should wait a second",
    "group.consumer.assignors": "roundrobin is one more",
    "group.share.assignment.interval.ms": "no test should wait a second",
    "group.streams.assignment.interval.ms": "no test should wait a second",
    "group.streams.initial.rebalance.delay.ms": "no test should wait three seconds",
    "group.initial.rebalance.delay.ms": "nobody's test should wait three seconds",
    "listeners": "a broker without access control listens on loopback only",
    "log.dir": "the data directory lies where the broker is started",
    "node.id": "Kafka demands one",
    "process.roles": "Kafka demands them",
}


@pytest.mark.parametrize("name", KAFKAS)
def test_every_property_without_our_prefix_is_one_of_kafkas_with_its_type(name: str) -> None:
    assert KAFKA[name][0] == PROPERTIES[name].type.name


@pytest.mark.parametrize("name", KAFKAS)
def test_every_default_is_kafkas_unless_it_differs_on_purpose(name: str) -> None:
    default = PROPERTIES[name].default
    text = None if default is None else format_value(default)
    assert (text != KAFKA[name][1]) == (name in DEFAULTS_THAT_DIFFER_ON_PURPOSE)


def test_every_property_of_kafka_is_known() -> None:
    assert sorted(KAFKA) == KAFKAS


CHANGED_AT_START_ONLY = {
    "listener.security.protocol.map",
    "listeners",
    "producer.id.expiration.ms",
    "sasl.enabled.mechanisms",
    "sasl.jaas.config",
    *(name for name in KAFKAS if name.startswith("ssl.") and PROPERTIES[name].effect is Effect.HONOURED),
}


@pytest.mark.parametrize("name", KAFKAS)
def test_what_may_change_at_run_time_is_as_in_kafka(name: str) -> None:
    assert PROPERTIES[name].dynamic == (KAFKA[name][2] and name not in CHANGED_AT_START_ONLY)


@pytest.mark.parametrize("name", sorted(PROPERTIES))
def test_every_default_is_a_value_that_could_be_set(name: str) -> None:
    default = PROPERTIES[name].default
    if default is not None:
        assert PROPERTIES[name].parse(format_value(default)) == default


@pytest.mark.parametrize("name", sorted(PROPERTIES))
def test_every_property_can_be_set_through_the_environment(name: str) -> None:
    default = PROPERTIES[name].default
    text = (
        (
            "127.0.0.1:1"
            if "listeners" in name or "outside" in name
            else "a:1"
            if "users" in name
            else "LeaderSelector"
            if "selector" in name
            else "1"
        )
        if default is None
        else format_value(default)
    )
    given = load(environment={variable(name): text}).given
    assert given[name].text == text


def test_every_honoured_property_reaches_a_field_of_the_configuration() -> None:
    elsewhere = {
        "controller.listener.names": "listen",
        "share.coordinator.snapshot.update.records.per.snapshot": "share_coordinator_snapshot_updates",
        "listener.security.protocol.map": "listen",
        "process.roles": "node_id",
        "broker.id": "node_id",
        "broker.rack": "racks",
        **{property_.name: "group_bounds" for property_ in group_bounds.properties("")},
        "leader.imbalance.check.interval.seconds": "leader_imbalance_check_interval",
        "replica.selector.class": "selects_replicas_by_rack",
        "listeners": "listen",
        "advertised.listeners": "advertise",
        "kafkalite.advertised.outside": "advertise_outside",
        "log.dirs": "data_dir",
        "log.dir": "data_dir",
        "kafkalite.security": "security",
        "authorizer.class.name": "authorizer",
        "super.users": "authorizer",
        "allow.everyone.if.no.acl.found": "authorizer",
        "kafkalite.sasl.users": "security",
        "kafkalite.failed.authentications.per.ip.per.minute": "failed_logins_per_minute",
        "sasl.enabled.mechanisms": "security",
        "sasl.jaas.config": "security",
        "sasl.server.callback.handler.class": "security",
        "connections.max.reauth.ms": "security",
        **{name: "connection_limits" for name in PROPERTIES if is_connection_limit(name)},
        **{name: "security" for name in PROPERTIES if name.startswith(("ssl.", "sasl.oauthbearer."))},
    }
    derived = {"advertise_by_port", "client_access", "token_issuer", "log_defaults", "topics", "given", "warnings"}
    reached = {
        elsewhere.get(name, name.removeprefix(OUR_OWN).removesuffix(".ms").removesuffix(".minutes").replace(".", "_"))
        for name, property_ in PROPERTIES.items()
        if property_.effect is Effect.HONOURED
    }
    assert reached == {field.name for field in fields(BrokerConfig)} - derived
