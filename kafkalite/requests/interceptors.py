"""The engine: every request passes by it, and rules may act in the handler's place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from kafkalite_wire.apis import Api


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request on its way. ``connection`` is the same object for all requests of one connection."""

    api: Api
    api_version: int
    client_id: str
    client_host: str
    client_port: int = 0
    connection: object
    request: Any
    """The decoded message, of the class that the API declares."""
    correlation_id: int
    frame: memoryview
    """The whole request without its length; valid while the call is shown, so whoever wants it later copies it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Malformed:
    """A frame that is no request, after which the connection is closed; what could not be read is -1, or empty."""

    api: Api | None
    """None if there is no such API, or none that is served."""
    api_key: int = -1
    api_version: int = -1
    correlation_id: int = -1
    client_id: str = ""
    client_host: str
    client_port: int
    connection: object
    size: int
    """Bytes of the frame, without its length."""
    reason: str


class Owed(Protocol):
    """The reply that is owed for a call; exactly one of these is called, once, now or later."""

    def send(self, response: object | None) -> None:
        """Send a response; None sends nothing at all, and the client's later replies follow."""
        ...

    def fail(self, reason: str) -> None:
        """End the connection instead."""
        ...


class OwedToClient(Owed, Protocol):
    """The reply that the client itself is owed."""

    def send(self, response: object | None, *, mute: float = 0.0) -> None:
        """Send a response, as above; ``mute`` is for how many seconds the connection is muted afterwards (KIP-219).

        They are the broker's. Nothing that the client sends meanwhile is looked at before they are over.
        """
        ...

    @property
    def is_abandoned(self) -> bool:
        """Whether the client's connection has ended, so that nobody will read the reply."""
        ...


class Proceed(Protocol):
    """Lets the handler run, now or later."""

    def __call__(self, owed: Owed | None = None, *, request: object | None = None) -> None:
        """Run the handler. It answers the client, or where ``owed`` is given that one, which may change the answer.

        Where ``request`` is given, the handler sees that one in place of the client's.
        """
        ...


class ReplyObserver(Protocol):
    """Who wants to know how a call ended; exactly one of these is called, once."""

    def sent(self, response: object | None) -> None:
        """Learn what was sent, None if nothing was. What a response borrows from a log is valid during the call."""
        ...

    def failed(self, reason: str) -> None:
        """Learn why the connection was ended instead."""
        ...

    def abandoned(self) -> None:
        """Learn that the connection ended before there was a reply."""
        ...


Observer = Callable[[Call], ReplyObserver | None]
"""Is shown each call on its way to rules and handler; gives who wants to know how it ends, or None."""


class Rule(Protocol):
    """Something that acts on some calls in the handler's place."""

    def concerns(self, call: Call) -> bool:
        """Tell whether the rule acts on this call; asked of each call, so it must be quick."""
        ...

    def act(self, call: Call, proceed: Proceed, owed: OwedToClient) -> None:
        """Answer the call, or let it proceed, now or later."""
        ...


class Engine:
    """Who looks at requests, and the rules that act on them; the first rule that is concerned acts."""

    def __init__(self) -> None:
        self.observers: list[Observer] = []
        self.malformed_observers: list[Callable[[Malformed], None]] = []
        """Shown what is no request, and so no call."""
        self.rules: list[Rule] = []

    def shown(self, call: Call) -> list[ReplyObserver]:
        """Show a call to the observers; gives those that want to know how it ends."""
        return [wants for observe in self.observers if (wants := observe(call)) is not None]

    def rule_for(self, call: Call) -> Rule | None:
        """Choose the rule that acts on a call, if any."""
        for rule in self.rules:
            if rule.concerns(call):
                return rule
        return None
