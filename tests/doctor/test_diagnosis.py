"""What follows from what was seen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kafkalite.tools.doctor.diagnosis import Diagnosis, Finding, Protocol, Severity, diagnose
from kafkalite.tools.doctor.observations import (
    Advertised,
    Answer,
    Attempt,
    Cluster,
    Contact,
    Examination,
    Fault,
    Greeting,
    ProxyHealth,
    Reach,
    Tls,
)
from kafkalite_wire.apis import APIS

VERSIONS = {key: (api.min_version, api.max_version) for key, api in APIS.items()}
BROKER = Greeting(answer=Answer.KAFKA, versions=VERSIONS)
WANTS_CERTIFICATE = Greeting(answer=Answer.CLOSED, tls=Tls(wants_client_certificate=True))


def at(host: str, *contacts: Contact, port: int = 9092) -> Reach:
    attempts = tuple(Attempt(ip=f"192.0.2.{number}", contact=contact) for number, contact in enumerate(contacts, 1))
    return Reach(host=host, port=port, attempts=attempts)


def cluster(reach: Reach, *, greeting: Greeting | None = BROKER, cluster_id: str | None = "one") -> Examination:
    there = Advertised(node_id=1, reach=reach, greeting=greeting, cluster_id=cluster_id)
    return Examination(
        reach=at("kafka.test", Contact.CONNECTED), greeting=BROKER, cluster=Cluster(cluster_id="one", brokers=(there,))
    )


def only(word: Diagnosis) -> Finding:
    [finding] = word.findings
    return finding


def test_a_good_broker_is_healthy() -> None:
    word = diagnose(cluster(at("kafka.test", Contact.CONNECTED)))
    assert (word.healthy, word.usable, word.findings) == (True, True, ())


@pytest.mark.parametrize(
    ("reach", "code"),
    [
        (Reach(host="nowhere", port=1, unresolved="Name or service not known"), "name-unresolved"),
        (at("h", Contact.REFUSED), "refused"),
        (at("h", Contact.TIMED_OUT), "no-answer"),
        (at("h", Contact.REFUSED, Contact.TIMED_OUT), "no-answer"),
    ],
)
def test_an_address_where_nobody_connects_is_no_use(reach: Reach, code: str) -> None:
    word = diagnose(Examination(reach=reach))
    assert only(word).code == code
    assert not word.healthy
    assert not word.usable


def test_a_name_of_which_only_one_address_answers_is_a_warning() -> None:
    reach = Reach(
        host="localhost",
        port=9092,
        attempts=(Attempt(ip="::1", contact=Contact.REFUSED), Attempt(ip="127.0.0.1", contact=Contact.CONNECTED)),
    )
    seen = Examination(reach=reach, greeting=BROKER, cluster=Cluster(cluster_id="one", brokers=()))
    warning = diagnose(seen).findings[0]
    assert (warning.severity, warning.code) == (Severity.WARNING, "name-partly")
    assert "::1 refused" in warning.what
    assert "127.0.0.1:9092" in warning.change


@pytest.mark.parametrize(
    ("there", "code"),
    [
        (Reach(host="kafka", port=9092, unresolved="Name or service not known"), "advertised-unresolved"),
        (at("localhost", Contact.REFUSED), "advertised-unreachable"),
        (at("10.0.0.1", Contact.TIMED_OUT), "advertised-unreachable"),
        (at("0.0.0.0", Contact.CONNECTED), "advertised-wildcard"),
    ],
)
def test_an_advertised_address_that_is_wrong_is_a_problem_with_the_setting(there: Reach, code: str) -> None:
    word = diagnose(cluster(there, greeting=None))
    assert only(word).code == code
    assert "advertised.listeners=PLAINTEXT://kafka.test:9092" in only(word).change
    assert (word.healthy, word.usable) == (False, True)


def test_a_loopback_address_for_everyone_is_said_to_be_each_clients_own_machine() -> None:
    assert "on its own machine" in only(diagnose(cluster(at("localhost", Contact.REFUSED), greeting=None))).what


def test_another_cluster_behind_the_advertised_address_is_a_problem() -> None:
    finding = only(diagnose(cluster(at("other", Contact.CONNECTED), cluster_id="two")))
    assert finding.code == "advertised-other-cluster"
    assert "two instead of one" in finding.what


def test_clusters_without_ids_are_not_told_apart() -> None:
    assert diagnose(cluster(at("other", Contact.CONNECTED), cluster_id=None)).healthy


@pytest.mark.parametrize(
    ("greeting", "code"),
    [
        (Greeting(answer=Answer.CLOSED), "advertised-not-kafka"),
        (Greeting(answer=Answer.HTTP, received="HTTP/1.1 400"), "advertised-not-kafka"),
        (Greeting(answer=Answer.KAFKA, versions=VERSIONS, tls=Tls()), "advertised-other-protocol"),
    ],
)
def test_what_answers_at_the_advertised_address_must_be_a_broker_of_the_same_kind(
    greeting: Greeting, code: str
) -> None:
    assert only(diagnose(cluster(at("other", Contact.CONNECTED), greeting=greeting, cluster_id=None))).code == code


def test_a_loopback_address_is_a_note_on_the_same_machine_and_a_warning_elsewhere() -> None:
    there = at("127.0.0.1", Contact.CONNECTED)
    assert only(diagnose(cluster(there))).severity is Severity.WARNING
    here = Examination(
        reach=there,
        greeting=BROKER,
        cluster=Cluster(cluster_id="one", brokers=(Advertised(node_id=1, reach=there, greeting=BROKER),)),
    )
    assert only(diagnose(here)).severity is Severity.NOTE


def greeted(greeting: Greeting, protocol: Protocol = Protocol.PLAINTEXT) -> tuple[list[str], Diagnosis]:
    word = diagnose(Examination(reach=at("kafka.test", Contact.CONNECTED), greeting=greeting), protocol=protocol)
    return [finding.code for finding in word.findings if finding.severity is not Severity.NOTE], word


@pytest.mark.parametrize(
    ("greeting", "codes"),
    [
        (Greeting(answer=Answer.CLOSED), ["closed"]),
        (Greeting(answer=Answer.SILENCE), ["silent"]),
        (Greeting(answer=Answer.HTTP, received="HTTP/1.1 400 Bad Request"), ["not-kafka"]),
        (Greeting(answer=Answer.OTHER, received="'SSH-2.0'"), ["not-kafka"]),
        (BROKER, ["no-metadata"]),
        (
            Greeting(answer=Answer.CLOSED, tls=Tls(wants_client_certificate=True)),
            ["tls-expected", "client-certificate"],
        ),
    ],
)
def test_who_answers_decides(greeting: Greeting, codes: list[str]) -> None:
    assert greeted(greeting)[0] == codes


def test_tls_is_a_problem_only_for_clients_without_it() -> None:
    secure = Greeting(answer=Answer.KAFKA, versions=VERSIONS, tls=Tls(distrust="self-signed certificate"))
    assert greeted(secure)[0] == ["tls-expected", "tls-untrusted", "no-metadata"]
    assert greeted(secure, Protocol.SSL)[0] == ["tls-untrusted", "no-metadata"]


def test_a_login_is_a_problem_only_for_clients_without_one() -> None:
    login = Greeting(answer=Answer.KAFKA, versions=VERSIONS, sasl_mechanisms=("SCRAM-SHA-512", "PLAIN"))
    codes, word = greeted(login)
    assert codes == ["sasl-expected"]
    assert "security.protocol=SASL_PLAINTEXT, sasl.mechanism=SCRAM-SHA-512" in word.findings[0].change
    assert not word.usable
    codes, word = greeted(login, Protocol.SASL_PLAINTEXT)
    assert (codes, word.usable) == ([], True)


def test_what_clients_are_set_to_and_the_broker_does_not_speak_is_a_problem() -> None:
    assert greeted(BROKER, Protocol.SASL_SSL)[0] == ["tls-not-spoken", "sasl-not-spoken", "no-metadata"]


def test_faults_with_one_reason_are_one_problem() -> None:
    there = at("kafka.test", Contact.CONNECTED)
    healthy = cluster(there)
    faults = tuple(Fault("no-leader", f"orders-{number}", "no leader") for number in range(7))
    word = diagnose(replace(healthy, faults=faults))
    assert only(word).what == (
        "Partitions have no leader (orders-0, orders-1, orders-2, orders-3, orders-4 and 2 more): no leader."
    )
    assert (word.healthy, word.usable) == (False, True)


def test_a_cluster_without_brokers_is_a_problem() -> None:
    seen = Examination(reach=at("h", Contact.CONNECTED), greeting=BROKER, cluster=Cluster(cluster_id="one", brokers=()))
    assert only(diagnose(seen)).code == "no-brokers"


@pytest.mark.parametrize(
    ("proxy", "code", "severity"),
    [
        (ProxyHealth(url="u", problem="HTTP Error 404"), "proxy-health-unknown", Severity.WARNING),
        (ProxyHealth(url="u", unreachable=(("kafka:9092", "refused"),)), "proxy-without-cluster", Severity.PROBLEM),
        (
            ProxyHealth(url="u", healthy=True, unreachable=(("kafka-2:9092", "refused"),)),
            "proxy-without-broker",
            Severity.WARNING,
        ),
    ],
)
def test_what_a_proxy_says_of_itself(proxy: ProxyHealth, code: str, severity: Severity) -> None:
    finding = only(diagnose(replace(cluster(at("kafka.test", Contact.CONNECTED)), proxy=proxy)))
    assert (finding.code, finding.severity) == (code, severity)
    assert proxy.problem in finding.what
    assert all(address in finding.what for address, _ in proxy.unreachable)


def test_a_healthy_proxy_is_no_finding() -> None:
    proxy = ProxyHealth(url="u", healthy=True, ports=(19093,))
    assert diagnose(replace(cluster(at("kafka.test", Contact.CONNECTED)), proxy=proxy)).findings == ()
