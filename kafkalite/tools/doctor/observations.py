"""What the doctor has seen at an address, without a judgement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Contact(Enum):
    """The outcome of a TCP connection."""

    CONNECTED = "connected"
    REFUSED = "refused"
    TIMED_OUT = "timed out"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A connection to one of the IP addresses of a name."""

    ip: str
    contact: Contact


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """The attempts to connect to HOST:PORT; none where the name does not resolve, for the reason `unresolved`."""

    host: str
    port: int
    attempts: tuple[Attempt, ...] = ()
    unresolved: str = ""

    @property
    def address(self) -> str:
        """HOST:PORT."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def connected(self) -> Attempt | None:
        """The first attempt that succeeded."""
        return next((attempt for attempt in self.attempts if attempt.contact is Contact.CONNECTED), None)


class Answer(Enum):
    """The kind of response to ApiVersions, which every broker since 0.10 answers."""

    KAFKA = "kafka"
    CLOSED = "closed"
    SILENCE = "silence"
    HTTP = "http"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """A TLS listener; `distrust` says why its certificate is not trusted here, empty if it is."""

    distrust: str = ""
    wants_client_certificate: bool = False
    refused: str = ""
    """The alert that ended the handshake, empty if none did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    """The response to ApiVersions: of a broker, the versions of its APIs; `tls` if it was needed."""

    answer: Answer
    versions: Mapping[int, tuple[int, int]] = field(default_factory=dict[int, tuple[int, int]])
    tls: Tls | None = None
    sasl_mechanisms: tuple[str, ...] | None = None
    """None unless the broker requires a login."""
    received: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advertised:
    """A broker of the cluster, its advertised address, and the response there."""

    node_id: int
    reach: Reach
    greeting: Greeting | None = None
    cluster_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """The response to Metadata."""

    cluster_id: str | None
    brokers: tuple[Advertised, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """A request that a broker did not serve; `code` is that of the finding."""

    code: str
    subject: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyHealth:
    """What a kafkalite proxy says of itself at ``GET /health``."""

    url: str
    problem: str = ""
    """Why it says nothing, empty if it does."""
    healthy: bool = False
    unreachable: tuple[tuple[str, str], ...] = ()
    """Address and reason of each broker of the cluster to which the proxy cannot connect."""
    ports: tuple[int, ...] = ()
    """The ports that stand for brokers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """Everything that was seen; later parts are None where the earlier ones failed."""

    reach: Reach
    greeting: Greeting | None = None
    cluster: Cluster | None = None
    faults: tuple[Fault, ...] = ()
    """Requests that were not served, where clients get as far as to send them."""
    proxy: ProxyHealth | None = None
    """None unless the address is a proxy's, whose health was asked for."""
