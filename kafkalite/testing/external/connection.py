"""A connection to any broker that asks in the newest version which both sides know."""

from __future__ import annotations

from typing import Any, Final

from kafkalite.client.connection import open_connection
from kafkalite_wire.apis import APIS
from kafkalite_wire.messages.api_versions import ApiVersionsRequest, ApiVersionsResponse
from kafkalite_wire.schema import declaration_of

_TIMEOUT: Final = 30.0


class Connection:
    """One blocking connection, one request at a time. Methods raise OSError and NotKafkaError."""

    def __init__(self, host: str, port: int) -> None:
        try:
            self._connection = open_connection((host, port), timeout=_TIMEOUT)
        except OSError as error:
            raise ConnectionError(f"nobody answers at {host}:{port}: {error}") from None
        answer = self._connection.call(ApiVersionsRequest(), 0, ApiVersionsResponse)
        self._newest = {api.api_key: api.max_version for api in answer.api_keys}

    def close(self) -> None:
        """Close the connection."""
        self._connection.__exit__()

    def call(self, request: object, most: int) -> Any:
        """Send a request, in version ``most`` at most, and give its response."""
        api = APIS[declaration_of(type(request)).api_key]
        version = min(most, self._newest.get(api.key, most))
        return self._connection.call(request, version, api.response_type)
