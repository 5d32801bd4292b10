"""Recordings: what they keep, what they leave out, and what is left of them after a crash; trace and replay."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # it exports these without saying so
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from kafkalite.controls.request_log.exchange import Exchange
from kafkalite.controls.request_log.recording import RecordingError, RecordingFile, read_recording
from kafkalite.errors import StartError
from kafkalite.proxy.proxy import Proxy
from kafkalite.testing import run, run_proxy
from kafkalite.testing.proxy import ProxyHandle
from kafkalite.tools.cli.commands import kafkalite

PATIENCE = 20
SECRET = "swordfish"


def proxy_of(handle: ProxyHandle) -> Proxy:
    return handle._proxy


def recorded(path: Path) -> list[Exchange]:
    torn: list[int] = []
    exchanges = list(read_recording(path, on_torn=torn.append))
    assert torn == []
    return exchanges


def work(bootstrap: str) -> None:
    """Produce with an idempotent producer, and consume in a group."""
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "client.id": "till"})
    producer.produce("orders", b"two apples", key=b"anna")
    assert producer.flush(PATIENCE) == 0
    settings = {"bootstrap.servers": bootstrap, "group.id": "billing", "auto.offset.reset": "earliest"}
    consumer = Consumer({**settings, "client.id": "clerk", "enable.auto.commit": False})
    consumer.subscribe(["orders"])
    message = consumer.poll(PATIENCE)
    assert message is not None
    assert message.value() == b"two apples"
    consumer.commit(asynchronous=False)
    consumer.close()


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Record what clients do through a proxy; the module's tests read it."""
    path = tmp_path_factory.mktemp("recordings") / "traffic.jsonl"
    with run(topics={"orders": 1}) as cluster, run_proxy(cluster.bootstrap) as proxy:
        server = proxy_of(proxy)
        file = RecordingFile(path, lambda: server, server.pipeline.interceptors)
        work(proxy.bootstrap)
        set_a_secret(proxy.bootstrap)
        file.close()
    return path


def set_a_secret(bootstrap: str) -> None:
    entry = ConfigEntry("any.password", SECRET, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, "orders", incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for future in admin.incremental_alter_configs([resource]).values():
        future.exception(PATIENCE)  # there is no such configuration


def test_whole_messages_are_kept(recording: Path) -> None:
    produced = [each for each in recorded(recording) if each.api == "Produce"]
    assert [(each.client_id, each.topics, each.records_count) for each in produced] == [("till", {"orders"}, 1)]
    assert produced[0].response.responses[0].partition_responses[0].base_offset == 0


def test_secrets_are_left_out(recording: Path) -> None:
    (altered,) = [each for each in recorded(recording) if each.api == "IncrementalAlterConfigs"]
    assert altered.request is None
    assert altered.request_bytes > 0
    assert SECRET not in recording.read_text()
    assert recording.stat().st_mode & 0o077 == 0


def test_a_torn_tail_is_reported_and_cut_off(recording: Path, tmp_path: Path) -> None:
    whole, torn = recording.read_bytes(), tmp_path / "torn.jsonl"
    for lost in (1, 10, len(whole.splitlines()[-1])):
        torn.write_bytes(whole[:-lost])
        sizes: list[int] = []
        assert len(list(read_recording(torn, on_torn=sizes.append))) == len(recorded(recording)) - 1
        assert sizes == [len(whole.splitlines(keepends=True)[-1]) - lost]
    with run() as cluster, run_proxy(cluster.bootstrap) as proxy:
        server = proxy_of(proxy)
        RecordingFile(torn, lambda: server, server.pipeline.interceptors).close()
    assert len(recorded(torn)) == len(recorded(recording)) - 1


def test_another_file_is_not_appended_to(tmp_path: Path) -> None:
    other = tmp_path / "letter.txt"
    other.write_text('{"dear": "anna"}\n')
    with run() as cluster, run_proxy(cluster.bootstrap) as proxy:
        server = proxy_of(proxy)
        with pytest.raises(StartError, match="not a recording"):
            RecordingFile(other, lambda: server, server.pipeline.interceptors)
    assert other.read_text() == '{"dear": "anna"}\n'
    with pytest.raises(RecordingError, match="not a recording"):
        list(read_recording(other, on_torn=print))


def invoke(*arguments: str, exit_code: int = 0) -> str:
    result = CliRunner().invoke(kafkalite, arguments)
    assert result.exit_code == exit_code, result.output
    return result.output


def test_trace_shows_a_recording_as_a_table(recording: Path) -> None:
    head, *rows = invoke("trace", str(recording), "--api", "Produce").splitlines()
    assert head.split()[:3] == ["time", "ms", "client"]
    assert len(rows) == 1
    assert "till" in rows[0]
    assert "topic orders, 1 record(s)" in rows[0]


def test_trace_shows_a_recording_as_json_lines(recording: Path) -> None:
    lines = invoke("trace", str(recording), "--group", "billing", "--json").splitlines()
    assert {json.loads(line)["api"] for line in lines} >= {"JoinGroup", "SyncGroup", "OffsetCommit", "LeaveGroup"}


def test_trace_names_mistakes(tmp_path: Path) -> None:
    assert "Produce" in invoke("trace", "any", "--api", "Prodce", exit_code=2)
    assert "No such file" in invoke("trace", str(tmp_path / "none"), exit_code=1)


def test_a_replay_to_an_equal_cluster_differs_by_nature_only(recording: Path) -> None:
    with run(topics={"orders": 1}) as cluster, run_proxy(cluster.bootstrap) as proxy:
        result = json.loads(invoke("replay", str(recording), "--to", proxy.bootstrap, "--json"))
        assert [record.value for record in cluster.records("orders")] == [b"two apples"]
        assert cluster.groups.describe("billing").committed
    assert (result["differences"], result["missing"]) == ([], [])
    assert result["sent"] == result["same"] + result["differ_by_nature"]
    assert result["not_sent"]["without its bytes, which are secret"] == 1


def test_a_replay_waits_for_what_may_have_ended_within_the_same_millisecond(recording: Path, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in recording.read_text().splitlines()]
    asked, joined = [line for line in lines if line.get("api") == "JoinGroup"][:2]
    asked["latency"] = (joined["asked_ms"] - asked["asked_ms"] + 0.3) / 1000
    file = tmp_path / "rounded.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with run(topics={"orders": 1}) as cluster:
        cluster.faults.delay("JoinGroup", 0.02)
        result = json.loads(invoke("replay", str(file), "--to", cluster.bootstrap, "--json"))
    assert result["differences"] == []


def test_a_replay_reports_what_differs(recording: Path) -> None:
    with run({"auto.create.topics.enable": False}) as empty:
        output = invoke("replay", str(recording), "--to", empty.bootstrap, "--api", "Produce", exit_code=1)
    assert "Produce v" in output
    assert "error_code: 0, now 3" in output
    assert "1 requests sent: 0 responses are the same, 0 differ by nature, 1 differ, 0 are missing" in output


def test_a_replay_to_nowhere_fails(recording: Path) -> None:
    with run() as gone:
        address = gone.bootstrap
    assert "cannot connect" in invoke("replay", str(recording), "--to", address, exit_code=1)
