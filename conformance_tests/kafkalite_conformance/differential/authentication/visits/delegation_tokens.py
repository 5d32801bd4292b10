"""Delegation tokens: who may create, renew, expire and see them, and logins with them."""

import base64
from typing import Any, Final

from kafkalite_conformance.differential.authentication.line import Line, Visit
from kafkalite_conformance.differential.authentication.scram_client import ScramClient
from kafkalite_conformance.differential.authentication.secured_brokers import MUTUAL, PLAINTEXT, SASL_PLAINTEXT
from kafkalite_conformance.differential.authentication.visits.entering import ALICE, BOB, authenticate, handshake, visit
from kafkalite_conformance.differential.normalising import Plain
from kafkalite_wire.messages.create_delegation_token import (
    CreatableRenewers,
    CreateDelegationTokenRequest,
    CreateDelegationTokenResponse,
)
from kafkalite_wire.messages.describe_delegation_token import (
    DescribeDelegationTokenOwner,
    DescribeDelegationTokenRequest,
    DescribeDelegationTokenResponse,
)
from kafkalite_wire.messages.expire_delegation_token import ExpireDelegationTokenRequest
from kafkalite_wire.messages.renew_delegation_token import RenewDelegationTokenRequest
from kafkalite_wire.messages.sasl_authenticate import SaslAuthenticateRequest, SaslAuthenticateResponse

_PAUSE: Final = 0.1
_MOST_PAUSES: Final = 80
_DAY: Final = 86_400_000


def _create(
    lifetime: int = -1, renewers: tuple[str, ...] = (), owner: tuple[str | None, str | None] = (None, None)
) -> CreateDelegationTokenRequest:
    made = [renewer.partition(":") for renewer in renewers]
    return CreateDelegationTokenRequest(
        owner_principal_type=owner[0],
        owner_principal_name=owner[1],
        renewers=tuple(CreatableRenewers(principal_type=kind, principal_name=name) for kind, _, name in made),
        max_lifetime_ms=lifetime,
    )


def _entered(visit: Visit, name: str, token: bytes) -> Line:
    line = visit.call(SASL_PLAINTEXT, name)
    handshake(line, "PLAIN")
    authenticate(line, token)
    return line


def _days(start: int, end: int) -> Plain:
    return f"{(end - start) / _DAY:.2f} days"


def _ask(visit: Visit, line: Line, request: Any, version: int, note: str) -> Any:
    """Send a request, and write down its response without moments, ids and secrets."""
    answer: Any = line.ask(request, version, note, quietly=True)
    told: Plain = str(getattr(answer, "error_code", answer))
    if isinstance(answer, CreateDelegationTokenResponse):
        start = answer.issue_timestamp_ms
        told = [
            answer.error_code,
            f"{answer.principal_type}:{answer.principal_name}",
            f"{answer.token_requester_principal_type}:{answer.token_requester_principal_name}",
            _days(start, answer.expiry_timestamp_ms),
            _days(start, answer.max_timestamp_ms),
            len(answer.token_id),
            len(answer.hmac),
        ]
    elif isinstance(answer, DescribeDelegationTokenResponse):
        tokens = [
            [
                f"{token.principal_type}:{token.principal_name}",
                f"{token.token_requester_principal_type}:{token.token_requester_principal_name}",
                [f"{renewer.principal_type}:{renewer.principal_name}" for renewer in token.renewers],
                _days(token.issue_timestamp, token.max_timestamp),
            ]
            for token in answer.tokens
        ]
        told = [answer.error_code, sorted(map(str, tokens))]
    elif hasattr(answer, "expiry_timestamp_ms"):
        told = [answer.error_code, answer.expiry_timestamp_ms if answer.error_code else "a time"]
    visit.write(f"{note} v{version}", told)
    return answer


def _settle(visit: Visit, line: Line, token: CreateDelegationTokenResponse) -> None:
    """Wait until a token is known: Kafka answers before it is so."""
    for _ in range(_MOST_PAUSES):
        answer = line.ask(DescribeDelegationTokenRequest(owners=None), 3, quietly=True)
        assert isinstance(answer, DescribeDelegationTokenResponse)
        if any(each.token_id == token.token_id for each in answer.tokens):
            return
        visit.wait(_PAUSE)


@visit
def created(visit: Visit) -> None:
    """Lifetimes, owners and renewers."""
    alice = _entered(visit, "alice", ALICE)
    for version in (1, 2, 3):
        _ask(visit, alice, _create(owner=("", "")), version, "create")
    for lifetime in (0, -2, _DAY // 2, 2 * _DAY, 10**12):
        _ask(visit, alice, _create(lifetime), 3, f"lifetime {lifetime}")
    for renewers in (("User:bob",), ("Group:bob",), ("user:bob",), ("User:",), ("User:bob", "User:bob")):
        _ask(visit, alice, _create(renewers=renewers), 3, f"renewers {renewers}")
    for owner in (("User", "bob"), ("Group", "bob"), ("User", ""), ("Group", None)):
        _ask(visit, alice, _create(owner=owner), 3, f"owner {owner}")
    _ask(visit, alice, _create(owner=("User", "zed"), renewers=("Group:x",)), 3, "owner and renewer")


@visit
def not_allowed(visit: Visit) -> None:
    """Clients that have not proved who they are."""
    for line, name in (
        (visit.call(PLAINTEXT), "plain"),
        (visit.call(MUTUAL, context=visit.certificates.context()), "no certificate"),
    ):
        _ask(visit, line, _create(owner=("User", "zed"), renewers=("Group:x",)), 3, f"{name}, create")
        _ask(visit, line, RenewDelegationTokenRequest(hmac=b"x", renew_period_ms=1), 2, f"{name}, renew")
        _ask(visit, line, ExpireDelegationTokenRequest(hmac=b"x", expiry_time_period_ms=1), 2, f"{name}, expire")
        _ask(visit, line, DescribeDelegationTokenRequest(owners=None), 3, f"{name}, describe")
    certified = visit.call(MUTUAL, "certificate", context=visit.certificates.context(visit.certificates.client))
    _ask(visit, certified, _create(), 1, "certificate, create")


@visit
def used(visit: Visit) -> None:
    """Renewed, expired and described, by owners and others; and logins."""
    alice, bob = _entered(visit, "alice", ALICE), _entered(visit, "bob", BOB)
    token = _ask(visit, alice, _create(renewers=("User:bob", "User:carol"), owner=("User", "owner")), 3, "create")
    mine = _ask(visit, alice, _create(), 3, "create mine")
    short = _ask(visit, alice, _create(1), 3, "create short")
    _settle(visit, alice, short)
    for name, line in (("alice", alice), ("bob", bob)):
        for period in (-1, 0, _DAY // 2, 10**13):
            _ask(visit, line, RenewDelegationTokenRequest(hmac=token.hmac, renew_period_ms=period), 2, f"{name} renews")
        for proof in (mine.hmac, b"", b"x"):
            _ask(visit, line, RenewDelegationTokenRequest(hmac=proof, renew_period_ms=1 << 30), 1, f"{name} renews")
    owners = tuple(DescribeDelegationTokenOwner(principal_type="User", principal_name=name) for name in ("owner", "x"))
    renewers = (DescribeDelegationTokenOwner(principal_type="User", principal_name="carol"),)
    for version in (1, 2, 3):
        _ask(visit, bob, DescribeDelegationTokenRequest(owners=owners), version, "described")
    _ask(visit, bob, DescribeDelegationTokenRequest(owners=()), 3, "none")
    _ask(visit, bob, DescribeDelegationTokenRequest(owners=renewers), 3, "by renewer")
    for name, line in (("bob", bob), ("alice", alice)):
        renewal = RenewDelegationTokenRequest(hmac=short.hmac, renew_period_ms=1)
        _ask(visit, line, renewal, 2, f"{name} renews a token that has expired")
        for period in (_DAY, -1):
            request = ExpireDelegationTokenRequest(hmac=short.hmac, expiry_time_period_ms=period)
            _ask(visit, line, request, 2, f"{name} expires a token that has expired: {period}")
    _logins(visit, mine)
    for period in (_DAY, -1):
        request = ExpireDelegationTokenRequest(hmac=mine.hmac, expiry_time_period_ms=period)
        _ask(visit, alice, request, 2, f"expire {period}")


def _logins(visit: Visit, token: CreateDelegationTokenResponse) -> None:
    password = base64.b64encode(token.hmac).decode()
    for name, extensions, secret, header in (
        ("token", ",tokenauth=true", password, "n,,"),
        ("upper case", ",tokenauth=TRUE", password, "n,,"),
        ("authorization id", ",tokenauth=true", password, f"n,a={token.token_id},"),
        ("wrong", ",tokenauth=true", "wrong", "n,,"),
    ):
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
            line = visit.call(SASL_PLAINTEXT, f"{name} {mechanism}")
            handshake(line, mechanism)
            client = ScramClient(mechanism=mechanism, user=token.token_id, password=secret, extensions=extensions)
            first = line.ask(SaslAuthenticateRequest(auth_bytes=client.first(header)), 2, quietly=True)
            assert isinstance(first, SaslAuthenticateResponse)
            proof = client.final(bytes(first.auth_bytes), binding=base64.b64encode(header.encode()).decode())
            final = line.ask(SaslAuthenticateRequest(auth_bytes=proof), 2, quietly=True)
            assert isinstance(final, SaslAuthenticateResponse)
            lifetime = _days(0, final.session_lifetime_ms)
            visit.write(f"{name} {mechanism}", [final.error_code, final.error_message, lifetime])
            if not final.error_code:
                _ask(visit, line, _create(), 3, "create with a token")
                _ask(visit, line, DescribeDelegationTokenRequest(owners=None), 3, "describe with a token")
                _ask(visit, line, RenewDelegationTokenRequest(hmac=token.hmac, renew_period_ms=-1), 2, "renew with it")
