"""What DescribeConfigs will tell about the broker."""

from kafkalite.config import BrokerConfig, load
from kafkalite.config.description import (
    BrokerValues,
    ConfigDescription,
    ConfigSource,
    ConfigSynonym,
    describe,
    describe_dynamic_defaults,
)
from kafkalite.config.table import PROPERTIES
from kafkalite_storage.configs.values import ConfigType


def described(config: BrokerConfig) -> dict[str, ConfigDescription]:
    return {description.name: description for description in describe(BrokerValues(config=config))}


def test_all_properties_are_described_in_order() -> None:
    names = [description.name for description in describe(BrokerValues(config=load()))]
    assert names == sorted(name for name, known in PROPERTIES.items() if not known.of_plug_in)


def test_a_property_of_the_authorizer_is_described_where_it_is_set_and_as_a_secret() -> None:
    described = {each.name: each for each in describe(BrokerValues(config=load(settings=["super.users=User:anna"])))}
    assert (described["super.users"].sensitive, described["super.users"].type) == (True, None)
    assert "allow.everyone.if.no.acl.found" not in described


def test_a_property_that_was_set_shows_its_value_and_its_default() -> None:
    described = {
        description.name: description
        for description in describe(BrokerValues(config=load(settings=["num.partitions=6"])))
    }
    partitions = described["num.partitions"]
    assert (partitions.value, partitions.source) == ("6", ConfigSource.STATIC_BROKER_CONFIG)
    assert partitions.type is ConfigType.INT
    assert partitions.synonyms == (
        ConfigSynonym(name="num.partitions", value="6", source=ConfigSource.STATIC_BROKER_CONFIG),
        ConfigSynonym(name="num.partitions", value="1", source=ConfigSource.DEFAULT_CONFIG),
    )


def test_a_property_without_value_is_null_by_default() -> None:
    properties = described(load())
    retention = properties["log.retention.ms"]
    assert (retention.value, retention.source, retention.synonyms) == (None, ConfigSource.DEFAULT_CONFIG, ())
    assert properties["log.retention.hours"].value == "168"


def test_a_property_follows_what_was_changed_for_the_broker_before_what_was_changed_for_all() -> None:
    values = BrokerValues(
        config=load(settings=["message.max.bytes=3000"]),
        dynamic={"message.max.bytes": "1000"},
        dynamic_default={"message.max.bytes": "2000"},
    )
    (largest,) = [description for description in describe(values) if description.name == "message.max.bytes"]
    assert (largest.value, largest.source) == ("1000", ConfigSource.DYNAMIC_BROKER_CONFIG)
    assert [synonym.value for synonym in largest.synonyms] == ["1000", "2000", "3000", "1048588"]


def test_weaker_names_follow_the_strongest_one_and_never_come_alone() -> None:
    milliseconds = described(load(settings=["log.retention.ms=5", "log.retention.hours=7"]))["log.retention.ms"]
    assert [(synonym.name, synonym.value) for synonym in milliseconds.synonyms] == [
        ("log.retention.ms", "5"),
        ("log.retention.hours", "7"),
        ("log.retention.hours", "168"),
    ]
    assert described(load(settings=["log.retention.hours=7"]))["log.retention.ms"].synonyms == ()


def test_defaults_of_topics_can_be_changed_and_addresses_cannot() -> None:
    properties = described(load())
    assert not properties["log.retention.ms"].read_only
    assert properties["log.retention.hours"].read_only
    assert properties["listeners"].read_only


def test_listeners_are_told_with_their_protocol() -> None:
    properties = described(load(listen=["127.0.0.1:1", "[::1]:2"], advertise="broker.test:9"))
    assert properties["listeners"].value == "PLAINTEXT://127.0.0.1:1,PLAINTEXT://[::1]:2"
    advertised = properties["advertised.listeners"]
    assert (advertised.value, advertised.source) == ("PLAINTEXT://broker.test:9", ConfigSource.STATIC_BROKER_CONFIG)


def test_the_id_of_the_node_is_told_under_both_names_as_kafka_does() -> None:
    for settings in ([], ["node.id=1"], ["broker.id=1"]):
        properties = described(load(settings=settings))
        for name in ("node.id", "broker.id"):
            assert (properties[name].value, properties[name].source) == ("1", ConfigSource.STATIC_BROKER_CONFIG)


def test_min_insync_replicas_is_a_dynamic_default_from_the_start_as_in_kafka() -> None:
    values = BrokerValues(config=load(settings=["min.insync.replicas=2"]))
    (described,) = [description for description in describe(values) if description.name == "min.insync.replicas"]
    assert [(synonym.value, synonym.source) for synonym in described.synonyms] == [
        ("2", ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG),
        ("2", ConfigSource.STATIC_BROKER_CONFIG),
        ("1", ConfigSource.DEFAULT_CONFIG),
    ]
    assert [description.name for description in describe_dynamic_defaults(values)] == ["min.insync.replicas"]


def test_secrets_are_not_told() -> None:
    password = described(load(settings=["ssl.key.password=secret"]))["ssl.key.password"]
    assert password.sensitive
    assert "secret" not in repr(password)
