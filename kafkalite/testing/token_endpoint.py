"""A token endpoint for tests, from which client libraries get access tokens by themselves (RFC 6749, section 4.4)."""

from __future__ import annotations

import base64
import hmac
import json
import secrets
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from threading import Thread
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, unquote

from kafkalite.security.client_access import TokenSource, with_token_source
from kafkalite.security.token_issuer import DEFAULT_LIFETIME

if TYPE_CHECKING:
    from http.server import BaseHTTPRequestHandler

    from kafkalite.controls.controls import Controls

_MOST_BYTES: Final = 64 * 1024
_TIMEOUT: Final = 10.0
_PATH: Final = "/token"


class TokenEndpoint:
    """Issues the tokens of a broker to clients that know the secret; the id of a client becomes the user.

    It counts the tokens, so that a test can see that a client has fetched another.
    """

    def __init__(self, broker: Controls, url: str, lifetime_s: float) -> None:
        self.url: Final = url
        self.client_secret: Final = secrets.token_urlsafe(18)
        self.lifetime_s = lifetime_s
        """Of the tokens that are issued from now on."""
        self.issued = 0
        """The number of tokens so far."""
        self._broker = broker

    def client_config(self, library: str, *, client_id: str | None = None) -> dict[str, Any]:
        """Return the settings with which ``java``, ``librdkafka`` or ``confluent`` fetches its tokens here.

        ``client_id`` is by default the user that the broker made. Raises ValueError for another library.
        """
        access = self._broker.client_access()
        source = TokenSource(url=self.url, client_id=client_id or access.username or "", secret=self.client_secret)
        return with_token_source(access, library, source)

    def answer(self, authorization: str, form: str) -> tuple[HTTPStatus, Mapping[str, object]]:
        """Return the answer to a request with this header and body."""
        values = {name: found[0] for name, found in parse_qs(form).items()}
        client_id, secret = _credentials(authorization, values)
        if not client_id or not hmac.compare_digest(secret.encode(), self.client_secret.encode()):
            return HTTPStatus.UNAUTHORIZED, {"error": "invalid_client"}
        if values.get("grant_type") != "client_credentials":
            return HTTPStatus.BAD_REQUEST, {"error": "unsupported_grant_type"}
        token = self._broker.token(client_id, lifetime_s=self.lifetime_s, scope=values.get("scope", "").split())
        self.issued += 1
        return HTTPStatus.OK, {"access_token": token, "token_type": "Bearer", "expires_in": int(self.lifetime_s)}


@contextmanager
def token_endpoint(broker: Controls, *, lifetime_s: float = DEFAULT_LIFETIME) -> Generator[TokenEndpoint]:
    """Serve a token endpoint on loopback, over HTTP, until the block ends.

    ``broker`` is what :func:`kafkalite.testing.run` yields with ``security="sasl_ssl"`` or ``"sasl_plaintext"``.
    """
    from http.server import ThreadingHTTPServer

    served: list[TokenEndpoint] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(served)) as server:
        endpoint = TokenEndpoint(broker, f"http://127.0.0.1:{server.server_address[1]}{_PATH}", lifetime_s)
        served.append(endpoint)
        serving = Thread(target=server.serve_forever, args=(0.05,), name="token endpoint", daemon=True)
        serving.start()
        try:
            yield endpoint
        finally:
            server.shutdown()
            serving.join()


def _handler(served: Sequence[TokenEndpoint]) -> type[BaseHTTPRequestHandler]:
    from http.server import BaseHTTPRequestHandler

    class Handler(BaseHTTPRequestHandler):
        timeout = _TIMEOUT

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if self.path != _PATH or not length.isdecimal() or int(length) > _MOST_BYTES:
                self.send_error(HTTPStatus.NOT_FOUND if self.path != _PATH else HTTPStatus.BAD_REQUEST)
                return
            form = self.rfile.read(int(length)).decode("latin-1")
            (endpoint,) = served
            status, answer = endpoint.answer(self.headers.get("Authorization", ""), form)
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Cache-Control", "no-store")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name of its base class
            pass

    return Handler


def _credentials(authorization: str, form: Mapping[str, str]) -> tuple[str, str]:
    """Return id and secret of a client, from the header or the form (RFC 6749, section 2.3.1)."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return unquote(client_id), unquote(secret)
