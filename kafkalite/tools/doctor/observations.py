"""What was seen at an address, before anybody judges it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Contact(Enum):
    """What came of a TCP connection."""

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
    """How far one gets towards HOST:PORT; no attempts where the name does not resolve, for the reason `unresolved`."""

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
    """What came back for a request that every broker since 0.10 answers."""

    KAFKA = "kafka"
    CLOSED = "closed"
    SILENCE = "silence"
    HTTP = "http"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """A TLS listener; `distrust` says why this machine does not trust its certificate, empty if it does."""

    distrust: str = ""
    wants_client_certificate: bool = False
    refused: str = ""
    """The alert with which it ends the handshake, empty if it does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    """Who answers: the versions of its APIs if it is a broker, and TLS if that was needed to learn it."""

    answer: Answer
    versions: Mapping[int, tuple[int, int]] = field(default_factory=dict[int, tuple[int, int]])
    tls: Tls | None = None
    sasl_mechanisms: tuple[str, ...] | None = None
    """None unless it answers nothing before a client has logged in."""
    received: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advertised:
    """A broker of the cluster, where clients are told to find it, and who answers there."""

    node_id: int
    reach: Reach
    greeting: Greeting | None = None
    cluster_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """What Metadata told."""

    cluster_id: str | None
    brokers: tuple[Advertised, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """Everything that was seen; later parts are None where the earlier ones failed."""

    reach: Reach
    greeting: Greeting | None = None
    cluster: Cluster | None = None
