"""The two kinds of handlers, and what they are given with a request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar, cast

from kafkalite_wire.apis import Api

if TYPE_CHECKING:
    from kafkalite.node import Node
    from kafkalite.reply import Reply
    from kafkalite_wire.error_codes import ErrorCode

Request = TypeVar("Request")
Response = TypeVar("Response")


@dataclass(slots=True, kw_only=True)
class Context:
    """Who asks: ``client_host`` as Kafka prints it (``/127.0.0.1``), ``local`` the address that the client dialled."""

    api_version: int
    client_id: str
    client_host: str
    local: tuple[str, int]
    software: Callable[[str], None]


class RefusedError(Exception):
    """A part of a request that is answered with an error of its own."""

    def __init__(self, code: ErrorCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code


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
