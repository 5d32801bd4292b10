"""Protects the controls over HTTP: a token that requests must bring, and TLS."""

from __future__ import annotations

import hmac
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from kafkalite.controls.http.connection import HttpError
from kafkalite_wire.values import value_class

if TYPE_CHECKING:
    import ssl

_SCHEME: Final = "bearer"


@value_class(kw_only=True)
class ControlsAccess:
    """How the controls are protected: a token that each request must bring, and TLS; None for none."""

    token: str | None = None
    tls: ssl.SSLContext | None = None

    def __repr__(self) -> str:
        return f"ControlsAccess(token={'set' if self.token else None}, tls={self.tls is not None})"

    @property
    def scheme(self) -> str:
        """The scheme of their URL."""
        return "http" if self.tls is None else "https"

    def check(self, authorization: str) -> None:
        """Check the Authorization header of a request (RFC 6750), in constant time. Raises HttpError."""
        if self.token is None:
            return
        scheme, _, token = authorization.strip().partition(" ")
        is_right = hmac.compare_digest(token.strip().encode("latin-1", "replace"), self.token.encode())
        if not (is_right and scheme.lower() == _SCHEME):
            problem = "is wrong" if authorization else "is missing"
            raise HttpError(
                HTTPStatus.UNAUTHORIZED,
                f"the token of the controls {problem}: send Authorization: Bearer TOKEN",
                **{"WWW-Authenticate": "Bearer"},
            )
