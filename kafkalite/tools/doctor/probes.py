"""Probes of an address: resolve, connect, ask. Each uses a connection of its own."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Callable
from typing import Final

from kafkalite.client.connection import Connection, NotKafkaError
from kafkalite.tools.doctor.observations import Advertised, Answer, Attempt, Contact, Greeting, Reach, Tls
from kafkalite_wire.apis import APIS, ApiKey
from kafkalite_wire.errors import WireError
from kafkalite_wire.messages.api_versions import ApiVersionsRequest, ApiVersionsResponse
from kafkalite_wire.messages.metadata import MetadataRequest, MetadataResponse

Resolve = Callable[[str, int], list[str]]

_CLIENT_ID: Final = "kafkalite-doctor"
_SASL_HANDSHAKE: Final = 17
_TLS_ALERT: Final = b"\x15\x03"


def system_resolve(host: str, port: int) -> list[str]:
    """Return the IP addresses of a name in the order in which clients try them; raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def reach(host: str, port: int, *, timeout: float, resolve: Resolve = system_resolve) -> Reach:
    """Resolve a name and connect to each of its addresses."""
    try:
        addresses = resolve(host, port)
    except (OSError, UnicodeError) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        return Reach(host=host, port=port, unresolved=reason)
    attempts = tuple(Attempt(ip=ip, contact=_contact(ip, port, timeout)) for ip in addresses)
    return Reach(host=host, port=port, attempts=attempts)


def _contact(ip: str, port: int, timeout: float) -> Contact:
    try:
        socket.create_connection((ip, port), timeout=timeout).close()
    except ConnectionRefusedError:
        return Contact.REFUSED
    except TimeoutError:
        return Contact.TIMED_OUT
    except OSError:
        return Contact.UNREACHABLE
    return Contact.CONNECTED


def greet(host: str, ip: str, port: int, *, timeout: float) -> Greeting:
    """Ask for ApiVersions, first without TLS, then with TLS if the response was not Kafka's."""
    plain = _versions(lambda: _connect(ip, port, timeout))
    if plain.answer is Answer.KAFKA:
        return _with_login(plain, lambda: _connect(ip, port, timeout))
    if plain.answer is Answer.HTTP:
        return plain
    tls = _look_for_tls(host, ip, port, timeout)
    if tls is None:
        return _as_browser(ip, port, timeout) or plain if plain.answer is Answer.SILENCE else plain
    if tls.refused:
        return Greeting(answer=Answer.CLOSED, tls=tls)

    def secured() -> socket.socket:
        return _secured(host, ip, port, timeout, verify=False)

    inside = _versions(secured)
    if inside.answer is Answer.KAFKA:
        inside = _with_login(inside, secured)
    wants = inside.answer is not Answer.KAFKA and _wants_certificate(secured)
    tls = Tls(distrust=tls.distrust, wants_client_certificate=wants)
    return Greeting(
        answer=inside.answer, versions=inside.versions, tls=tls, sasl_mechanisms=inside.sasl_mechanisms,
        received=inside.received,
    )  # fmt: skip


def ask_metadata(host: str, ip: str, port: int, greeting: Greeting, *, timeout: float) -> MetadataResponse | None:
    """Ask for the brokers of the cluster; None without a common version or an answer."""
    api, offered = APIS[ApiKey.METADATA], greeting.versions.get(ApiKey.METADATA)
    if offered is None or offered[0] > api.max_version or offered[1] < api.min_version:
        return None
    version = min(api.max_version, offered[1])
    try:
        stream = (
            _connect(ip, port, timeout) if greeting.tls is None else _secured(host, ip, port, timeout, verify=False)
        )
        with Connection(stream, client_id=_CLIENT_ID) as connection:
            # In version 0, no topics means all of them.
            request = MetadataRequest(topics=(), allow_auto_topic_creation=False)
            return connection.call(request, version, MetadataResponse)
    except (OSError, NotKafkaError, WireError):
        return None


def connect(broker: Advertised, *, timeout: float) -> Connection:
    """Connect to a broker at its advertised address, with TLS if it needs it; raises OSError."""
    there = broker.reach
    assert there.connected is not None
    ip, secure = there.connected.ip, broker.greeting is not None and broker.greeting.tls is not None
    stream = (
        _secured(there.host, ip, there.port, timeout, verify=False) if secure else _connect(ip, there.port, timeout)
    )
    return Connection(stream, client_id=_CLIENT_ID)


def _connect(ip: str, port: int, timeout: float) -> socket.socket:
    return socket.create_connection((ip, port), timeout=timeout)


def _versions(connect: Callable[[], socket.socket]) -> Greeting:
    try:
        with Connection(connect(), client_id=_CLIENT_ID) as connection:
            response = connection.call(ApiVersionsRequest(), 0, ApiVersionsResponse)
    except NotKafkaError as problem:
        return _what_came(problem.received)
    except TimeoutError:
        return Greeting(answer=Answer.SILENCE)
    except (OSError, WireError):
        return Greeting(answer=Answer.CLOSED)
    return Greeting(
        answer=Answer.KAFKA,
        versions={row.api_key: (row.min_version, row.max_version) for row in response.api_keys},
    )


def _as_browser(ip: str, port: int, timeout: float) -> Greeting | None:
    """Ask as a browser does: some web servers wait for the end of a line, which Kafka's requests do not have."""
    try:
        with _connect(ip, port, timeout) as stream:
            stream.sendall(b"HEAD / HTTP/1.0\r\n\r\n")
            greeting = _what_came(stream.recv(256))
    except OSError:
        return None
    return greeting if greeting.answer is Answer.HTTP else None


def _what_came(received: bytes) -> Greeting:
    if not received:
        return Greeting(answer=Answer.CLOSED)
    if received.startswith(b"HTTP/"):
        return Greeting(answer=Answer.HTTP, received=received.split(b"\r\n")[0].decode("latin-1"))
    if received.startswith(_TLS_ALERT):
        return Greeting(answer=Answer.OTHER, received="a TLS alert")
    return Greeting(answer=Answer.OTHER, received=received[:40].decode("latin-1").__repr__())


def _look_for_tls(host: str, ip: str, port: int, timeout: float) -> Tls | None:
    """Try a TLS handshake and return its outcome, or None if the port does not speak TLS."""
    try:
        _secured(host, ip, port, timeout, verify=True).close()
    except ssl.SSLCertVerificationError as problem:
        return Tls(distrust=problem.verify_message)
    except ssl.SSLError as problem:
        alert = problem.reason or ""
        return Tls(refused=alert.replace("_", " ").lower()) if "ALERT" in alert else None
    except (OSError, ValueError):
        return None
    return Tls()


def _secured(host: str, ip: str, port: int, timeout: float, *, verify: bool) -> socket.socket:
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    stream = _connect(ip, port, timeout)
    try:
        return context.wrap_socket(stream, server_hostname=host)
    except BaseException:
        stream.close()
        raise


def _wants_certificate(connect: Callable[[], socket.socket]) -> bool:
    """Wait for the alert after the handshake with which TLS 1.3 refuses clients without a certificate.

    Send nothing: unread data would make the server reset the connection, and the alert would be lost.
    """
    try:
        with connect() as stream:
            stream.recv(1)
    except ssl.SSLError as problem:
        return "CERTIFICATE" in (problem.reason or "")
    except OSError:
        return False
    return False


def _with_login(greeting: Greeting, connect: Callable[[], socket.socket]) -> Greeting:
    """Find out whether the broker requires a login: then it closes the connection on any other request."""
    offered = greeting.versions.get(_SASL_HANDSHAKE)
    if offered is None or _answers_metadata(greeting, connect):
        return greeting
    mechanisms = _mechanisms(offered[1], connect)
    if mechanisms is None:
        return greeting
    return Greeting(answer=greeting.answer, versions=greeting.versions, sasl_mechanisms=mechanisms)


def _answers_metadata(greeting: Greeting, connect: Callable[[], socket.socket]) -> bool:
    offered: tuple[int, int] | None = greeting.versions.get(ApiKey.METADATA)
    if offered is None:
        return True
    version = min(APIS[ApiKey.METADATA].max_version, offered[1])
    try:
        with Connection(connect(), client_id=_CLIENT_ID) as connection:
            connection.call(MetadataRequest(topics=(), allow_auto_topic_creation=False), version, MetadataResponse)
    except NotKafkaError as problem:
        return bool(problem.received)
    except (OSError, WireError):
        return True
    return True


def _mechanisms(highest: int, connect: Callable[[], socket.socket]) -> tuple[str, ...] | None:
    """Ask for a mechanism that does not exist; the refusal lists those that do (KIP-43)."""
    try:
        with Connection(connect(), client_id=_CLIENT_ID) as connection:
            body = connection.call_undeclared(_SASL_HANDSHAKE, min(highest, 1), struct.pack(">h", 4) + b"NONE")
    except (OSError, NotKafkaError):
        return None
    return _read_mechanisms(body)


def _read_mechanisms(body: bytes) -> tuple[str, ...] | None:
    """Read a SaslHandshake response: error code, names."""
    unsupported_mechanism = 33
    try:
        code, count = struct.unpack_from(">hi", body)
        names: list[str] = []
        at = 6
        for _ in range(count):
            (length,) = struct.unpack_from(">h", body, at)
            names.append(body[at + 2 : at + 2 + length].decode())
            at += 2 + length
    except (struct.error, UnicodeDecodeError):
        return None
    return tuple(names) if code == unsupported_mechanism else None
