"""Who the proxy is to the cluster: the credentials of its own login."""

from __future__ import annotations

import base64
import json
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from kafkalite.security.sasl import PLAIN, AuthenticationFailed, ScramMechanism
from kafkalite.security.sasl_client import BearerClient, PlainClient, ScramClient

if TYPE_CHECKING:
    from kafkalite.security.sasl_client import SaslClient

_LARGEST_ANSWER: Final = 256 * 1024
_SCRAM: Final = {mechanism.sasl_name: mechanism for mechanism in ScramMechanism}


class TokenSource(Protocol):
    """Where access tokens come from."""

    def token(self) -> str:
        """Return a token that has not expired; it may block. Raises AuthenticationFailed."""
        ...


@dataclass(frozen=True, slots=True)
class TokenFile:
    """A file with a token, which another program keeps up to date."""

    path: str

    def token(self) -> str:
        """Read the token. Raises AuthenticationFailed."""
        try:
            return Path(self.path).read_text(encoding="ascii").strip()
        except OSError as error:
            raise AuthenticationFailed(f"no token in {self.path}: {error.strerror}") from None
        except ValueError:
            raise AuthenticationFailed(f"no token in {self.path}: it is not text") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenEndpoint:
    """An identity provider's endpoint, for the grant ``client_credentials`` (RFC 6749, section 4.4)."""

    url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str = ""
    timeout: float = 10.0

    def token(self) -> str:
        """Ask for a token. Raises AuthenticationFailed."""
        form = {"grant_type": "client_credentials", **({"scope": self.scope} if self.scope else {})}
        login = base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
        request = urllib.request.Request(  # noqa: S310  # an http or https URL, as checked
            self.url,
            data=urllib.parse.urlencode(form).encode(),
            headers={"Authorization": f"Basic {login}", "Accept": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=self.timeout) as response:  # noqa: S310
                answer: Any = json.loads(response.read(_LARGEST_ANSWER))
            token = answer["access_token"]
        except (OSError, HTTPException) as error:
            raise AuthenticationFailed(f"no token from {self.url}: {error}") from None
        except (ValueError, KeyError, TypeError):
            raise AuthenticationFailed(f"no token from {self.url}: the answer has none") from None
        return str(token)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What proves the proxy's identity by one mechanism."""

    mechanism: str
    user: str = ""
    password: str = field(default="", repr=False)
    is_token: bool = False
    """Whether user and password are id and HMAC of a delegation token."""
    tokens: TokenSource | None = None
    """Where tokens come from, for OAUTHBEARER."""

    @property
    def blocks(self) -> bool:
        """Whether :meth:`client` may block, or compute for long."""
        return self.tokens is not None

    def client(self) -> SaslClient:
        """Begin an authentication. Raises AuthenticationFailed."""
        if self.tokens is not None:
            return BearerClient(self.tokens.token())
        if self.mechanism == PLAIN:
            return PlainClient(self.user, self.password)
        return ScramClient(_SCRAM[self.mechanism], self.user, self.password, is_token=self.is_token)
