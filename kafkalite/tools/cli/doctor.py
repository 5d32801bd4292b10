"""`kafkalite doctor`: why clients cannot use a broker."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from kafkalite.tools.cli.broker_options import as_json_option, bootstrap_option
from kafkalite.tools.cli.printing import print_json

if TYPE_CHECKING:
    from kafkalite.tools.doctor.diagnosis import Diagnosis, Finding
    from kafkalite.tools.doctor.observations import Examination


@click.command()
@click.argument("address", metavar="[HOST:PORT]", required=False)
@bootstrap_option
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
@click.option(
    "--probe",
    is_flag=True,
    help="Also produce, consume and commit, in a topic and a group that are deleted afterwards.",
)
@click.option(
    "--proxy-health",
    metavar="URL",
    help="The address is a kafkalite proxy's: also ask for its health, at the URL of its --metrics or --controls.",
)
@as_json_option
def doctor(
    *,
    address: str | None,
    bootstrap: str,
    protocol: str,
    timeout: float,
    probe: bool,
    proxy_health: str | None,
    as_json: bool,
) -> None:
    """Find out why clients cannot use a broker, any broker, and what to change.

    HOST:PORT is the same as --bootstrap HOST:PORT. Connects as clients do: resolves the name, gets the brokers of the
    cluster, and connects to each of them at its advertised address. Then asks for a coordinator, for all groups, and
    for the first records of each partition. Does not log in, and changes nothing without --probe, except that a broker
    may create its own topic of committed offsets, as for any consumer.

    The exit code is 0 if clients will work, 1 if some of them will not or something is not served, 3 if no client can
    get the list of brokers, 2 for a usage error.
    """
    from kafkalite.addresses import HostPort
    from kafkalite.tools.doctor.diagnosis import Protocol, diagnose
    from kafkalite.tools.doctor.examination import examine

    try:
        asked = HostPort.parse(address or bootstrap)
    except ValueError as problem:
        raise click.UsageError(str(problem)) from None
    seen = examine(asked, timeout=timeout, probe=probe)
    if proxy_health is not None:
        from dataclasses import replace

        from kafkalite.tools.doctor.proxy_health import ask_health

        # A proxy looks for its cluster for a few seconds before it answers.
        seen = replace(seen, proxy=ask_health(proxy_health, timeout=timeout + 5))
    diagnosis = diagnose(seen, protocol=Protocol(protocol.upper()))
    if as_json:
        print_json(_as_json(seen, diagnosis))
    else:
        _print(seen, diagnosis)
    sys.exit(0 if diagnosis.healthy else 1 if diagnosis.usable else 3)


def _print(seen: Examination, diagnosis: Diagnosis) -> None:
    click.echo(seen.reach.address)
    for attempt in seen.reach.attempts:
        click.echo(f"  {attempt.ip}: {attempt.contact.value}")
    if seen.greeting is not None and seen.greeting.versions:
        transport = "TLS" if seen.greeting.tls else "no TLS"
        login = "login required" if seen.greeting.sasl_mechanisms is not None else "no login"
        click.echo(f"  a Kafka broker with {len(seen.greeting.versions)} APIs; {transport}, {login}")
    if seen.cluster is not None:
        click.echo(f"  cluster {seen.cluster.cluster_id or '(without an id)'}")
        for broker in seen.cluster.brokers:
            state = "reached" if broker.reach.connected else "not reached"
            click.echo(f"  broker {broker.node_id} at {broker.reach.address}: {state}")
    if seen.proxy is not None and not seen.proxy.problem:
        ports = ", ".join(map(str, seen.proxy.ports)) or "none yet"
        click.echo(f"  a kafkalite proxy; ports for brokers: {ports}")
    for finding in diagnosis.findings:
        _print_finding(finding)
    click.echo()
    click.echo("Clients will work." if diagnosis.healthy else "Clients will fail.")


def _print_finding(finding: Finding) -> None:
    click.echo(f"\n{finding.severity.value.upper()} {finding.code}")
    for part in (finding.what, f"Change: {finding.change}"):
        click.echo(click.wrap_text(part, width=100, initial_indent="  ", subsequent_indent="  "))
    for client, message in finding.clients_say.items():
        click.echo(f"  {client} says: {message}")


def _as_json(seen: Examination, diagnosis: Diagnosis) -> dict[str, Any]:
    return {
        "address": seen.reach.address,
        "healthy": diagnosis.healthy,
        "usable": diagnosis.usable,
        "findings": [
            {
                "severity": finding.severity.value,
                "code": finding.code,
                "what": finding.what,
                "change": finding.change,
                "clients_say": dict(finding.clients_say),
            }
            for finding in diagnosis.findings
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
