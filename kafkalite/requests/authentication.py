"""Admits the requests of one connection according to its authentication, in front of the pipeline.

The :class:`Authenticator` of the connection says what is done with each frame; the handlers of SaslHandshake and
SaslAuthenticate find it at the connection (``context.info.authenticator``), and take it from one state to the next. A
connection whose authentication fails is closed after ``connection.failed.authentication.delay.ms``, so that its client
cannot try again quickly.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from kafkalite.errors import RequestError
from kafkalite.requests.response_handle import ResponseHandle
from kafkalite.security.authenticator import Verdict
from kafkalite.security.sasl import AuthenticationFailed
from kafkalite_wire.apis import APIS, ApiKey
from kafkalite_wire.codec import decode
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.errors import WireError
from kafkalite_wire.frames import encode_response
from kafkalite_wire.headers import read_request_header
from kafkalite_wire.messages.api_versions import ApiVersion, ApiVersionsResponse

if TYPE_CHECKING:
    from kafkalite.requests.context import Connection
    from kafkalite.security.authenticator import Authenticator
    from kafkalite_wire.apis import Api
    from kafkalite_wire.headers import RequestHeader

_INT16: Final = struct.Struct(">h")
_LENGTH: Final = struct.Struct(">i")

C = TypeVar("C", bound="Connection")


Refuse = Callable[[ResponseHandle[Any], "object | None", str], None]
"""Sends a refusal, if there is one, after a delay, and closes the connection for a reason."""


class AuthenticationGate(Generic[C]):
    """Called with each frame of one connection, as the pipeline is."""

    def __init__(
        self,
        authenticator: Authenticator,
        dispatch: Callable[[C, memoryview], None],
        *,
        refuse: Refuse,
        on_again: Callable[[], None],
    ) -> None:
        """``on_again`` is called when an authenticated client begins to authenticate once more."""
        self._authenticator = authenticator
        self._dispatch = dispatch
        self._refuse_late = refuse
        self._on_again = on_again

    def __call__(self, connection: C, frame: memoryview) -> None:
        """Pass a frame on to the pipeline, or take it as a token. Raises RequestError to close the connection."""
        authenticator = self._authenticator
        was_authenticated = authenticator.is_authenticated
        (key,) = _INT16.unpack_from(frame) if len(frame) >= _INT16.size else (-1,)
        verdict = authenticator.verdict(key)
        if verdict is Verdict.HANDLE:
            if not was_authenticated and key == ApiKey.API_VERSIONS and self._is_unserved(connection, frame):
                return
            if was_authenticated and not authenticator.is_authenticated:
                self._on_again()
            self._dispatch(connection, frame)
        elif verdict is Verdict.TOKEN:
            self._evaluate(connection, frame)
        elif verdict is Verdict.REFUSE:
            self._refuse(connection, frame)
        elif verdict is Verdict.CLOSE:
            raise RequestError(_reason(key, was_authenticated=was_authenticated))

    def _is_unserved(self, connection: C, frame: memoryview) -> bool:
        """Answer an ApiVersions request of an unsupported version with the versions of ApiVersions itself."""
        header = _header(frame)
        api = header.api
        if api.min_version <= header.api_version <= api.max_version:
            return False
        own = ApiVersion(api_key=api.key, min_version=api.min_version, max_version=api.max_version)
        answer = ApiVersionsResponse(error_code=ErrorCode.UNSUPPORTED_VERSION, api_keys=(own,))
        connection.respond(encode_response(api, 0, header.correlation_id, answer))
        return True

    def _refuse(self, connection: C, frame: memoryview) -> None:
        """Answer a request that does not come in its turn."""
        # Hardly any client sends such a request, and these are large modules.
        from kafkalite.requests.parts.table import parts_of
        from kafkalite_wire.messages.produce import ProduceRequest

        header = _header(frame)
        api, version = header.api, header.api_version
        if not api.served or not (api.min_version <= version <= api.max_version):
            if api.key is not ApiKey.API_VERSIONS:
                raise RequestError(f"{api.name} v{version} during the authentication")
            version, refusal = 0, ApiVersionsResponse(error_code=ErrorCode.ILLEGAL_SASL_STATE, api_keys=())
        else:
            request = _decoded(api, version, frame, header.body)
            refusal = parts_of(api.key, version).error_response(request, version, ErrorCode.ILLEGAL_SASL_STATE)
            if isinstance(request, ProduceRequest) and request.acks == 0:
                refusal = None
        response: ResponseHandle[Any] = ResponseHandle(api, version, header.correlation_id, connection)
        self._end(connection, response, refusal, f"a request of {api.name} during the authentication")

    def _evaluate(self, connection: C, frame: memoryview) -> None:
        try:
            token, _ = self._authenticator.evaluate(bytes(frame))
        except AuthenticationFailed as error:
            response: ResponseHandle[Any] = ResponseHandle(APIS[ApiKey.SASL_AUTHENTICATE], 0, 0, connection)
            self._end(connection, response, None, error.reason)
            return
        connection.respond([_LENGTH.pack(len(token)), token])

    def _end(self, connection: C, response: ResponseHandle[Any], refusal: object | None, reason: str) -> None:
        self._authenticator.refused()
        connection.enqueue(response)
        self._refuse_late(response, refusal, reason)


def _header(frame: memoryview) -> RequestHeader:
    try:
        return read_request_header(frame)
    except WireError as error:
        raise RequestError(str(error)) from None


def _decoded(api: Api, version: int, frame: memoryview, body: int) -> object:
    try:
        return decode(api.request_type, version, frame, body)
    except WireError as error:
        raise RequestError(str(error)) from None


def _reason(key: int, *, was_authenticated: bool) -> str:
    name = ApiKey(key).name.replace("_", " ").title().replace(" ", "") if key in set(ApiKey) else f"API {key}"
    when = "after the end of the session's lifetime" if was_authenticated else "before the client has authenticated"
    return f"a request of {name} {when}"
