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

_NEEDED: Final = frozenset((ApiKey.API_VERSIONS, ApiKey.SASL_HANDSHAKE, ApiKey.SASL_AUTHENTICATE))


@dataclass
class DeniedApis(MessageInterceptor):
    """Hides APIs from clients, or answers them with an error."""

    apis: tuple[str, ...]
    """Names of APIs, such as "DeleteTopics"."""
    error: str | None = None
    """The error to answer with, by Kafka's name; without one the APIs are hidden."""
    _keys: frozenset[ApiKey] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._keys = frozenset(map(_key_of, self.apis))
        if self.error is None:
            return
        if self.error not in ErrorCode.__members__ or self.error == "NONE":
            close = get_close_matches(self.error.upper(), ErrorCode.__members__, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise OptionError("error", f"there is no error {self.error!r}{hint}")

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


def _key_of(name: str) -> ApiKey:
    api = next((api for api in DECLARED_APIS.values() if api.name.lower() == name.lower()), None)
    if api is None:
        names = [api.name for api in DECLARED_APIS.values()]
        close = get_close_matches(name, names, n=1)
        hint = f"did you mean {close[0]}?" if close else f"APIs: {', '.join(names)}"
        raise OptionError("apis", f"there is no API {name!r}; {hint}")
    if api.key in _NEEDED:
        raise OptionError("apis", f"no client can connect without {api.name}")
    return api.key
