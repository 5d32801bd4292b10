"""What is known of a request besides its message: API and version, client, and the connection that it came by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from kafkalite.requests.response_handle import QueuedResponse, ResponseHandle, ResponseQueue
from kafkalite_wire.values import value_class

if TYPE_CHECKING:
    from collections.abc import Callable

    from kafkalite.security.authenticator import Authenticator
    from kafkalite.security.authorizer import Access
    from kafkalite_wire.apis import Api
    from kafkalite_wire.schema import Payload


_NO_FRAME: Final = memoryview(b"")


@dataclass(slots=True, kw_only=True, eq=False, weakref_slot=True)
class ConnectionInfo:
    """What is known of a connection; the same object for all of its requests."""

    host: str = "?"
    """The client's address."""
    port: int = 0
    local: tuple[str, int] = ("?", 0)
    """The address and port that the client dialled."""
    listener: str = "PLAINTEXT"
    broker: int | None = None
    """The id of the broker that the client dialled; None at a proxy's port that stands for no broker."""
    principal: str = "User:ANONYMOUS"
    """Who the client is: its SASL user, or the subject of its certificate."""
    authenticator: Authenticator | None = None
    """The authentication of the connection; None where the listener has no SASL."""
    server_name: str = ""
    """The name that the client asked for in its TLS handshake (SNI)."""
    software: str = ""
    """Name and version that the client states in ApiVersions (KIP-511)."""
    on_end: list[Callable[[], None]] = field(default_factory=list["Callable[[], None]"])
    """Called once, when the connection has ended."""

    def __str__(self) -> str:
        software = f" ({self.software})" if self.software else ""
        return f"{self.host}:{self.port}{software}"


class PartitionQuota(Protocol):
    """What a client may create and delete (``controller_mutation_rate``)."""

    def charge(self, partitions: int) -> None:
        """Record that partitions are to be created or deleted. Raises RefusedError if they may not be."""
        ...


class Connection(ResponseQueue, Protocol):
    """What the pipeline needs of a connection: it sends responses in the order of their requests."""

    @property
    def info(self) -> ConnectionInfo:
        """What is known of the connection."""
        ...

    @property
    def is_open(self) -> bool:
        """Whether requests are still to be started."""
        ...

    def pause(self) -> None:
        """Start no request, and keep the frame of the present one, until :meth:`resume` has been called as often."""
        ...

    def resume(self) -> None:
        """Undo one :meth:`pause`."""
        ...

    def respond(self, parts: list[Payload]) -> None:
        """Send an encoded response, behind those that are still outstanding."""
        ...

    def enqueue(self, response: QueuedResponse) -> None:
        """Keep the next place in the order of responses."""
        ...


@dataclass(slots=True, kw_only=True, eq=False)
class RequestContext:
    """One request: what its header says, and where it came from."""

    api: Api
    api_version: int
    correlation_id: int = 0
    client_id: str = ""
    info: ConnectionInfo = field(default_factory=ConnectionInfo)
    """The connection that the request came by."""
    frame: memoryview = _NO_FRAME
    """The whole request without its length; only set where an interceptor wants the request, and then a copy."""
    connection: Connection | None = None
    """Where the response goes; None in tests that need no response."""
    response: ResponseHandle[Any] | None = None
    access: Access | None = None
    """What the client may do; None where there is no authorizer."""
    is_deferred: bool = False
    """Whether the handler has taken the response handle."""
    outlives_client: bool = False
    """Whether the steps of a handler go on when the client disconnects; set by handlers that change something."""
    partition_quota: PartitionQuota | None = None
    """None where no quota may apply."""

    def charge_partitions(self, partitions: int) -> None:
        """Count partitions that are to be created or deleted on the client's quota. Raises RefusedError."""
        if self.partition_quota is not None:
            self.partition_quota.charge(partitions)

    @property
    def client_host(self) -> str:
        """The client's address as Kafka prints it: ``/127.0.0.1``."""
        return f"/{self.info.host}"

    def defer(self) -> ResponseHandle[Any]:
        """Return the handle to respond with later; a handler that calls this returns None."""
        self.is_deferred = True
        return self.response_handle()

    def response_handle(self) -> ResponseHandle[Any]:
        """Return the response handle, for the pipeline itself."""
        if self.response is None:
            assert self.connection is not None, "a request without a connection has no response handle"
            self.response = ResponseHandle(self.api, self.api_version, self.correlation_id, self.connection)
            self.connection.enqueue(self.response)
        return self.response

    def __str__(self) -> str:
        return f"{self.api.name} v{self.api_version} from {self.info}"


@value_class(kw_only=True)
class MalformedFrame:
    """A frame that is no request, after which the connection is closed; fields that cannot be read are -1 or empty."""

    api: Api | None
    """None if there is no such API, or none that is served."""
    api_key: int = -1
    api_version: int = -1
    correlation_id: int = -1
    client_id: str = ""
    info: ConnectionInfo
    size: int
    """Bytes of the frame, without its length."""
    reason: str
