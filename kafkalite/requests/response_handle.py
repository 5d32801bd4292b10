"""What the server gives with a request, and whoever answers it uses once: now, or later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

Response = TypeVar("Response", contravariant=True)


class Reply(Protocol[Response]):
    """A reply that is owed. It is sent exactly once, now or later; its order among others is kept for it."""

    def send(self, response: Response) -> None:
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
