"""The two kinds of handlers, and what they are given with a request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from kafkalite_wire.apis import Api

if TYPE_CHECKING:
    from kafkalite.node import Node

Request = TypeVar("Request")
Response = TypeVar("Response")
ResponseIn = TypeVar("ResponseIn", contravariant=True)


@dataclass(slots=True, kw_only=True)
class Context:
    """Who asks: ``client_host`` as Kafka prints it (``/127.0.0.1``), ``local`` the address that the client dialled."""

    api_version: int
    client_id: str
    client_host: str
    local: tuple[str, int]
    software: Callable[[str], None]


class Reply(Protocol[ResponseIn]):
    """A reply that is owed. It is sent exactly once, now or later; its order among others is kept for it."""

    def send(self, response: ResponseIn) -> None:
        """Send the response."""
        ...

    def skip(self) -> None:
        """Send nothing: this request has no response."""
        ...

    def fail(self, reason: str) -> None:
        """End the connection instead: there is no response that would be true."""
        ...

    def on_followed(self, call: Callable[[], None]) -> None:
        """Have ``call`` called, once, when the client sends another request before the reply is sent."""
        ...

    def on_abandoned(self, call: Callable[[], None]) -> None:
        """Have ``call`` called if the client goes away before the reply is sent."""
        ...


@dataclass(frozen=True, slots=True)
class Immediate:
    """A handler that returns its response; None (Produce with acks=0) sends nothing."""

    handle: Callable[[Node, Any, Context], object | None]


@dataclass(frozen=True, slots=True)
class Deferred:
    """A handler that may keep the reply until something happens."""

    handle: Callable[[Node, Any, Context, Reply[Any]], None]


Handler = Immediate | Deferred


def immediate(handle: Callable[[Node, Request, Context], object | None]) -> Immediate:
    """Mark a function as its module's handler, one that answers at once."""
    return Immediate(handle)


def deferred(handle: Callable[[Node, Request, Context, Reply[Response]], None]) -> Deferred:
    """Mark a function as its module's handler, one that may answer later."""
    return Deferred(handle)


def handler_of(api: Api) -> Handler:
    """Import the handler of an API; it lives in the module that is named like the API's messages."""
    return cast("Handler", import_module(f"kafkalite.handlers.{api.module}").handle)
