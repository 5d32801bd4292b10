"""Interceptors of messages: those that come with the proxy, and the interface for your own.

    from kafkalite.interceptors import Context, MessageInterceptor, Refuse

A :class:`MessageInterceptor` is given each request and each response that it wants, decoded, and returns what goes on
in its place. Its options are the fields of a dataclass, and the keys of its table in the file of
``kafkalite proxy --config FILE``. ``docs/interceptors.md`` describes those that come with it.

``interface.py`` is the interface, ``installing.py`` joins it to the pipeline of ``requests/``, ``options.py`` reads
options from TOML, and ``kinds.py`` lists the interceptors. Everything here is pure: no trio, no sockets.
"""

from kafkalite.interceptors.interface import Context, MessageInterceptor, OptionError, Refuse, Respond
from kafkalite.requests.parts.message_parts import Part
from kafkalite_wire.apis import Api, ApiKey
from kafkalite_wire.error_codes import ErrorCode

__all__ = [
    "Api",
    "ApiKey",
    "Context",
    "ErrorCode",
    "MessageInterceptor",
    "OptionError",
    "Part",
    "Refuse",
    "Respond",
]
