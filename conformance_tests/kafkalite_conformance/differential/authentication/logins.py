"""Ways in which a client library connects, right and wrong, independent of the library."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast

from kafkalite_conformance.differential.authentication.secured_brokers import (
    AUDIENCE,
    ELSEWHERE,
    ISSUER,
    LISTENERS,
    MECHANISMS,
    MUTUAL,
    PLAIN_USERS,
    PLAINTEXT,
    SASL_PLAINTEXT,
    SASL_SSL,
    SCRAM_USERS,
    SHORT,
    SSL,
    Certificates,
)

_WITH_PASSWORDS: Final = MECHANISMS[:-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """How a client is configured. `authority` and `certificate` name files of `Certificates`."""

    name: str
    listener: str
    protocol: str
    mechanism: str = ""
    user: str = "alice"
    password: str = ""
    authority: str = "authority"
    certificate: str = ""
    claims: Mapping[str, object] = field(default_factory=dict[str, object])
    """What an access token says otherwise than a right one; `exp` is in seconds from now."""

    def token(self, certificates: Certificates) -> str:
        """Return an access token."""
        from joserfc import jwt
        from joserfc.jwk import ECKey

        now = int(time.time())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": self.user, "exp": 600, **self.claims}
        expires = now + cast("int", claims["exp"])
        key = ECKey.import_key(json.loads(certificates.signing_key.read_text()))
        claims |= {"iat": min(now, expires - 1), "exp": expires}
        token: str = jwt.encode({"alg": "ES256", "kid": "one"}, claims, key)
        return token

    def file(self, certificates: Certificates, name: str) -> Path:
        """Return one of the files."""
        path = getattr(certificates, name)
        assert isinstance(path, Path)
        return path


def _login(name: str, listener: str, *, claims: Mapping[str, object] | None = None, **fields: str) -> Login:
    protocol = {"protocol": LISTENERS.get(listener, PLAINTEXT)}
    return Login(name=name, listener=listener, claims=claims or {}, **{**protocol, **fields})


def _password(mechanism: str) -> str:
    return (PLAIN_USERS if mechanism == "PLAIN" else SCRAM_USERS)["alice"]


LOGINS: Final[Sequence[Login]] = (
    _login("TLS", MUTUAL),
    _login("mutual TLS", SSL, certificate="client"),
    _login("no certificate", SSL),
    _login("untrusted certificate", SSL, certificate="stranger"),
    _login("other authority", MUTUAL, authority="other_authority"),
    _login("other host", ELSEWHERE),
    _login("no TLS", MUTUAL, protocol="PLAINTEXT"),
    _login("TLS on a plain listener", PLAINTEXT, protocol="SSL"),
    *(
        _login(f"{listener} {mechanism}", listener, mechanism=mechanism, password=_password(mechanism))
        for listener in (SASL_SSL, SASL_PLAINTEXT)
        for mechanism in MECHANISMS
    ),
    *(
        _login(f"wrong password {mechanism}", SASL_SSL, mechanism=mechanism, password="wrong")
        for mechanism in _WITH_PASSWORDS
    ),
    *(
        _login(f"unknown user {mechanism}", SASL_PLAINTEXT, mechanism=mechanism, user="mallory", password="x")
        for mechanism in _WITH_PASSWORDS
    ),
    _login("expired token", SASL_SSL, mechanism="OAUTHBEARER", claims={"exp": -60}),
    _login("a token for others", SASL_PLAINTEXT, mechanism="OAUTHBEARER", claims={"aud": "others"}),
    _login("other mechanism", SHORT, mechanism="SCRAM-SHA-256", password=SCRAM_USERS["alice"]),
    _login("no login", SASL_PLAINTEXT, protocol="PLAINTEXT"),
    _login("a login where there is none", PLAINTEXT, protocol="SASL_PLAINTEXT", mechanism="PLAIN", password="x"),
)
