"""Connections to listeners with TLS that are not as they should be."""

import ssl
import struct

from kafkalite_conformance.differential.authentication.line import Visit
from kafkalite_conformance.differential.authentication.secured_brokers import MUTUAL, PLAINTEXT, SASL_SSL, SSL
from kafkalite_conformance.differential.authentication.visits.entering import visit
from kafkalite_wire.messages.metadata import MetadataRequest

_METADATA = MetadataRequest(topics=())


def _attempt(visit: Visit, listener: str, name: str, context: ssl.SSLContext) -> None:
    try:
        line = visit.call(listener, name, context=context)
    except OSError:
        visit.write(f"{listener} {name}", "no handshake")
        return
    line.ask(_METADATA, 1)
    line.is_open()


@visit
def certificates(visit: Visit) -> None:
    """None, a trusted one, and one of another authority."""
    files = visit.certificates
    for listener in (SSL, MUTUAL):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            for name, file in (("none", None), ("trusted", files.client), ("stranger", files.stranger)):
                context = files.context(file)
                context.minimum_version = context.maximum_version = version
                _attempt(visit, listener, f"{version.name} {name}", context)


@visit
def plain_bytes(visit: Visit) -> None:
    """A client without TLS; TLS where there is none."""
    for listener in (SSL, SASL_SSL):
        line = visit.call(listener, "no TLS")
        line.ask(_METADATA, 1)
        for note, data in (
            ("a Kafka request", b"\0\0\0\x14" + bytes(20)),
            ("HTTP", b"GET / HTTP/1.1\r\n\r\n"),
            ("a handshake of nonsense", b"\x16\x03\x01\0\x05hello"),
        ):
            visit.call(listener).ending(data, note)
    context = visit.certificates.context()
    _attempt(visit, PLAINTEXT, "TLS", context)


@visit
def large_frames(visit: Visit) -> None:
    """A request of many records of TLS."""
    line = visit.call(SSL, context=visit.certificates.context(visit.certificates.client))
    topic = struct.pack(">hhihi", 3, 1, 1, -1, 20000) + (struct.pack(">h", 8) + b"a topic!") * 20000
    line.stream(struct.pack(">i", len(topic)) + topic, "a large Metadata request")
    line.is_open()
