"""The image: what is in it, who runs it, how it starts and stops, and what its health check says."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from kafkalite import __version__
from kafkalite.testing import connect
from tests.support.container_engine import IMAGE, WITHIN, Engine, Run, unavailable

_MEGABYTE = 1_000_000


def test_the_image_adds_at_most_90_megabytes_to_its_base(engine: Engine, image: str) -> None:
    base = os.environ.get("BASE_IMAGE", "python:3.13-slim")
    if engine.status("image", "inspect", base):
        unavailable(f"the base image {base} is not here; BASE_IMAGE names another")
    added = engine.inspect(image, "image")["Size"] - engine.inspect(base, "image")["Size"]
    assert 0 < added <= 90 * _MEGABYTE


def test_the_broker_is_not_run_by_root_and_is_the_first_process(run: Run) -> None:
    broker = run()
    assert broker.exec("id", "-u").strip() == "10001"
    assert b"kafkalite\0serve" in broker.exec("cat", "/proc/1/cmdline").encode()
    assert broker.engine.inspect(broker.name)["Config"]["User"] == "10001:0", "a number, so that runAsNonRoot sees it"


def test_any_user_may_run_it_on_a_file_system_that_is_read_only(run: Run) -> None:
    broker = run("--user", "4711", "--read-only", "--cap-drop", "ALL")
    assert broker.exec("id", "-u").strip() == "4711"
    with connect(broker.advertise()) as handle:
        handle.produce("orders", "one")


def test_a_stop_is_clean_and_leaves_status_0(run: Run) -> None:
    broker = run()
    broker.engine("stop", "--time", str(WITHIN), broker.name)
    assert broker.exit_status == 0


def test_a_stop_is_heeded_before_the_broker_has_started(run: Run) -> None:
    broker = run(ready=False)
    broker.await_handler(signal.SIGTERM)
    broker.engine("stop", "--time", str(WITHIN), broker.name)
    assert broker.exit_status in (0, 128 + 15), "ended by itself, and not by SIGKILL in the end"


def test_what_was_written_is_there_after_a_restart_on_the_same_volume(run: Run, volume: str) -> None:
    mount = f"{volume}:/var/lib/kafkalite"
    first = run("--volume", mount, "--env", "KAFKALITE_TOPICS=orders")
    with connect(first.advertise()) as handle:
        produced = handle.produce("orders", "one", "two")
    first.engine("stop", first.name)
    second = run("--volume", mount)
    with connect(second.advertise()) as handle:
        assert handle.records("orders") == list(produced)
    second.engine("kill", second.name)
    second.engine("start", second.name)
    with connect(second.advertise()) as handle:
        assert handle.records("orders") == list(produced)


def test_the_health_check_tells_a_broker_that_answers_from_one_that_hangs(run: Run) -> None:
    broker = run("--health-interval=1s", "--health-retries=1")
    assert broker.turns(healthy=True)
    broker.engine("kill", "--signal", "STOP", broker.name)
    try:
        assert broker.turns(healthy=False)
    finally:
        broker.engine("kill", "--signal", "CONT", broker.name)


def test_the_health_check_follows_the_port(run: Run) -> None:
    broker = run("--env", "KAFKALITE_LISTEN=0.0.0.0:19092", ready=False)
    broker.exec("kafkalite", "ready", "127.0.0.1:19092")
    assert broker.turns(healthy=True)


def test_topics_and_properties_come_from_the_environment_and_from_a_folder(run: Run, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)  # the broker is another user
    (tmp_path / "shop.toml").write_text('num.partitions = 4\n[topics.prices]\nrecords = [{ key = "a", value = "1" }]\n')
    broker = run(
        *("--env", "KAFKALITE_TOPICS=orders:3,clicks"),
        *("--env", "KAFKALITE_SET_LOG_RETENTION_HOURS=1"),
        *("--volume", f"{tmp_path}:/etc/kafkalite/init.d:ro"),
    )
    with connect(broker.advertise()) as handle:
        partitions = {name: handle.topics[name].partitions for name in handle.topics}
        assert partitions == {"orders": 3, "clicks": 4, "prices": 4}
        assert [record.text for record in handle.records("prices")] == ["1"]
    assert '"3600000"' in broker.exec("kafkalite", "configs", "describe", "topic", "orders", "--all", "--json")


def test_the_controls_are_reached_from_this_machine_and_from_another_container(network: str, run: Run) -> None:
    options = ("--network", network, "--network-alias", "kafka", "--publish", "127.0.0.1::9093")
    controls = ("--env", "KAFKALITE_CONTROLS=0.0.0.0:9093", "--env", "KAFKALITE_CONTROLS_TOKEN=a-token")
    broker = run(*options, *controls, "--env", "KAFKALITE_TOPICS=orders")
    published = broker.engine("port", broker.name, "9093/tcp").strip()
    request = Request(f"http://{published}/topics", headers={"Authorization": "Bearer a-token"})
    with urlopen(request, timeout=WITHIN) as answer:
        assert [topic["name"] for topic in json.load(answer)["topics"]] == ["orders"]
    there = "r.Request('http://kafka:9093/topics', headers={'Authorization': 'Bearer a-token'})"
    ask = f"import urllib.request as r; print(r.urlopen({there}).read().decode())"
    asked = ("run", "--rm", "--network", network, "--entrypoint", "python3", IMAGE, "-c", ask)
    assert '"name": "orders"' in broker.engine(*asked)


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        ("KAFKALITE_SET_NUM_PARTITION=3", "KAFKALITE_SET_NUM_PARTITION: unknown property 'num.partition'"),
        ("KAFKALITE_TOPICS=orders:many", "KAFKALITE_TOPICS: 'orders:many' is not of the form TOPIC"),
    ],
)
def test_a_mistake_in_the_environment_ends_the_container_and_is_named(run: Run, variable: str, message: str) -> None:
    broker = run("--env", variable, ready=False)
    broker.engine("wait", broker.name)
    assert broker.exit_status == 2
    assert message in broker.engine("logs", broker.name)


def test_the_command_line_is_in_the_image(engine: Engine, image: str) -> None:
    assert engine("run", "--rm", image, "--version").strip() == f"kafkalite {__version__}"
