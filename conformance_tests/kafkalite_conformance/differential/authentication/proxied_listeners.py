"""Proxies in front of Apache Kafka, whose listeners are protected as Kafka's own."""

import subprocess
import sys
import threading
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from kafkalite_conformance.differential.authentication.secured_brokers import (
    ELSEWHERE,
    LISTENERS,
    MUTUAL,
    PLAINTEXT,
    SASL_PLAINTEXT,
    SASL_SSL,
    SCRAM_USERS,
    SHORT,
    SSL,
    Certificates,
    Secured,
    listener_settings,
)
from kafkalite_conformance.server_process import ServerProcess

PROXIED: Final = (PLAINTEXT, SASL_PLAINTEXT, SASL_SSL, SSL, MUTUAL, ELSEWHERE, SHORT)
_SCRAM: Final = "org.apache.kafka.common.security.scram.ScramLoginModule"
UPSTREAM: Final[Mapping[str, Mapping[str, str]]] = {
    PLAINTEXT: {},
    SSL: {"security.protocol": "SSL", "ssl.keystore.location": "client", "ssl.keystore.type": "PEM"},
    SASL_PLAINTEXT: {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-256",
        "sasl.jaas.config": f'{_SCRAM} required username="alice" password="{SCRAM_USERS["alice"]}";',
    },
    SASL_SSL: {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.jaas.config": f'{_SCRAM} required username="alice" password="{SCRAM_USERS["alice"]}";',
    },
}
"""Client properties of a proxy's connections to the cluster, by the listener of Kafka; files are certificates."""


@contextmanager
def proxied(kafka: Secured, certificates: Certificates, upstream: str, folder: Path) -> Generator[Secured]:
    """Run a proxy for each listener, all in front of one listener of Kafka, until the block ends."""
    with ExitStack() as stack:
        addresses: dict[str, str] = {}
        for listener in PROXIED:
            process = _started(listener, kafka.addresses[upstream], certificates, upstream, folder)
            stack.callback(process.kill)
            addresses[listener] = _ready(process)
        yield Secured(name="the proxy", addresses=addresses, log_file=folder / "proxy.log")


def _started(listener: str, upstream: str, certificates: Certificates, protocol: str, folder: Path) -> ServerProcess:
    settings = _of_listener(listener, listener_settings(certificates))
    file = folder / "upstream.properties"
    file.write_text("".join(f"{name}={value}\n" for name, value in _upstream(protocol, certificates).items()))
    command = [sys.executable, "-m", "kafkalite", "proxy", "--listen", "127.0.0.1:0", "--upstream", upstream]
    command += ["--upstream-config", str(file), "--security", LISTENERS.get(listener, PLAINTEXT).lower()]
    for name, value in settings.items():
        command += ["--listener-set", f"{name}={value}"]
    with (folder / "proxy.log").open("ab") as log:
        return ServerProcess(command, stdout=subprocess.PIPE, stderr=log)


def _upstream(protocol: str, certificates: Certificates) -> Mapping[str, str]:
    properties = dict(UPSTREAM[protocol])
    if "ssl.keystore.location" in properties:
        properties["ssl.keystore.location"] = str(certificates.client)
    if protocol in (SSL, SASL_SSL):
        properties |= {"ssl.truststore.location": str(certificates.authority), "ssl.truststore.type": "PEM"}
    return properties


def _of_listener(listener: str, settings: Mapping[str, str]) -> Mapping[str, str]:
    """Return the properties of one listener, under the name that the proxy's listeners have."""
    if listener == PLAINTEXT:
        return {}
    own, proxys = f"listener.name.{listener.lower()}.", f"listener.name.{LISTENERS[listener].lower()}."
    found = {name: value for name, value in settings.items() if name.startswith(("ssl.", "sasl.", "connection."))}
    found |= {name.replace(own, proxys): value for name, value in settings.items() if name.startswith(own)}
    users = (f"{user}:{password}" for user, password in SCRAM_USERS.items() if "," not in user)
    return found | {"kafkalite.sasl.users": ",".join(users)}


def _ready(process: ServerProcess) -> str:
    for line in process.stdout:
        if b"proxy is listening on " in line:
            threading.Thread(target=process.stdout.read, daemon=True).start()
            return line.split(b"listening on ")[1].split(b",")[0].decode()
    raise RuntimeError("the proxy ended before it was ready")
