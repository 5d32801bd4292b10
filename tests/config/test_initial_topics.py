"""Topics from the start: where they are described, and what a mistake in them is answered with."""

from __future__ import annotations

from pathlib import Path

import pytest

from kafkalite.config import ConfigError, load


def topics(**sources: object) -> dict[str, int | None]:
    return {topic.name: topic.partitions for topic in load(**sources).topics}  # type: ignore[arg-type]  # as load's


def problem(folder: Path, text: str) -> str:
    file = folder / "shop.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(file=folder)
    return str(caught.value).removeprefix(f"{file}:")


def test_lists_of_topics_come_from_the_option_and_from_the_environment() -> None:
    assert topics(topics=["orders:3, clicks", "prices:6,"], environment={"KAFKALITE_TOPICS": "a.b:1"}) == {
        "a.b": 1,
        "orders": 3,
        "clicks": None,
        "prices": 6,
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("orders:many", "--topics: 'orders:many' is not of the form TOPIC or TOPIC:PARTITIONS"),
        ("orders:3:1", "--topics: 'orders:3:1' is not of the form TOPIC or TOPIC:PARTITIONS"),
        ("orders:0", "--topics: topic 'orders' must have at least one partition"),
        ("or ders", "--topics: Topic name is invalid: 'or ders' has characters other than letters"),
        ("orders,orders:2", "--topics: topic 'orders' is described already: --topics"),
    ],
)
def test_a_mistake_in_a_list_is_named(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(topics=[text])
    assert str(caught.value).startswith(message)


def test_files_of_a_folder_are_read_in_order_and_a_later_property_wins(tmp_path: Path) -> None:
    (tmp_path / "20-b.toml").write_text("num.partitions = 2\n[topics.b]\n")
    (tmp_path / "10-a.toml").write_text("num.partitions = 1\nnode.id = 7\n[topics.a]\npartitions = 4\n")
    (tmp_path / "notes.txt").write_text("no TOML")
    config = load(file=tmp_path)
    assert (config.num_partitions, config.node_id) == (2, 7)
    assert topics(file=tmp_path) == {"a": 4, "b": None}
    assert topics(file=tmp_path, environment={"KAFKALITE_TOPICS": "c"}) == {"a": 4, "b": None, "c": None}


def test_a_topic_has_configurations_and_records_as_kafka_would_have_them(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text("""
        [topics."orders.v1"]
        retention.ms = 60000
        "cleanup.policy" = ["compact", "delete"]
        records = [{ value = [1, true] }, { key = "k", headers = { a = "b" }, partition = 0 }]
    """)
    (topic,) = load(file=tmp_path).topics
    assert topic.name == "orders.v1"
    assert topic.configs == {"retention.ms": "60000", "cleanup.policy": "compact,delete"}
    first, second = topic.records
    assert (first.key, first.value, first.partition) == (None, b"[1,true]", None)
    assert (second.key, second.value, second.headers, second.partition) == (b"k", None, (("a", b"b"),), 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[topics.orders]\npartitions = '3'\n", "2: topics.orders.partitions must be a whole number"),
        ("[topics.orders]\npartitions = 0\n", "1: topic 'orders' must have at least one partition"),
        ("[topics]\norders = 3\n", "2: topics.orders must be a table: [topics.orders]"),
        (
            "[topics.orders.v1]\npartitions = 3\n",
            "2: topic 'orders': Unknown topic config name: v1.partitions; the name of a topic that has dots needs quo",
        ),
        (
            "[topics.orders]\n\nretention.ms = 'long'\n",
            "3: topic 'orders': Invalid value long for configuration retention.ms: Not a number of type LONG",
        ),
        ("[topics.orders]\nrecords = 1\n", "2: topics.orders.records must be a list of tables"),
        ("[topics.orders]\nrecords = ['a']\n", "2: topics.orders.records: a record must be a table, such as "),
        ("[topics.orders]\nrecords = [{ vlaue = 1 }]\n", "2: topics.orders.records: a record has key, value, headers"),
        ("[topics.orders]\nrecords = [\n  { value = 'a' },\n  'b',\n]", "4: topics.orders.records: a record must be a"),
        ("[[topics.orders.records]]\n[[topics.orders.records]]\nx = 1", "2: topics.orders.records: a record has key"),
        ("[topics.orders]\nrecords = [{ value = { at = 1979-05-27 } }]\n", "2: topics.orders.records: Object of type"),
        ("[topic.orders]\npartitions = 3\n", "2: unknown property 'topic.orders.partitions'"),
    ],
)
def test_a_mistake_in_a_file_names_its_line(tmp_path: Path, text: str, message: str) -> None:
    assert problem(tmp_path, text).startswith(message)


def test_a_topic_that_two_places_describe_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text("[topics.orders]\n")
    with pytest.raises(ConfigError) as caught:
        load(file=tmp_path, topics=["orders:3"])
    assert str(caught.value) == f"--topics: topic 'orders' is described already: {tmp_path / 'shop.toml'}:1"
