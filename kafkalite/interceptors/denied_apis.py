"""``deny-apis``: APIs that clients may not use."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from kafkalite.config.options import OptionError
from kafkalite.interceptors.interface import MessageInterceptor, Refuse
from kafkalite_wire.apis import DECLARED_APIS, ApiKey
from kafkalite_wire.error_codes import ErrorCode

if TYPE_CHECKING:
    from kafkalite.interceptors.interface import Context
    from kafkalite_wire.apis import Api

_PASSED_ON: Final = {
    68: "ConsumerGroupHeartbeat",
    69: "ConsumerGroupDescribe",
    71: "GetTelemetrySubscriptions",
    72: "PushTelemetry",
    76: "ShareGroupHeartbeat",
    77: "ShareGroupDescribe",
    78: "ShareFetch",
    79: "ShareAcknowledge",
    88: "StreamsGroupHeartbeat",
    89: "StreamsGroupDescribe",
    90: "DescribeShareGroupOffsets",
    91: "AlterShareGroupOffsets",
    92: "DeleteShareGroupOffsets",
}
_NAMES: Final = {**_PASSED_ON, **{key: api.name for key, api in DECLARED_APIS.items()}}
_NEEDED: Final = frozenset((ApiKey.API_VERSIONS, ApiKey.SASL_HANDSHAKE, ApiKey.SASL_AUTHENTICATE))


@dataclass
class DeniedApis(MessageInterceptor):
    """Hides APIs from clients, or answers them with an error."""

    apis: tuple[str, ...]
    """Names of APIs, such as "DeleteTopics"."""
    error: str | None = None
    """The error to answer with, by Kafka's name; without one the APIs are hidden."""
    _keys: frozenset[int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._keys = frozenset(map(_key_of, self.apis))
        if self.error is None:
            return
        if self.error not in ErrorCode.__members__ or self.error == "NONE":
            close = get_close_matches(self.error.upper(), ErrorCode.__members__, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise OptionError("error", f"there is no error {self.error!r}{hint}")
        for key in sorted(self._keys - DECLARED_APIS.keys()):
            raise OptionError("error", f"{_NAMES[key]} can only be hidden: kafkalite does not know its messages")

    def wants(self, api: Api, version: int) -> bool:
        """Return whether an API is denied."""
        del version
        return api.key in self._keys

    def hides(self, api_key: int) -> bool:
        """Return whether an API is denied without an error."""
        return self.error is None and api_key in self._keys

    def on_request(self, request: Any, context: Context) -> Any:
        """Refuse the request."""
        del request, context
        assert self.error is not None
        return Refuse(ErrorCode[self.error])


def _key_of(name: str) -> int:
    key = next((key for key, known in _NAMES.items() if known.lower() == name.lower()), None)
    if key is None:
        close = get_close_matches(name, _NAMES.values(), n=1)
        hint = f"did you mean {close[0]}?" if close else f"APIs: {', '.join(_NAMES.values())}"
        raise OptionError("apis", f"there is no API {name!r}; {hint}")
    if key in _NEEDED:
        raise OptionError("apis", f"no client can connect without {_NAMES[key]}")
    return key
