"""What DescribeConfigs will tell about the broker."""

from kafkalite.config import BrokerConfig, load
from kafkalite.config.description import BrokerValues, ConfigDescription, ConfigSource, ConfigSynonym, describe
from kafkalite.config.table import PROPERTIES
from kafkalite_storage.configs.values import ConfigType


def described(config: BrokerConfig) -> dict[str, ConfigDescription]:
    return {description.name: description for description in describe(BrokerValues(config=config))}


def test_all_properties_are_described_in_order() -> None:
    names = [description.name for description in describe(BrokerValues(config=load()))]
    assert names == sorted(PROPERTIES)


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
