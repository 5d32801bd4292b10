"""`kafkalite doctor` on servers good and bad."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import trustme
from click.testing import CliRunner

from kafkalite.config import HostPort
from kafkalite.testing import Handle, run
from kafkalite.tools.cli.commands import kafkalite
from kafkalite.tools.doctor.diagnosis import diagnose
from kafkalite.tools.doctor.examination import examine
from kafkalite_conformance.broker import free_port
from tests.support.blocking_client import BlockingClient
from tests.support.calls import commit
from tests.support.fake_servers import (
    WITHIN,
    Serve,
    broker,
    close_at_once,
    over_tls,
    patient_web_server,
    say_nothing,
    serving,
    ssh_server,
    tls_alert,
    web_server,
)

KAFKA_0_10 = {0: (0, 2), 1: (0, 3), 2: (0, 1), 3: (0, 2), 8: (0, 2), 9: (0, 2), 10: (0, 0), 11: (0, 1), 12: (0, 0),
              13: (0, 0), 14: (0, 0), 18: (0, 0)}  # fmt: skip


def doctor(address: str, *options: str, timeout: float = WITHIN) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(
        kafkalite, ["doctor", address, "--json", "--timeout", str(timeout), *options], catch_exceptions=False
    )
    return result.exit_code, json.loads(result.stdout)


def codes(told: dict[str, Any]) -> list[str]:
    return [finding["code"] for finding in told["findings"] if finding["severity"] != "note"]


@pytest.fixture(scope="module")
def tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    return context


def test_a_good_broker_is_exit_code_0(bootstrap: str) -> None:
    status, told = doctor(bootstrap)
    assert (status, codes(told)) == (0, [])
    assert told["healthy"]
    assert told["usable"]
    assert told["cluster"]["brokers"] == [
        {"node_id": 1, "address": bootstrap, "reached": True, "cluster_id": told["cluster"]["cluster_id"]}
    ]


def test_people_are_told_in_words(bootstrap: str) -> None:
    result = CliRunner().invoke(kafkalite, ["doctor", "-b", bootstrap, "--timeout", str(WITHIN)])
    assert result.stdout.startswith(f"{bootstrap}\n  127.0.0.1: connected\n  a Kafka broker with ")
    assert "NOTE advertised-loopback" in result.stdout
    assert result.stdout.endswith("\nClients will work.\n")


def test_a_port_that_refuses_is_exit_code_3_with_what_to_change() -> None:
    status, told = doctor(f"127.0.0.1:{free_port()}")
    assert (status, codes(told)) == (3, ["refused"])
    assert "listeners=PLAINTEXT://0.0.0.0:PORT" in told["findings"][0]["change"]
    assert told["findings"][0]["clients_say"]["librdkafka"].endswith("Connection refused")


def test_what_clients_say_is_shown_to_people() -> None:
    result = CliRunner().invoke(kafkalite, ["doctor", f"127.0.0.1:{free_port()}"])
    assert "PROBLEM refused" in result.stdout
    assert "librdkafka says: Connect to ipv4" in result.stdout
    assert result.stdout.endswith("\nClients will fail.\n")


@pytest.mark.parametrize(
    ("serve", "timeout", "found"),
    [
        (close_at_once, WITHIN, ["closed"]),
        (say_nothing, 0.3, ["silent"]),
        (web_server, WITHIN, ["not-kafka"]),
        (patient_web_server, 3, ["not-kafka"]),  # says nothing twice, and then has so long to answer
        (ssh_server, WITHIN, ["not-kafka"]),
    ],
)
def test_what_is_no_broker_is_exit_code_3(serve: Serve, timeout: float, found: list[str]) -> None:
    with serving(serve) as port:
        status, told = doctor(f"127.0.0.1:{port}", timeout=timeout)
    assert (status, codes(told)) == (3, found)


def test_a_tls_listener_is_a_problem_for_clients_without_tls(tls: ssl.SSLContext) -> None:
    ports: list[int] = []
    with serving(over_tls(tls, broker(lambda: ("127.0.0.1", ports[0])))) as port:
        ports.append(port)
        status, told = doctor(f"127.0.0.1:{port}")
        assert (status, codes(told)) == (1, ["tls-expected", "tls-untrusted"])
        assert told["cluster"]["cluster_id"] == "fake"
        status, told = doctor(f"127.0.0.1:{port}", "--security-protocol", "ssl")
        assert (status, codes(told)) == (0, ["tls-untrusted"])


def test_a_tls_listener_behind_which_nothing_answers_is_no_use(tls: ssl.SSLContext) -> None:
    with serving(over_tls(tls, close_at_once)) as port:
        status, told = doctor(f"127.0.0.1:{port}")
    assert (status, codes(told)) == (3, ["tls-expected", "tls-untrusted", "closed"])


def test_a_listener_that_wants_a_certificate_of_the_client_says_so() -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    with serving(over_tls(context, close_at_once)) as port:
        status, told = doctor(f"127.0.0.1:{port}")
    assert (status, codes(told)) == (3, ["tls-expected", "tls-untrusted", "client-certificate"])


def test_a_listener_that_refuses_the_handshake_says_so() -> None:
    with serving(tls_alert) as port:
        status, told = doctor(f"127.0.0.1:{port}")
    assert (status, codes(told)) == (3, ["tls-expected", "tls-refused"])


def test_a_broker_that_wants_a_login_tells_its_mechanisms() -> None:
    with serving(broker(lambda: ("127.0.0.1", 1), mechanisms=("PLAIN", "SCRAM-SHA-256"))) as port:
        status, told = doctor(f"127.0.0.1:{port}")
        assert (status, codes(told)) == (3, ["sasl-expected"])
        assert "mechanisms: PLAIN, SCRAM-SHA-256" in told["findings"][0]["what"]
        status, told = doctor(f"127.0.0.1:{port}", "--security-protocol", "SASL_PLAINTEXT")
        assert (status, codes(told)) == (0, [])


def test_an_advertised_address_that_refuses_is_exit_code_1_with_the_setting() -> None:
    wrong = free_port()
    with serving(broker(lambda: ("127.0.0.1", wrong))) as port:
        status, told = doctor(f"127.0.0.1:{port}")
    assert (status, codes(told)) == (1, ["advertised-unreachable"])
    assert f"tells clients to connect to 127.0.0.1:{wrong}" in told["findings"][0]["what"]
    assert f"advertised.listeners=PLAINTEXT://127.0.0.1:{port}" in told["findings"][0]["change"]
    assert told["cluster"]["brokers"][0]["reached"] is False


def test_an_advertised_address_of_another_cluster_is_exit_code_1(bootstrap: str) -> None:
    host, port = bootstrap.split(":")
    with serving(broker(lambda: (host, int(port)))) as fake:
        status, told = doctor(f"127.0.0.1:{fake}")
    assert (status, codes(told)) == (1, ["advertised-other-cluster"])


def test_an_advertised_name_that_does_not_resolve_is_a_problem() -> None:
    def resolve(host: str, _port: int) -> list[str]:
        if host == "kafka":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [host]

    with serving(broker(lambda: ("kafka", 9092))) as port:
        word = diagnose(examine(HostPort("127.0.0.1", port), timeout=WITHIN, resolve=resolve))
    assert [finding.code for finding in word.findings] == ["advertised-unresolved"]


def test_a_name_with_one_good_address_is_reached_through_it() -> None:
    with serving(broker(lambda: ("name.test", 1))) as port:
        addresses = ["127.0.0.2", "127.0.0.1"]
        seen = examine(HostPort("name.test", port), timeout=WITHIN, resolve=lambda _host, _port: addresses)
    assert [attempt.contact.value for attempt in seen.reach.attempts] == ["refused", "connected"]
    assert seen.cluster is not None


def test_a_broker_that_is_too_old_for_current_clients_is_a_problem() -> None:
    ports: list[int] = []
    with serving(broker(lambda: ("127.0.0.1", ports[0]), versions=KAFKA_0_10)) as port:
        ports.append(port)
        status, told = doctor(f"127.0.0.1:{port}")
    assert (status, codes(told)) == (1, ["versions"])
    assert "no current version of Fetch" in told["findings"][-1]["what"]


def test_without_a_coordinator_clients_will_fail() -> None:
    ports: list[int] = []
    with serving(broker(lambda: ("127.0.0.1", ports[0]), coordinator_error=15)) as port:
        ports.append(port)
        result = CliRunner().invoke(kafkalite, ["doctor", f"127.0.0.1:{port}", "--timeout", "0.5"])
    assert result.exit_code == 1
    assert "PROBLEM no-coordinator" in result.stdout
    assert "FindCoordinator answers COORDINATOR_NOT_AVAILABLE" in " ".join(result.stdout.split())
    assert result.stdout.endswith("\nClients will fail.\n")


@pytest.fixture
def faulty() -> Iterator[Handle]:
    with run(topics={"orders": 2}) as kafka:
        yield kafka


@pytest.mark.parametrize(
    ("api", "error", "code", "subject"),
    [
        ("Fetch", "KAFKA_STORAGE_ERROR", "partitions-unreadable", "orders-0, orders-1"),
        ("ListOffsets", "KAFKA_STORAGE_ERROR", "partitions-unreadable", "orders-0, orders-1"),
        ("DescribeGroups", "NOT_COORDINATOR", "groups-unavailable", "group billing"),
    ],
)
def test_what_a_real_broker_does_not_serve_is_a_problem(
    faulty: Handle, api: str, error: str, code: str, subject: str
) -> None:
    with BlockingClient(int(faulty.bootstrap.rpartition(":")[2])) as client:
        commit(client, "billing", "orders", {0: 1})
    with faulty.faults.error(api, error):
        status, told = doctor(faulty.bootstrap, timeout=0.5)
    assert (status, codes(told)) == (1, [code])
    assert subject in told["findings"][-1]["what"]
    assert f"{api} answers {error}" in told["findings"][-1]["what"]


def test_the_probe_writes_reads_and_commits_and_leaves_nothing(faulty: Handle) -> None:
    status, told = doctor(faulty.bootstrap, "--probe")
    assert (status, codes(told)) == (0, [])
    assert list(faulty.topics) == ["orders"]
    assert list(faulty.groups) == []


def test_a_probe_that_fails_names_the_request(faulty: Handle) -> None:
    with faulty.faults.error("Produce", "KAFKA_STORAGE_ERROR"):
        status, told = doctor(faulty.bootstrap, "--probe")
    assert (status, codes(told)) == (1, ["probe-failed"])
    assert "Produce answers KAFKA_STORAGE_ERROR" in told["findings"][-1]["what"]


def test_what_is_no_address_is_a_mistake_of_usage() -> None:
    result = CliRunner().invoke(kafkalite, ["doctor", "localhost"])
    assert result.exit_code == 2
    assert "'localhost' is not of the form HOST:PORT" in result.stderr


def test_the_doctor_needs_no_extra() -> None:
    program = (
        "import sys; sys.modules.update(dict.fromkeys(('kafka', 'rich', 'trio')))\n"
        "from kafkalite.tools.cli.commands import kafkalite; kafkalite(['doctor', '127.0.0.1:1'])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (3, "")
