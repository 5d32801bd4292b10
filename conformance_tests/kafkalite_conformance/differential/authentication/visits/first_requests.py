"""Requests before the client has authenticated, ApiVersions, and SASL requests where there is no SASL."""

import struct
from dataclasses import replace

from kafkalite_conformance.differential.authentication.line import Visit
from kafkalite_conformance.differential.authentication.scram_client import ScramClient
from kafkalite_conformance.differential.authentication.secured_brokers import (
    MOST_BYTES,
    PLAINTEXT,
    SASL_PLAINTEXT,
    SASL_SSL,
    SSL,
)
from kafkalite_conformance.differential.authentication.visits.entering import ALICE, authenticate, handshake, visit
from kafkalite_wire.apis import APIS, ApiKey
from kafkalite_wire.messages.api_versions import ApiVersionsRequest
from kafkalite_wire.messages.metadata import MetadataRequest

_ONE = ApiVersionsRequest(client_software_name="visitor", client_software_version="1")


_ANSWERED_IN_OTHER_WORDS = frozenset((
    ApiKey.PRODUCE,
    ApiKey.FETCH,
    ApiKey.METADATA,
    ApiKey.FIND_COORDINATOR,
    ApiKey.DESCRIBE_ACLS,
    ApiKey.DESCRIBE_LOG_DIRS,
    ApiKey.RENEW_DELEGATION_TOKEN,
    ApiKey.EXPIRE_DELEGATION_TOKEN,
    ApiKey.LIST_PARTITION_REASSIGNMENTS,
    ApiKey.DESCRIBE_CLIENT_QUOTAS,
    ApiKey.DESCRIBE_USER_SCRAM_CREDENTIALS,
    ApiKey.DESCRIBE_CLUSTER,
    ApiKey.UNREGISTER_BROKER,
))  # fmt: skip
"""APIs whose error responses differ from Kafka's in a sentence or a blank field, or that Kafka itself fails to make."""


@visit
def other_requests(visit: Visit) -> None:
    """Each API before a handshake, and Metadata in the middle."""
    for api in APIS.values():
        if api.key in (ApiKey.API_VERSIONS, ApiKey.SASL_HANDSHAKE, ApiKey.SASL_AUTHENTICATE):
            continue
        line = visit.call(SASL_PLAINTEXT)
        line.frame(struct.pack(">hhih", api.key, api.min_version, 1, -1) + bytes(40), api.name)
    line = visit.call(SASL_PLAINTEXT, "first")
    line.ask(MetadataRequest(topics=()), 9)
    for version in (0, 1):
        line = visit.call(SASL_PLAINTEXT, f"amid v{version}")
        handshake(line, "PLAIN", version)
        line.ask(MetadataRequest(topics=()), 9)
        line.is_open()
    for key in (999, -1):
        line = visit.call(SASL_PLAINTEXT, "amid")
        line.frame(struct.pack(">hhih", key, 0, 1, -1), f"API {key}")
        line.is_open()


@visit
def other_requests_amid_tokens(visit: Visit) -> None:
    """Each API in each version is answered with its error."""
    for api in APIS.values():
        if api.key in _ANSWERED_IN_OTHER_WORDS:
            continue
        for version in (*range(api.min_version, api.max_version + 1), 99):
            line = visit.call(SASL_PLAINTEXT, "amid")
            handshake(line, "PLAIN")
            line.frame(struct.pack(">hhih", api.key, version, 1, -1) + bytes(200), f"{api.name} v{version}")
            line.is_open()


@visit
def api_versions(visit: Visit) -> None:
    """Before, twice, in the middle, after; versions that are not served."""
    for listener in (PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL):
        context = None
        if listener in (SSL, SASL_SSL):
            context = visit.certificates.context(visit.certificates.client)
        for version in range(6):
            line = visit.call(listener, context=context)
            line.ask(_ONE, version)
            if listener in (SASL_PLAINTEXT, SASL_SSL):
                handshake(line, "PLAIN")
                authenticate(line, ALICE)
                line.ask(_ONE, version, "after")
    line = visit.call(SASL_PLAINTEXT, "twice")
    line.ask(_ONE, 3)
    line.ask(_ONE, 4)
    line.is_open()
    handshake(line, "PLAIN")
    line.ask(_ONE, 3, "amid")
    line.is_open()
    authenticate(line, ALICE)
    line.is_open()
    line = visit.call(SASL_PLAINTEXT, "amid SCRAM")
    handshake(line, "SCRAM-SHA-256")
    client = ScramClient(mechanism="SCRAM-SHA-256", user="alice", password="alice-scram")
    authenticate(line, client.first())
    line.ask(_ONE, 3)
    line.is_open()
    line = visit.call(SASL_PLAINTEXT, "after version 0")
    handshake(line, "PLAIN", 0)
    line.ask(_ONE, 0)
    line.is_open()


@visit
def api_versions_that_are_not_served(visit: Visit) -> None:
    """And such with an invalid name of the software."""
    line = visit.call(SASL_PLAINTEXT, "newer")
    line.frame(struct.pack(">hhihh", 18, 99, 1, -1, 0)[:-2], "v99")
    line.ask(_ONE, 3)
    handshake(line, "PLAIN")
    authenticate(line, ALICE)
    for version in (-1, 6, 99):
        for tagged in (b"", b"\0", b"\0\0\0"):
            line = visit.call(SASL_PLAINTEXT)
            line.frame(struct.pack(">hhih", 18, version, 1, -1) + tagged, f"v{version}")
            line.is_open()
            line.ask(_ONE, 3)
            handshake(line, "PLAIN")
    bad = ApiVersionsRequest(client_software_name="-", client_software_version="1")
    line = visit.call(SASL_PLAINTEXT, "a bad name")
    line.ask(bad, 3)
    line.is_open()
    line.ask(_ONE, 3)
    handshake(line, "PLAIN")
    authenticate(line, ALICE)
    line = visit.call(SASL_PLAINTEXT, "another cluster")
    other = ApiVersionsRequest(client_software_name="a", client_software_version="1", cluster_id="x", node_id=7)
    line.ask(other, 5)
    line.ask(_ONE, 3)
    for half in (replace(other, cluster_id=None), replace(other, node_id=-1)):
        line = visit.call(SASL_PLAINTEXT, "half of another cluster")
        line.ask(half, 5)
        line.ask(_ONE, 3)
    line = visit.call(SASL_PLAINTEXT, "another cluster, afterwards")
    handshake(line, "PLAIN")
    authenticate(line, ALICE)
    line.ask(other, 5)


@visit
def sasl_where_there_is_none(visit: Visit) -> None:
    """On PLAINTEXT and SSL."""
    for listener in (PLAINTEXT, SSL):
        context = visit.certificates.context(visit.certificates.client) if listener == SSL else None
        for version in (0, 1):
            for mechanism in ("PLAIN", "x", ""):
                line = visit.call(listener, context=context)
                handshake(line, mechanism, version)
                line.is_open()
        for version in (0, 1, 2):
            line = visit.call(listener, context=context)
            authenticate(line, ALICE, version)
            authenticate(line, b"", version)
            line.is_open()
            line.ask(MetadataRequest(topics=()), 1)


@visit
def large_requests(visit: Visit) -> None:
    """At `sasl.server.max.receive.size`, before and after."""
    for size in (MOST_BYTES, MOST_BYTES + 1, 1 << 30, -1):
        line = visit.call(SASL_PLAINTEXT, f"{size} bytes")
        frame = struct.pack(">hhihh", 17, 1, 1, -1, 5) + b"PLAIN"
        line.stream(struct.pack(">i", size) + frame.ljust(min(max(size, 0), MOST_BYTES + 1), b"\0"), "at first")
        line.is_open()
    for size in (MOST_BYTES, MOST_BYTES + 1):
        line = visit.call(SASL_PLAINTEXT, f"{size} bytes")
        handshake(line, "PLAIN", 0)
        line.token(ALICE.ljust(size, b"x"), "a token")
        line.is_open()
    line = visit.call(SASL_PLAINTEXT, "afterwards")
    handshake(line, "PLAIN")
    authenticate(line, ALICE)
    topic = struct.pack(">hhihi", 3, 1, 1, -1, 600) + (struct.pack(">h", 8) + b"a topic!") * 600
    line.stream(struct.pack(">i", len(topic)) + topic, "a large Metadata request")
    line.is_open()
