"""Judge what was seen: why clients fail, and the setting to change. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from kafkalite.addresses import HostPort
from kafkalite.tools.doctor.client_messages import MESSAGES, Symptom
from kafkalite.tools.doctor.observations import (
    Advertised,
    Answer,
    Contact,
    Examination,
    Fault,
    Greeting,
    ProxyHealth,
    Reach,
)


class Protocol(Enum):
    """Values of security.protocol."""

    PLAINTEXT = "PLAINTEXT"
    SSL = "SSL"
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    SASL_SSL = "SASL_SSL"

    @property
    def tls(self) -> bool:
        """Whether clients speak TLS."""
        return self in (Protocol.SSL, Protocol.SASL_SSL)

    @property
    def sasl(self) -> bool:
        """Whether clients log in."""
        return self in (Protocol.SASL_PLAINTEXT, Protocol.SASL_SSL)


class Severity(Enum):
    """The severity of a finding."""

    PROBLEM = "problem"
    """Clients fail."""
    WARNING = "warning"
    """Some clients fail, or clients elsewhere."""
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One finding; `code` is for scripts and does not change between releases."""

    severity: Severity
    code: str
    what: str
    change: str
    clients_say: Mapping[str, str] = field(default_factory=dict[str, str])
    """What client libraries log in this case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """All findings about an address."""

    findings: tuple[Finding, ...]
    usable: bool
    """Whether a client can get the list of brokers."""

    @property
    def healthy(self) -> bool:
        """Whether nothing is a problem."""
        return not any(finding.severity is Severity.PROBLEM for finding in self.findings)


def diagnose(seen: Examination, *, protocol: Protocol = Protocol.PLAINTEXT) -> Diagnosis:
    """Judge what was seen, for clients with that security.protocol."""
    findings = _of_reach(seen.reach)
    if seen.greeting is not None:
        findings += _of_greeting(seen.greeting, seen.reach, protocol)
        if seen.greeting.versions and seen.cluster is None and seen.greeting.sasl_mechanisms is None:
            findings.append(_no_metadata(seen.reach))
    if seen.cluster is not None:
        if not seen.cluster.brokers:
            findings.append(_no_brokers())
        for broker in seen.cluster.brokers:
            findings += _of_advertised(broker, seen)
    findings += _of_faults(seen.faults)
    if seen.proxy is not None:
        findings += _of_proxy(seen.proxy)
    login_expected = protocol.sasl and seen.greeting is not None and seen.greeting.sasl_mechanisms is not None
    return Diagnosis(findings=tuple(findings), usable=seen.cluster is not None or login_expected)


def _of_reach(reach: Reach) -> list[Finding]:
    if reach.unresolved:
        return [
            Finding(
                severity=Severity.PROBLEM,
                code="name-unresolved",
                what=f"The name {reach.host} does not resolve here: {reach.unresolved}.",
                change="Correct bootstrap.servers, or make the name known where clients run (DNS, /etc/hosts, or the"
                " network of the containers: a container's name resolves only inside it).",
                clients_say=MESSAGES[Symptom.UNRESOLVED],
            )
        ]
    if reach.connected is None:
        return [_unreachable(reach, code="", what=f"No connection to {reach.address}")]
    failed = [attempt for attempt in reach.attempts if attempt.contact is not Contact.CONNECTED]
    if not failed:
        return []
    ways = ", ".join(f"{attempt.ip} {attempt.contact.value}" for attempt in failed)
    port = reach.port
    return [
        Finding(
            severity=Severity.WARNING,
            code="name-partly",
            what=f"The name {reach.host} has several addresses, and not all of them answer: {ways}. Clients that try"
            " only the first or a random one fail sometimes; others log an error and continue.",
            change=f"Use {reach.connected.ip}:{port} in bootstrap.servers, or let the broker listen on all of them"
            f" (listeners=PLAINTEXT://0.0.0.0:{port},PLAINTEXT://[::]:{port}; kafkalite serve: --listen twice).",
            clients_say=MESSAGES[Symptom.REFUSED],
        )
    ]


def _unreachable(reach: Reach, *, code: str, what: str) -> Finding:
    contacts = {attempt.contact for attempt in reach.attempts}
    tried = ", ".join(attempt.ip for attempt in reach.attempts)
    if contacts == {Contact.REFUSED}:
        kind, symptom = "refused", Symptom.REFUSED
        why = f"the connection is refused ({tried}): no process listens there"
        change = (
            "Start the broker, correct the port, or let it listen on that interface: listeners=PLAINTEXT://0.0.0.0:PORT"
            " (kafkalite serve: --listen 0.0.0.0:PORT). Of a container, publish the port."
        )
    else:
        kind, symptom = "no-answer", Symptom.TIMED_OUT
        why = f"no answer comes back ({tried}): a firewall drops it, or the host is off or elsewhere"
        change = "Open the port in the firewall or security group, or correct the address."
    return Finding(
        severity=Severity.PROBLEM,
        code=f"{code}{kind}",
        what=f"{what}: {why}.",
        change=change,
        clients_say=MESSAGES[symptom],
    )


def _of_greeting(greeting: Greeting, reach: Reach, protocol: Protocol) -> list[Finding]:
    findings: list[Finding] = []
    if greeting.tls is not None:
        if not protocol.tls:
            findings.append(_tls_expected(reach))
        if greeting.tls.distrust:
            findings.append(_distrusted(greeting.tls.distrust))
        if greeting.tls.refused:
            findings.append(_handshake_refused(greeting.tls.refused))
            return findings
        if greeting.tls.wants_client_certificate:
            findings.append(_client_certificate())
            return findings
    match greeting.answer:
        case Answer.KAFKA:
            if protocol.tls and greeting.tls is None:
                findings.append(_not_spoken("TLS", "tls-not-spoken", reach, protocol))
            if greeting.sasl_mechanisms is None and protocol.sasl:
                findings.append(_not_spoken("SASL", "sasl-not-spoken", reach, protocol))
            if greeting.sasl_mechanisms is not None:
                findings.append(_login(greeting.sasl_mechanisms, tls=greeting.tls is not None, expected=protocol.sasl))
        case Answer.HTTP:
            findings.append(_not_kafka(reach, f"a web server answers ({greeting.received})"))
        case Answer.OTHER:
            findings.append(_not_kafka(reach, f"what answers is not Kafka: {greeting.received}"))
        case Answer.SILENCE:
            findings.append(_silent(reach))
        case Answer.CLOSED:
            findings.append(_closed(reach))
    return findings


def _tls_expected(reach: Reach) -> Finding:
    return Finding(
        severity=Severity.PROBLEM,
        code="tls-expected",
        what=f"{reach.address} speaks TLS. A client without it is cut off, or waits until its time is up.",
        change="security.protocol=SSL (or SASL_SSL with a login), and where the certificate is not of a public"
        " authority, ssl.truststore.location (Java), ssl.ca.location (librdkafka), ssl_cafile (kafka-python).",
        clients_say=MESSAGES[Symptom.TLS_EXPECTED],
    )


def _distrusted(reason: str) -> Finding:
    return Finding(
        severity=Severity.WARNING,
        code="tls-untrusted",
        what=f"Its certificate is not trusted here: {reason}.",
        change="Give clients the authority that signed it (ssl.truststore.location, ssl.ca.location, ssl_cafile). If it"
        " is for another name, use that name, or ssl.endpoint.identification.algorithm= (empty) in a test.",
    )


def _handshake_refused(alert: str) -> Finding:
    return Finding(
        severity=Severity.PROBLEM,
        code="tls-refused",
        what=f"It refuses the TLS handshake ({alert}): it wants a certificate of the client, or another version.",
        change="ssl.keystore.location (Java), ssl.certificate.location (librdkafka) or ssl_certfile (kafka-python) for"
        " the first; on the broker, ssl.enabled.protocols=TLSv1.2,TLSv1.3.",
    )


def _client_certificate() -> Finding:
    return Finding(
        severity=Severity.PROBLEM,
        code="client-certificate",
        what="It wants a certificate of the client (ssl.client.auth=required).",
        change="ssl.keystore.location (Java), or ssl.certificate.location and ssl.key.location (librdkafka), or"
        " ssl_certfile and ssl_keyfile (kafka-python).",
    )


def _not_spoken(what: str, code: str, reach: Reach, protocol: Protocol) -> Finding:
    return Finding(
        severity=Severity.PROBLEM,
        code=code,
        what=f"{reach.address} does not speak {what}, and clients with security.protocol={protocol.value} do.",
        change="Use the port of the listener that does, or another security.protocol.",
    )


def _login(mechanisms: tuple[str, ...], *, tls: bool, expected: bool) -> Finding:
    protocol = "SASL_SSL" if tls else "SASL_PLAINTEXT"
    listed = ", ".join(mechanisms) or "none"
    return Finding(
        severity=Severity.NOTE if expected else Severity.PROBLEM,
        code="sasl-expected",
        what=f"It wants a login (SASL; mechanisms: {listed}), and cuts clients off that ask for anything before.",
        change=f"security.protocol={protocol}, sasl.mechanism={mechanisms[0] if mechanisms else '…'}, and the login:"
        " sasl.jaas.config (Java), sasl.username and sasl.password (librdkafka), sasl_plain_username and"
        " sasl_plain_password (kafka-python). What lies behind the login was not looked at.",
    )


def _not_kafka(reach: Reach, what: str) -> Finding:
    return Finding(
        severity=Severity.PROBLEM,
        code="not-kafka",
        what=f"{reach.address} is not a broker: {what}.",
        change="Correct the port in bootstrap.servers; a broker's is the one in its listeners, 9092 by custom.",
        clients_say=MESSAGES[Symptom.NOT_KAFKA],
    )


def _silent(reach: Reach) -> Finding:
    return Finding(
        severity=Severity.PROBLEM,
        code="silent",
        what=f"{reach.address} takes connections and says nothing: a broker that is starting or stuck, a port that is"
        " forwarded to nowhere, or a listener for something else.",
        change="Look into the broker's log; check the port forwarding (the port of the container, not of the host).",
        clients_say=MESSAGES[Symptom.TIMED_OUT],
    )


def _closed(reach: Reach) -> Finding:
    return Finding(
        severity=Severity.PROBLEM,
        code="closed",
        what=f"{reach.address} takes connections and closes them at the first request, with and without TLS. Behind it"
        " may be a forwarded port without a listener, a proxy that wants its own protocol or cannot reach its cluster,"
        " a broker that has reached its limit of connections, or one older than 0.10, which answers no ApiVersions.",
        change="Look into the broker's log, which names the reason; check the port forwarding; of a kafkalite proxy,"
        " ask for its health (--proxy-health URL); with a broker so old, only clients that can be told its version work"
        " (librdkafka: broker.version.fallback and api.version.request=false).",
        clients_say=MESSAGES[Symptom.CLOSED],
    )


def _of_faults(faults: tuple[Fault, ...]) -> list[Finding]:
    """Return one finding for all faults with the same reason."""
    subjects: dict[tuple[str, str], list[str]] = {}
    for fault in faults:
        subjects.setdefault((fault.code, fault.reason), []).append(fault.subject)
    findings: list[Finding] = []
    for (code, reason), names in subjects.items():
        what, change = _FAULTS[code]
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        listed = ", ".join(names[:_MOST_NAMES]) + more
        findings.append(
            Finding(severity=Severity.PROBLEM, code=code, what=f"{what} ({listed}): {reason}.", change=change)
        )
    return findings


def _of_proxy(proxy: ProxyHealth) -> list[Finding]:
    if proxy.problem:
        return [
            Finding(
                severity=Severity.WARNING,
                code="proxy-health-unknown",
                what=f"The proxy does not state its health at {proxy.url}: {proxy.problem}.",
                change="Correct the URL: it is the one of kafkalite proxy --metrics, or of --controls with its token.",
            )
        ]
    lost = ", ".join(f"{address} ({reason})" for address, reason in proxy.unreachable)
    if not proxy.healthy:
        return [
            Finding(
                severity=Severity.PROBLEM,
                code="proxy-without-cluster",
                what=f"The proxy cannot connect to the cluster: {lost or 'no broker accepts in time'}. It accepts"
                " clients, and closes their connections.",
                change="Start the cluster, or correct --upstream and --upstream-config of kafkalite proxy.",
                clients_say=MESSAGES[Symptom.CLOSED],
            )
        ]
    if lost:
        return [
            Finding(
                severity=Severity.WARNING,
                code="proxy-without-broker",
                what=f"The proxy cannot connect to some brokers of the cluster: {lost}. Clients lose their leaders.",
                change="Start these brokers, or make their advertised addresses known where the proxy runs.",
            )
        ]
    return []


def _no_metadata(reach: Reach) -> Finding:
    return Finding(
        severity=Severity.PROBLEM,
        code="no-metadata",
        what=f"{reach.address} tells its versions, and does not answer Metadata, with which every client begins.",
        change="Look into the broker's log.",
    )


def _no_brokers() -> Finding:
    return Finding(
        severity=Severity.PROBLEM,
        code="no-brokers",
        what="The cluster names no brokers: it is still starting, or none has registered.",
        change="Wait until it has started; look into the broker's log.",
    )


def _of_advertised(broker: Advertised, seen: Examination) -> list[Finding]:
    assert seen.cluster is not None
    there, asked = broker.reach, seen.reach
    who = f"Broker {broker.node_id} tells clients to connect to {there.address}"
    if HostPort(there.host, there.port).is_wildcard:
        return [_advertised_problem("advertised-wildcard", f"{who}, which is no address but every one.", asked)]
    if there.unresolved:
        what = f"{who}, and the name does not resolve here: {there.unresolved}. Clients connect once, and then fail."
        return [_advertised_problem("advertised-unresolved", what, asked, Symptom.UNRESOLVED)]
    if there.connected is None:
        ways = ", ".join(f"{attempt.ip} {attempt.contact.value}" for attempt in there.attempts)
        local = " Every client looks for it on its own machine." if _is_loopback(there) else ""
        what = f"{who}, which cannot be reached: {ways}.{local} Clients connect once, and then fail."
        symptom = Symptom.REFUSED if "refused" in ways else Symptom.TIMED_OUT
        return [_advertised_problem("advertised-unreachable", what, asked, symptom)]
    if broker.greeting is None or broker.greeting.answer is not Answer.KAFKA:
        said = "nothing" if broker.greeting is None else broker.greeting.received or broker.greeting.answer.value
        what = f"{who}, where no broker answers ({said})."
        return [_advertised_problem("advertised-not-kafka", what, asked, Symptom.CLOSED)]
    if broker.cluster_id and seen.cluster.cluster_id and broker.cluster_id != seen.cluster.cluster_id:
        what = (
            f"{who}, where a broker of another cluster answers ({broker.cluster_id} instead of"
            f" {seen.cluster.cluster_id}). Clients write to the wrong one, or say that topics are missing."
        )
        return [_advertised_problem("advertised-other-cluster", what, asked)]
    if broker.greeting.tls is not None and seen.greeting is not None and seen.greeting.tls is None:
        what = f"{who}, which speaks TLS, while {asked.address} does not; a client speaks one or the other."
        return [_advertised_problem("advertised-other-protocol", what, asked, Symptom.TLS_EXPECTED)]
    findings = _of_reach(there) if there != asked else []
    if _is_loopback(there):
        findings.append(_only_here(who, there, asked))
    return findings


def _only_here(who: str, there: Reach, asked: Reach) -> Finding:
    elsewhere = not _is_loopback(asked)
    return Finding(
        severity=Severity.WARNING if elsewhere else Severity.NOTE,
        code="advertised-loopback",
        what=f"{who}: only programs on this machine can, not those in containers or on other machines.",
        change=f"For others: advertised.listeners=PLAINTEXT://NAME:{there.port} with a name that they can reach"
        f" (kafkalite serve: --listen 0.0.0.0:{there.port} --advertise NAME:{there.port}).",
    )


def _advertised_problem(code: str, what: str, asked: Reach, symptom: Symptom | None = None) -> Finding:
    return Finding(
        severity=Severity.PROBLEM,
        code=code,
        what=what,
        change=f"Set on the broker advertised.listeners=PLAINTEXT://{asked.address} (kafkalite serve: --advertise"
        f" {asked.address}), or the name and port by which clients reach it. Clients inside and outside"
        " of containers may need a listener each.",
        clients_say=MESSAGES[symptom] if symptom else {},
    )


def _is_loopback(reach: Reach) -> bool:
    return HostPort(reach.host, reach.port).is_loopback


_MOST_NAMES: Final = 5
_LOG: Final = "Look into the broker's log."
_FAULTS: Final[Mapping[str, tuple[str, str]]] = {
    "broker-unanswered": ("A broker does not answer a request", _LOG),
    "groups-unavailable": ("Groups cannot be used", f"{_LOG} The partition of __consumer_offsets may be unreadable."),
    "no-coordinator": (
        "There is no coordinator, so consumer groups do not work",
        "Look into the broker's log; in Kafka, offsets.topic.replication.factor may exceed the number of brokers.",
    ),
    "no-leader": ("Partitions have no leader", "Start the brokers that hold their replicas."),
    "partitions-unreadable": ("Partitions cannot be read", _LOG),
    "probe-failed": ("The probe failed", f"{_LOG} The probe's topic may be left: its name is in parentheses."),
    "versions": (
        "Clients and broker have no version of a request in common",
        "Use a broker that is not older than 2.1.",
    ),
}
"""Of each code of a fault, what it means and what to change."""
