"""Rows about TLS, authorization and several brokers."""

import resource
import socket
import ssl
import sys
import time
from contextlib import ExitStack
from typing import Final

from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from benchmarks.brokers import PlainServer, Setup
from benchmarks.certificates import certificates
from benchmarks.ground import Ground
from benchmarks.processes import RunFailedError, settled_megabytes
from benchmarks.row import LARGE, Measure, Row, Sample, cpu, rate, throughput
from kafkalite_conformance.broker import free_port

_TLS: Final = "SSL"
_LOGIN: Final = "SASL_PLAINTEXT"
_USER: Final = "bench"
_ENTRIES: Final = 1000
_HANDSHAKES: Final = 200
_IDLE: Final = 2000
_BOTH: Final = frozenset({"kafka", "kafkalite"})
_AUTHORIZER: Final = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
_MODULE: Final = "org.apache.kafka.common.security.plain.PlainLoginModule"


def _with_tls() -> Setup:
    return Setup(
        listeners={_TLS: "SSL"},
        properties={"ssl.keystore.type": "PEM", "ssl.keystore.location": str(certificates().broker)},
    )


def _with_logins() -> Setup:
    return Setup(
        listeners={_LOGIN: "SASL_PLAINTEXT"},
        properties={
            "sasl.enabled.mechanisms": "PLAIN",
            f"listener.name.{_LOGIN.lower()}.plain.sasl.jaas.config": f'{_MODULE} required user_{_USER}="{_USER}";',
        },
    )


def _with_authorizer() -> Setup:
    setup = _with_logins()
    own = {"authorizer.class.name": _AUTHORIZER, "super.users": "User:ANONYMOUS"}
    return Setup(listeners=setup.listeners, properties={**setup.properties, **own})


def _over_tls() -> dict[str, str]:
    return {"security.protocol": "ssl", "ssl.ca.location": str(certificates().authority)}


def _context() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificates().authority))


def _produce_over_tls(ground: Ground) -> Sample:
    address = ground.server.addresses[_TLS]
    messages = ground.scale.large_messages // 2
    topic = ground.new_topic(6)
    return throughput(ground.rdkafka("produce", topic, messages, LARGE, bootstrap=address, settings=_over_tls()))


def _consume_over_tls(ground: Ground) -> Sample:
    address = ground.server.addresses[_TLS]
    messages = ground.scale.large_messages // 2
    topic = ground.filled_topic(messages, LARGE)
    return throughput(ground.rdkafka("consume", topic, 1, messages, bootstrap=address, settings=_over_tls()))


def _handshakes(ground: Ground) -> Sample:
    """Make handshakes with the broker and with a loop around OpenSSL, in turn."""
    reference = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "benchmarks.certificates", *reference.split(":"), str(certificates().broker)]
    server = PlainServer(command, reference, ground.folder / "openssl.log")
    context = _context()
    try:
        _wait_for(reference)
        times: dict[str, list[float]] = {ground.server.addresses[_TLS]: [], reference: []}
        for _ in range(max(20, _HANDSHAKES * ground.scale.acknowledged // 20_000)):
            for address, found in times.items():
                found.append(_handshake(address, context))
    finally:
        server.kill()
    broker_ms, openssl_ms = (sorted(found)[len(found) // 2] for found in times.values())
    return {"p50_ms": broker_ms, "openssl_ms": openssl_ms, "ratio": broker_ms / openssl_ms}


def _handshake(address: str, context: ssl.SSLContext) -> float:
    """Return the milliseconds from the connection until both sides have finished."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        began = time.perf_counter()
        with context.wrap_socket(connection, server_hostname="localhost"):
            return (time.perf_counter() - began) * 1e3


def _wait_for(address: str) -> None:
    host, _, port = address.rpartition(":")
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise RunFailedError("the loop around OpenSSL does not listen")


def _idle_connections(ground: Ground) -> Sample:
    """Produce beside idle connections, each of which has made its handshake."""
    count = max(100, _IDLE * ground.scale.acknowledged // 20_000)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 2 * count + 1000)), hard))
    ground.start_afresh()
    pid = ground.server.pid
    alone = _produce_over_tls(ground)["rate"]
    before = settled_megabytes(pid)
    context = _context()
    host, _, port = ground.server.addresses[_TLS].rpartition(":")
    with ExitStack() as stack:
        for _ in range(count):
            connection = stack.enter_context(socket.create_connection((host, int(port)), timeout=30))
            stack.enter_context(context.wrap_socket(connection, server_hostname="localhost"))
        each = (settled_megabytes(pid) - before) / count
        beside = _produce_over_tls(ground)["rate"]
    return {"kilobytes": each * 1e3, "ratio": beside / alone}


def _authorized(ground: Ground) -> Sample:
    """Produce as the same user to a broker without an authorizer, and to one with 1,000 entries, in turn."""
    secured = ground.beside("authorized", _with_authorizer())
    secured.once(_create_entries)
    pairs = (("without", ground), ("with", secured))
    rates = {name: _produce_as_user(each) for name, each in (pairs if ground.run % 2 == 0 else reversed(pairs))}
    return {**rates, "cost": (1 - rates["with"] / rates["without"]) * 100}


def _produce_as_user(ground: Ground) -> float:
    settings = {
        "security.protocol": "sasl_plaintext",
        "sasl.mechanism": "PLAIN",
        "sasl.username": _USER,
        "sasl.password": _USER,
    }
    address = ground.server.addresses[_LOGIN]
    load = ground.rdkafka(
        "produce",
        ground.new_topic(6),
        ground.scale.large_messages // 2,
        LARGE,
        bootstrap=address,
        settings=settings,
    )
    return load.thousands_per_second


def _create_entries(bootstrap: str) -> None:
    """Create the entry that is needed, among others of every kind."""

    def entry(number: int) -> AclBinding:
        prefixed = number % 2
        return AclBinding(
            ResourceType.TOPIC,
            f"other-{number}",
            ResourcePatternType.PREFIXED if prefixed else ResourcePatternType.LITERAL,
            f"User:{_USER if number % 3 else 'other'}",
            "*",
            AclOperation.WRITE if number % 5 else AclOperation.READ,
            AclPermissionType.ALLOW if number % 7 else AclPermissionType.DENY,
        )

    allowed = AclBinding(
        ResourceType.TOPIC,
        "bench-",
        ResourcePatternType.PREFIXED,
        f"User:{_USER}",
        "*",
        AclOperation.WRITE,
        AclPermissionType.ALLOW,
    )
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": "0"})
    entries = [allowed, *(entry(number) for number in range(_ENTRIES - 1))]
    try:
        for start in range(0, len(entries), 100):
            for created in admin.create_acls(entries[start : start + 100]).values():
                created.result(60)
    except Exception as problem:
        raise RunFailedError(f"{_ENTRIES} entries: {problem}") from problem


def _several_brokers(ground: Ground) -> Sample:
    """Produce to one broker and to three in one process, in turn."""
    three = ground.beside("three", Setup(brokers=3))
    loads: dict[str, float] = {}
    pairs = (("one", ground), ("three", three))
    for name, each in pairs if ground.run % 2 == 0 else reversed(pairs):
        load = each.rdkafka("produce", each.new_topic(6), each.scale.large_messages // 2, LARGE)
        loads[name] = load.thousands_per_second
    return {**loads, "ratio": loads["three"] / loads["one"]}


def _ratio(label: str, must: float, *, more_is_better: bool) -> Measure:
    return Measure(
        key="ratio", label=label, unit="", digits=2, must=must, more_is_better=more_is_better, has_ratio=False
    )


def _thousands(key: str, label: str) -> Measure:
    return Measure(key=key, label=label, unit="k/s", digits=0, more_is_better=True)


SECURITY_ROWS: Final = (
    Row(
        name="tls-produce",
        title="librdkafka produce 1 KiB over TLS, 6 partitions",
        measures=(rate(of_kafka=1.0), cpu(of_kafka=0.5)),
        measure=_produce_over_tls,
        runs=3,
        section="security",
        brokers=_BOTH,
        setup=_with_tls,
    ),
    Row(
        name="tls-consume",
        title="librdkafka consume 1 KiB over TLS, 1 partition",
        measures=(rate(of_kafka=1.0), cpu(of_kafka=0.5)),
        measure=_consume_over_tls,
        runs=3,
        section="security",
        brokers=_BOTH,
        setup=_with_tls,
    ),
    Row(
        name="handshake",
        title="TLS handshake",
        measures=(
            Measure(key="p50_ms", label="p50", unit="ms", digits=2),
            Measure(key="openssl_ms", label="p50 of a loop around OpenSSL", unit="ms", digits=2, has_ratio=False),
            _ratio("broker ÷ OpenSSL", 1.5, more_is_better=False),
        ),
        measure=_handshakes,
        runs=3,
        section="security",
        brokers=_BOTH,
        setup=_with_tls,
    ),
    Row(
        name="tls-idle",
        title=f"{_IDLE:,} idle connections with TLS",
        measures=(
            Measure(key="kilobytes", label="memory for each", unit="KB", digits=0),
            Measure(key="ratio", label="produce beside them ÷ alone", unit="", digits=2, more_is_better=True),
        ),
        measure=_idle_connections,
        runs=2,
        warm_ups=0,
        section="security",
        brokers=_BOTH,
        setup=_with_tls,
    ),
    Row(
        name="acls",
        title=f"librdkafka produce 1 KiB with a login and {_ENTRIES:,} ACLs",
        measures=(
            _thousands("without", "without an authorizer"),
            _thousands("with", "with it"),
            Measure(key="cost", label="cost", unit="%", digits=1, must=5, has_ratio=False),
        ),
        measure=_authorized,
        section="security",
        brokers=_BOTH,
        setup=_with_logins,
    ),
    Row(
        name="several",
        title="librdkafka produce 1 KiB, --brokers 3",
        measures=(
            _thousands("one", "one broker"),
            _thousands("three", "three"),
            _ratio("three ÷ one", 1.0, more_is_better=True),
        ),
        measure=_several_brokers,
        section="security",
        brokers=frozenset({"kafkalite"}),
    ),
)
