"""Topics that are there before the first client is."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from kafkalite.broker import Broker
from kafkalite.config import BrokerConfig, load
from kafkalite.controls.views import Record
from kafkalite.errors import StartError
from kafkalite.testing import connect

SHOP = """
num.partitions = 2

[topics.orders]
partitions = 3
cleanup.policy = "compact"
records = [{ key = "anna", value = "two apples" }, { key = "bob", value = { count = 1 }, headers = { from = "shop" } }]

[topics.clicks]
records = [{ value = "1" }, { value = "2" }, { value = "3" }, { value = "4", partition = 0 }]
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    file = tmp_path / "shop.toml"
    file.write_text(SHOP)
    return file


def configured(folder: Path, file: Path, *topics: str) -> BrokerConfig:
    return load(file=file, topics=topics, listen=["127.0.0.1:0"], data=folder / "data")


async def seen(config: BrokerConfig) -> tuple[dict[str, int], dict[str, list[Record]]]:
    """Start a broker, look at it as a client, and stop it."""
    from trio import to_thread

    def look(bootstrap: str) -> tuple[dict[str, int], dict[str, list[Record]]]:
        with connect(bootstrap) as handle:
            partitions = {name: handle.topics[name].partitions for name in handle.topics}
            return partitions, {name: handle.records(name) for name in partitions}

    async with Broker(config) as broker:
        found = await to_thread.run_sync(look, broker.bootstrap)
    return found  # noqa: RET504  # the type of __aexit__ lets a return inside be skipped


async def test_topics_and_records_are_there_from_the_start(tmp_path: Path, shop: Path) -> None:
    partitions, records = await seen(configured(tmp_path, shop, "prices:6"))
    assert partitions == {"clicks": 2, "orders": 3, "prices": 6}
    assert {record.key: (record.value, record.headers) for record in records["orders"]} == {
        b"anna": (b"two apples", ()),
        b"bob": (b'{"count":1}', (("from", b"shop"),)),
    }
    clicks = {record.value: record.partition for record in records["clicks"]}
    assert clicks == {b"1": 0, b"2": 1, b"3": 0, b"4": 0}


async def test_a_second_start_creates_nothing_again(
    tmp_path: Path, shop: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = await seen(configured(tmp_path, shop))
    assert await seen(configured(tmp_path, shop)) == first
    assert [record.levelno for record in caplog.records if "topic" in record.message and record.levelno > 20] == []


async def test_a_topic_that_has_become_another_is_left_alone_and_told_of(
    tmp_path: Path, shop: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    await seen(configured(tmp_path, shop))
    shop.write_text(SHOP.replace("partitions = 3", "partitions = 9"))
    partitions, _ = await seen(configured(tmp_path, shop))
    assert partitions["orders"] == 3
    assert f"topic orders exists, and is left as it is: {shop}:4 describes another" in caplog.text


async def test_a_record_for_a_partition_that_is_not_there_stops_the_start(tmp_path: Path, shop: Path) -> None:
    shop.write_text("[topics.orders]\nrecords = [{ partition = 7 }]\n")
    with pytest.raises(StartError, match=r"shop\.toml:1: topic 'orders' has 1 partition\(s\), and no 7"):
        Broker(configured(tmp_path, shop)).open()


async def test_a_record_that_its_topic_refuses_stops_the_start(tmp_path: Path, shop: Path) -> None:
    shop.write_text("[topics.orders]\ncleanup.policy = 'compact'\nrecords = [{ value = 'without a key' }]\n")
    for _ in range(2):  # the first one leaves nothing behind that would make the second go well
        with pytest.raises(StartError, match=r"shop\.toml:1: cannot create topic 'orders'.*without key"):
            Broker(configured(tmp_path, shop)).open()
