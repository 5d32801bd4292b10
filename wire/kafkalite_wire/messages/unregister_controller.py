"""UnregisterController (key 94): remove a controller from the metadata of the cluster."""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import (
    INT16,
    INT32,
    STRING,
    field,
    message,
)


@message(api_key=ApiKey.UNREGISTER_CONTROLLER)
class UnregisterControllerRequest:
    """The id of the controller."""

    controller_id: int = field(INT32)


@message(api_key=ApiKey.UNREGISTER_CONTROLLER)
class UnregisterControllerResponse:
    """Whether it was removed."""

    throttle_time_ms: int = field(INT32, default=0)
    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+")
