"""What DescribeConfigs will tell about the broker."""

from kafkalite.config import BrokerConfig, load
from kafkalite.config.description import ConfigDescription, ConfigSource, ConfigSynonym, describe
from kafkalite.config.table import PROPERTIES
from kafkalite_storage.config_value import ConfigType


def described(config: BrokerConfig) -> dict[str, ConfigDescription]:
    return {description.name: description for description in describe(config)}


def test_all_properties_are_described_in_order() -> None:
    names = [description.name for description in describe(load())]
    assert names == sorted(PROPERTIES)


def test_a_property_that_was_set_shows_its_value_and_its_default() -> None:
    described = {description.name: description for description in describe(load(settings=["num.partitions=6"]))}
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
