"""What an interceptor of messages is: the interface for your own, and of those that come with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any

from kafkalite.config.options import OptionError
from kafkalite.requests.context import ConnectionInfo
from kafkalite.requests.parts.message_parts import Part

if TYPE_CHECKING:
    from kafkalite_wire.apis import Api
    from kafkalite_wire.error_codes import ErrorCode

TopicName = Callable[[str | bytes], str | None]
"""Returns the name of a topic by its name or id, None if the id is not known."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer with an error where Kafka has it in the response, in place of the cluster.

    With ``parts`` only those partitions, topics or groups are refused for which it returns True; the others of the same
    request go on. ``message`` stands in the response's ``error_message``, where the version has one.
    """

    error: ErrorCode
    parts: Callable[[Part], bool] | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Respond:
    """Answer with a response of your own, in place of the cluster. None sends nothing, and leaves the client waiting.

    ``response`` is of the class that answers the request, such as ``HeartbeatResponse``.
    """

    response: Any


@dataclass(slots=True, kw_only=True, eq=False)
class Context:
    """What is known of a request besides its message."""

    api: Api
    """Its API: ``context.api.key is ApiKey.PRODUCE``, or ``context.api.name == "Produce"``."""
    version: int
    client_id: str = ""
    connection: ConnectionInfo
    """The client's connection: its address and principal. The same object for all requests of a connection."""
    topic_name: TopicName
    now: Callable[[], float] = monotonic
    """Returns seconds of a clock that only goes forward."""
    throttled: float = 0.0
    """Seconds for which the client is to be throttled so far."""

    @property
    def principal(self) -> str:
        """Who the client is, such as ``User:alice``."""
        return self.connection.principal

    def throttle(self, seconds: float) -> None:
        """Ask the client in the response to wait, and read nothing from its connection until then (KIP-219)."""
        self.throttled = max(self.throttled, seconds)


class MessageInterceptor:
    """Sees requests and responses, decoded, and returns what goes on in their place.

    A subclass that is a dataclass has its fields as options. Raise :class:`OptionError` in ``__post_init__`` for a
    value that is not possible. The same interceptor serves all connections, in one thread.

    Messages are not to be changed: make others with ``dataclasses.replace``. An exception closes the connection of its
    request, and is logged with its traceback.
    """

    def wants(self, api: Api, version: int) -> bool:
        """Return whether to intercept an API in a version; asked once for each. What is not wanted is not decoded."""
        del api, version
        return True

    def hides(self, api_key: int) -> bool:
        """Return whether an API does not exist for clients.

        It is left out of the response to ApiVersions, and a request of it closes the connection, as Kafka does with
        APIs that it does not know. Asked about every API that the cluster offers.
        """
        del api_key
        return False

    def on_request(self, request: Any, context: Context) -> Any:
        """Return the request that goes on, or :class:`Refuse` or :class:`Respond`.

        ``request`` is of a class of ``kafkalite_wire.messages``, such as ``ProduceRequest``.
        """
        del context
        return request

    def on_response(self, response: Any, request: Any, context: Context) -> Any:
        """Return the response that goes on; ``request`` is the one that this interceptor was given.

        Not called where there is no response (``acks=0``), and not for requests that this interceptor has answered.
        """
        del request, context
        return response


__all__ = ["Context", "MessageInterceptor", "OptionError", "Refuse", "Respond", "TopicName"]
