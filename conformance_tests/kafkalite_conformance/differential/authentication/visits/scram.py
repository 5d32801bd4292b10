"""The mechanisms SCRAM-SHA-256 and SCRAM-SHA-512."""

import base64
from collections.abc import Callable

from kafkalite_conformance.differential.authentication.line import Line, Visit, plain_answer
from kafkalite_conformance.differential.authentication.scram_client import ScramClient
from kafkalite_conformance.differential.authentication.secured_brokers import SASL_PLAINTEXT, SASL_SSL, SCRAM_USERS
from kafkalite_conformance.differential.authentication.visits.entering import authenticate, handshake, visit
from kafkalite_wire.messages.metadata import MetadataRequest
from kafkalite_wire.messages.sasl_authenticate import SaslAuthenticateRequest, SaslAuthenticateResponse

_MECHANISMS = ("SCRAM-SHA-256", "SCRAM-SHA-512")


def _client(mechanism: str = "SCRAM-SHA-256", user: str = "alice", password: str = "alice-scram") -> ScramClient:
    return ScramClient(mechanism=mechanism, user=user, password=password)


def _first(line: Line, client: ScramClient, header: str = "n,,", version: int = 2) -> bytes | None:
    handshake(line, client.mechanism)
    answer = authenticate(line, client.first(header), version, "first")
    return bytes(answer.auth_bytes) if isinstance(answer, SaslAuthenticateResponse) else None


def _whole(visit: Visit, client: ScramClient, note: str, version: int = 2) -> None:
    line = visit.call(SASL_PLAINTEXT, note)
    first = _first(line, client, version=version)
    if first:
        authenticate(line, client.final(first), version, "final")
    line.is_open()
    line.ask(MetadataRequest(topics=()), 1)


@visit
def users(visit: Visit) -> None:
    """Known and unknown, with a right and a wrong password."""
    for mechanism in _MECHANISMS:
        for version in (0, 1, 2):
            _whole(visit, _client(mechanism), f"{mechanism} right", version)
            _whole(visit, _client(mechanism, password="wrong"), f"{mechanism} wrong", version)
        for user, password in SCRAM_USERS.items():
            _whole(visit, _client(mechanism, user, password), f"{mechanism} {user}")
        _whole(visit, _client(mechanism, ""), f"{mechanism} empty")
    line = visit.call(SASL_SSL, context=visit.certificates.context())
    first = _first(line, _client())
    if first:
        authenticate(line, _client().final(first), note="final")
    line.ask(MetadataRequest(topics=()), 1)


@visit
def unknown_users(visit: Visit) -> None:
    """How it ends. Kafka ends it at the first message; kafkalite at the last one, as with a wrong password."""
    for mechanism in _MECHANISMS:
        for user in ("mallory", "bob", "al,ice", "ALICE", "alice "):
            client = _client(mechanism, user)
            line = visit.call(SASL_PLAINTEXT, user)
            handshake(line, mechanism)
            answer = line.ask(SaslAuthenticateRequest(auth_bytes=client.first()), 2, quietly=True)
            if isinstance(answer, SaslAuthenticateResponse) and not answer.error_code:
                last = SaslAuthenticateRequest(auth_bytes=client.final(bytes(answer.auth_bytes)))
                answer = line.ask(last, 2, quietly=True)
            visit.write(f"{mechanism} {user}, the end", plain_answer(answer))
            line.is_open()


@visit
def first_messages(visit: Visit) -> None:
    """Malformed, and with the options of the RFC."""
    bare = _client().bare
    for token in (
        b"",
        b"n",
        b"n,,",
        b"n,,n=alice",
        b"n,,r=abc",
        b"n,,n=alice,r=",
        b"n,,r=abc,n=alice",
        b"n,,n=al=ice,r=abc",
        b"n,,n=al=2cice,r=abc",
        b"n,,n=al,ice,r=abc",
        b"n,,m=ext,n=alice,r=abc",
        f"y,,{bare}".encode(),
        f"p=tls-unique,,{bare}".encode(),
        f"p=,,{bare}".encode(),
        f"x,,{bare}".encode(),
        f"n,a=alice,{bare}".encode(),
        f"n,a=bob,{bare}".encode(),
        f"n,a=,{bare}".encode(),
        f"n,b=x,{bare}".encode(),
        f",,{bare}".encode(),
        bare.encode(),
        f"n,,{bare},".encode(),
        f"n,,{bare},x=y".encode(),
        f"n,,{bare},tokenauth=true".encode(),
        f"n,,{bare},tokenauth=false".encode(),
        f"n,,{bare},tokenauth=x".encode(),
        f"n,,{bare},unknown=1".encode(),
        f"n,,{bare}".encode() + b"\xff",
        b"\xff\xfe",
        f"n,,{bare}\0".encode(),
        f"n,,n=alice,r={'n' * 1000}".encode(),
        "n,,n=alice,r=nönce".encode(),
        b"n,,n=alice,r=a b",
        b"n,,n=alice,r=a=b",
        b"c=biws,r=abc,p=AAAA",
    ):
        line = visit.call(SASL_PLAINTEXT, token.decode("utf-8", "backslashreplace")[:60])
        handshake(line, "SCRAM-SHA-256")
        authenticate(line, token)
        line.is_open()


@visit
def authentication_with_options(visit: Visit) -> None:
    """Those first messages that a server may accept, to the end."""
    for header, binding in (
        ("n,,", "biws"),
        ("y,,", base64.b64encode(b"y,,").decode()),
        ("n,a=alice,", base64.b64encode(b"n,a=alice,").decode()),
        ("n,a=bob,", base64.b64encode(b"n,a=bob,").decode()),
        ("n,a=alice,", "biws"),
        ("n,,", base64.b64encode(b"y,,").decode()),
    ):
        line = visit.call(SASL_PLAINTEXT, f"{header} {binding}")
        first = _first(line, _client(), header)
        if first:
            authenticate(line, _client().final(first, binding=binding), note="final")
        line.is_open()
    for extensions in (",tokenauth=false", ",x=y"):
        client = ScramClient(mechanism="SCRAM-SHA-256", user="alice", password="alice-scram", extensions=extensions)
        _whole(visit, client, extensions)


@visit
def final_messages(visit: Visit) -> None:
    """Wrong in one part each."""
    client = _client()
    finals: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (
        ("nothing", lambda _: b""),
        ("other nonce", lambda first: client.final(first, nonce="other")),
        ("the client's nonce", lambda first: client.final(first, nonce=client.nonce)),
        ("no nonce", lambda first: client.final(first, nonce="")),
        ("another proof", lambda first: client.final(first, proof="A" * 43 + "=")),
        ("no Base64", lambda first: client.final(first, proof="****")),
        ("no binding", lambda first: client.final(first, binding="")),
        ("other binding", lambda first: client.final(first, binding="AAAA")),
        ("binding is no Base64", lambda first: client.final(first, binding="*")),
        ("an extension", lambda first: client.final(first).replace(b",p=", b",x=y,p=")),
        ("behind the proof", lambda first: client.final(first) + b",x=y"),
        ("the first message", lambda _: client.first()),
        ("not UTF-8", lambda first: client.final(first) + b"\xff"),
        ("no proof", lambda first: client.final(first).partition(b",p=")[0]),
        ("in another order", lambda first: b",".join(reversed(client.final(first).split(b",")))),
    )
    for note, final in finals:
        line = visit.call(SASL_PLAINTEXT, note)
        first = _first(line, client)
        if first:
            authenticate(line, final(first), note="final")
        line.is_open()


@visit
def out_of_order(visit: Visit) -> None:
    """The final message twice, tokens behind the end."""
    client = _client()
    line = visit.call(SASL_PLAINTEXT, "behind the end")
    first = _first(line, client)
    if first:
        authenticate(line, client.final(first), note="final")
        authenticate(line, client.final(first), note="final again")
    line.is_open()
    line = visit.call(SASL_PLAINTEXT, "a replay")
    handshake(line, client.mechanism)
    if first:
        authenticate(line, client.first(), note="first")
        authenticate(line, client.final(first), note="final of another connection")
    line.is_open()
    line = visit.call(SASL_PLAINTEXT, "a request amid")
    _first(line, client)
    line.ask(MetadataRequest(topics=()), 1)
    line.is_open()
