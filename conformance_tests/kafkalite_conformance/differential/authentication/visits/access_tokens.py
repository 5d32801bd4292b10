"""OAUTHBEARER: messages, tokens and what comes of them."""

import base64
import json
import time
from collections.abc import Mapping
from typing import Any, Final

from kafkalite_conformance.differential.authentication.line import Line, Visit
from kafkalite_conformance.differential.authentication.secured_brokers import AUDIENCE, ISSUER, REAUTH, SASL_PLAINTEXT
from kafkalite_conformance.differential.authentication.visits.entering import authenticate, handshake, visit
from kafkalite_wire.messages.sasl_authenticate import SaslAuthenticateRequest, SaslAuthenticateResponse

_ACKNOWLEDGED: Final = b"\x01"
_LEFT_OUT: Final = object()
_CLAIMS: Final[Mapping[str, Mapping[str, object]]] = {
    "right": {},
    "audiences": {"aud": ["x", AUDIENCE]},
    "spaces": {"sub": " alice "},
    "scope": {"scope": ["a", "b"]},
    "scope text": {"scope": "a b"},
    "scope number": {"scope": 5},
    "not before, soon": {"nbf": 20},
    "issued in the future": {"iat": 50},
    "fractions": {"exp": 600.5},
    "expired within the skew": {"iat": -100, "exp": -20},
    "expired": {"iat": -100, "exp": -40},
    "no exp": {"exp": _LEFT_OUT},
    "exp text": {"exp": "x"},
    "no iat": {"iat": _LEFT_OUT},
    "iat before 1970": {"iat": -(10**10)},
    "expires before it is issued": {"iat": 700},
    "not before, later": {"nbf": 100},
    "not before, after the end": {"nbf": 700},
    "other issuer": {"iss": "x"},
    "no issuer": {"iss": _LEFT_OUT},
    "other audience": {"aud": "x"},
    "no audience": {"aud": _LEFT_OUT},
    "no user": {"sub": _LEFT_OUT},
    "blank user": {"sub": " "},
    "user number": {"sub": 5},
    "jti number": {"jti": 5},
    "scope twice": {"scope": ["a", "a"]},
    "blank scope": {"scope": ["a", " "]},
    "empty scope": {"scope": ""},
}


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _claims(changes: Mapping[str, object]) -> bytes:
    now = int(time.time())
    claims: dict[str, object] = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "iat": 0, "exp": 600, **changes}
    for name in ("iat", "exp", "nbf"):
        value = claims.get(name)
        if isinstance(value, int | float):
            claims[name] = now + value
    return json.dumps({name: value for name, value in claims.items() if value is not _LEFT_OUT}).encode()


def _signed(visit: Visit, changes: Mapping[str, object] | None = None, **header: object) -> str:
    from joserfc import jws
    from joserfc.jwk import ECKey

    key = ECKey.import_key(json.loads(visit.certificates.signing_key.read_text()))
    parts: dict[str, Any] = {"alg": "ES256", "kid": "one", **header}
    parts = {name: value for name, value in parts.items() if value is not _LEFT_OUT}
    signed: str = jws.serialize_compact(parts, _claims(changes or {}), key)
    return signed


def _unsecured() -> str:
    return f"{_b64(json.dumps({'alg': 'none'}).encode())}.{_b64(_claims({}))}."


def _first(token: str, *, header: str = "n,,", scheme: str = "Bearer ", rest: str = "") -> bytes:
    return f"{header}\x01auth={scheme}{token}\x01{rest}\x01".encode()


def _try(visit: Visit, name: str, *messages: bytes, listener: str = SASL_PLAINTEXT) -> Line:
    """Log in, and write down what comes of each message; lifetimes in minutes."""
    line = visit.call(listener, name)
    handshake(line, "OAUTHBEARER")
    for message in messages:
        answer = line.ask(SaslAuthenticateRequest(auth_bytes=message), 2, quietly=True)
        if isinstance(answer, SaslAuthenticateResponse):
            told = (answer.error_code, answer.error_message, bytes(answer.auth_bytes).decode())
            visit.write(f"{name}: {message[:4]!r}", [*told, round(answer.session_lifetime_ms / 60_000)])
    return line


@visit
def claims(visit: Visit) -> None:
    """What a token says."""
    for name, changes in _CLAIMS.items():
        _try(visit, name, _first(_signed(visit, changes)))


@visit
def tokens(visit: Visit) -> None:
    """Signatures and forms."""
    good = _signed(visit)
    for name, token in {
        "no key id": _signed(visit, kid=_LEFT_OUT),
        "unknown key": _signed(visit, kid="two"),
        "type": _signed(visit, typ="at+jwt"),
        "tampered": good[:-8] + "AAAAAAAA",
        "unsecured": _unsecured(),
        "two parts": "a.b",
        "five parts": "a.b.c.d.e",
        "empty parts": "..",
        "padded": f"{good}==",
    }.items():
        _try(visit, name, _first(token))


@visit
def messages(visit: Visit) -> None:
    """Forms of the message, challenges, and what follows them."""
    good, bad = _signed(visit), _signed(visit, {"aud": "x"})
    for name, sent in {
        "same authorization id": (_first(good, header="n,a=alice,"),),
        "other authorization id": (_first(good, header="n,a=bob,"),),
        "channel binding": (_first(good, header="y,,"),),
        "extension": (_first(good, rest="a=b\x01"),),
        "bad extension": (_first(good, rest="a1=b\x01"),),
        "lower case": (_first(good, scheme="bearer   "),),
        "bad letters": (_first("a!b"),),
        "empty": (b"",),
        "acknowledged at once": (_ACKNOWLEDGED,),
        "garbage": (b"\xff\x01",),
        "nothing": (b"n,,\x01\x01",),
        "no token": (b"n,,\x01a=b\x01\x01",),
        "acknowledged": (_first(bad), _ACKNOWLEDGED),
        "another token": (_first(bad), _first(good)),
        "garbage after a challenge": (_first(bad), b"x"),
        "twice": (_first(bad), _first(bad), _ACKNOWLEDGED),
        "after a success": (_first(good), _first(good)),
    }.items():
        _try(visit, name, *sent)
    line = visit.call(SASL_PLAINTEXT, "without headers")
    handshake(line, "OAUTHBEARER", 0)
    line.token(_first(bad), "a token for others")
    line.token(_ACKNOWLEDGED, "acknowledged")


@visit
def again(visit: Visit) -> None:
    """The end of a session is that of its token or of the listener's sessions, the earlier one."""
    line = _try(visit, "session", _first(_signed(visit)), listener=REAUTH)
    handshake(line, "OAUTHBEARER")
    authenticate(line, _first(_signed(visit, {"sub": "bob"})), note="as another user")
    line.is_open()
    line = _try(visit, "token", _first(_signed(visit, {"exp": 2})))
    visit.wait(2.3)
    handshake(line, "OAUTHBEARER")
    line = _try(visit, "ended", _first(_signed(visit, {"iat": -100, "exp": -5})))
    line.is_open()
