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
    connection: object
    request: Any
    """The decoded message, of the class that the API declares."""


class Owed(Protocol):
    """The reply that is owed for a call; exactly one of these is called, once, now or later."""

    def send(self, response: object | None) -> None:
        """Send a response; None sends nothing at all, and the client's later replies follow."""
        ...

    def fail(self, reason: str) -> None:
        """End the connection instead."""
        ...


Proceed = Callable[[], None]
"""Lets the handler run, now or later; it then answers the call itself."""


class Rule(Protocol):
    """Something that acts on some calls in the handler's place."""

    def concerns(self, call: Call) -> bool:
        """Tell whether the rule acts on this call; asked of each call, so it must be quick."""
        ...

    def act(self, call: Call, proceed: Proceed, owed: Owed) -> None:
        """Answer the call, or let it proceed, now or later."""
        ...


class Engine:
    """Who looks at requests, and the rules that act on them; the first rule that is concerned acts."""

    def __init__(self) -> None:
        self.observers: list[Callable[[Call], None]] = []
        self.rules: list[Rule] = []

    def rule_for(self, call: Call) -> Rule | None:
        """Show a call to the observers, and choose the rule that acts on it, if any."""
        for observe in self.observers:
            observe(call)
        for rule in self.rules:
            if rule.concerns(call):
                return rule
        return None
