"""`kafkalite doctor`: why clients cannot use a broker."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import click

from kafkalite.tools.cli.printing import print_json

if TYPE_CHECKING:
    from kafkalite.tools.doctor.diagnosis import Diagnosis, Finding
    from kafkalite.tools.doctor.observations import Examination

CLIENTS: Final = ("java", "librdkafka", "kafka-python", "aiokafka", "kafkajs", "kafka-go", "franz-go")


@click.command()
@click.argument("address", metavar="HOST:PORT")
@click.option("--client", "clients", type=click.Choice(CLIENTS), multiple=True, help="Only this client; repeatable.")
@click.option(
    "--security-protocol",
    "protocol",
    type=click.Choice(["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"], case_sensitive=False),
    default="PLAINTEXT",
    show_default=True,
    help="What clients are configured with.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 600),
    default=3.0,
    show_default=True,
    metavar="S",
    help="Seconds to wait for each connection and each answer.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def doctor(*, address: str, clients: tuple[str, ...], protocol: str, timeout: float, as_json: bool) -> None:
    """Find out why clients cannot use a broker, any broker, and what to change.

    Connects as clients do: resolves the name, asks for versions and for the brokers of the cluster, and goes to each
    of them where the cluster says that it is. Logs in nowhere and changes nothing.

    The exit code is 0 if clients will work, 1 if some of them or some brokers will not, 3 if no client gets as far as
    to the list of brokers, 2 for a mistake of usage.
    """
    from kafkalite.config.address import HostPort
    from kafkalite.tools.doctor.diagnosis import Protocol, diagnose
    from kafkalite.tools.doctor.examination import examine

    try:
        asked = HostPort.parse(address)
    except ValueError as problem:
        raise click.UsageError(str(problem)) from None
    seen = examine(asked, timeout=timeout)
    word = diagnose(seen, families=clients, protocol=Protocol(protocol.upper()))
    if as_json:
        print_json(_as_json(seen, word))
    else:
        _tell(seen, word)
    sys.exit(0 if word.healthy else 1 if word.usable else 3)


def _tell(seen: Examination, word: Diagnosis) -> None:
    click.echo(seen.reach.address)
    for attempt in seen.reach.attempts:
        click.echo(f"  {attempt.ip}: {attempt.contact.value}")
    if seen.greeting is not None and seen.greeting.versions:
        transport = "TLS" if seen.greeting.tls else "no TLS"
        login = "a login is wanted" if seen.greeting.sasl_mechanisms is not None else "no login"
        click.echo(f"  a Kafka broker with {len(seen.greeting.versions)} APIs; {transport}, {login}")
    if seen.cluster is not None:
        click.echo(f"  cluster {seen.cluster.cluster_id or '(without an id)'}")
        for broker in seen.cluster.brokers:
            state = "reached" if broker.reach.connected else "not reached"
            click.echo(f"  broker {broker.node_id} at {broker.reach.address}: {state}")
    if word.clients:
        click.echo()
        width = max(len(client.name) for client in word.clients)
        for client in word.clients:
            jobs = ", ".join(f"{verdict.job.value} {'ok' if verdict.works else 'no'}" for verdict in client.jobs)
            click.echo(f"  {client.name:<{width}}  {jobs}")
    for finding in word.findings:
        _tell_finding(finding)
    click.echo()
    click.echo("Clients will work." if word.healthy else "Clients will fail.")


def _tell_finding(finding: Finding) -> None:
    click.echo(f"\n{finding.severity.value.upper()} {finding.code}")
    for part in (finding.what, f"Change: {finding.change}"):
        click.echo(click.wrap_text(part, width=100, initial_indent="  ", subsequent_indent="  "))
    for client, message in finding.clients_say.items():
        click.echo(f"  {client} says: {message}")


def _as_json(seen: Examination, word: Diagnosis) -> dict[str, Any]:
    return {
        "address": seen.reach.address,
        "healthy": word.healthy,
        "usable": word.usable,
        "findings": [
            {
                "severity": finding.severity.value,
                "code": finding.code,
                "what": finding.what,
                "change": finding.change,
                "clients_say": dict(finding.clients_say),
            }
            for finding in word.findings
        ],
        "clients": [
            {
                "client": client.key,
                "name": client.name,
                "jobs": {
                    verdict.job.value: {"works": verdict.works, "reason": verdict.reason} for verdict in client.jobs
                },
            }
            for client in word.clients
        ],
        "tried": [{"ip": attempt.ip, "contact": attempt.contact.value} for attempt in seen.reach.attempts],
        "cluster": None
        if seen.cluster is None
        else {
            "cluster_id": seen.cluster.cluster_id,
            "brokers": [
                {
                    "node_id": broker.node_id,
                    "address": broker.reach.address,
                    "reached": broker.reach.connected is not None,
                    "cluster_id": broker.cluster_id,
                }
                for broker in seen.cluster.brokers
            ],
        },
    }
