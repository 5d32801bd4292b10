"""Delegation tokens: who may create, renew, expire and see them. Answers are those of Apache Kafka 4.4.0."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from kafkalite.background.timers import TimerQueue
from kafkalite.cluster.cluster import Cluster
from kafkalite.cluster.endpoint import BrokerEndpoint
from kafkalite.config import load
from kafkalite.handlers import delegation_tokens as handlers
from kafkalite.requests.context import ConnectionInfo, RequestContext
from kafkalite.security.authorizer import Authorizer, AuthorizerSettings
from kafkalite_storage.files.memory_filesystem import MemoryFileSystem
from kafkalite_wire.apis import APIS, ApiKey
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.create_delegation_token import (
    CreatableRenewers,
    CreateDelegationTokenRequest,
    CreateDelegationTokenResponse,
)
from kafkalite_wire.messages.describe_delegation_token import (
    DescribeDelegationTokenOwner,
    DescribeDelegationTokenRequest,
)
from kafkalite_wire.messages.expire_delegation_token import ExpireDelegationTokenRequest
from kafkalite_wire.messages.renew_delegation_token import RenewDelegationTokenRequest
from tests.support.partition_requests import NOW, StoppedClock

SECRET = "hush"
DAY = 86_400_000
NOT_ALLOWED = ErrorCode.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED
DISABLED = ErrorCode.DELEGATION_TOKEN_AUTH_DISABLED
NOT_FOUND = ErrorCode.DELEGATION_TOKEN_NOT_FOUND
MISMATCH = ErrorCode.DELEGATION_TOKEN_OWNER_MISMATCH
EXPIRED = ErrorCode.DELEGATION_TOKEN_EXPIRED


class Clock(StoppedClock):
    """A clock that a test moves."""

    passed = 0

    def wall_ms(self) -> int:
        return NOW + self.passed


@dataclass
class Users:
    """Clients of a broker, by name."""

    broker: BrokerEndpoint
    clock: Clock

    authorizer: Authorizer | None = None

    def context(self, user: str) -> RequestContext:
        info = ConnectionInfo(principal=f"User:{user}")
        access = None if self.authorizer is None else self.authorizer.access_of(info.principal, "127.0.0.1")
        return RequestContext(api=APIS[ApiKey.CREATE_DELEGATION_TOKEN], api_version=3, info=info, access=access)

    def create(
        self, user: str, lifetime: int = -1, renewers: tuple[str, ...] = (), owner: str | None = None
    ) -> CreateDelegationTokenResponse:
        parts = [CreatableRenewers(principal_type=kind, principal_name=name) for kind, name in map(_split, renewers)]
        kind, name = (None, None) if owner is None else _split(owner)
        request = CreateDelegationTokenRequest(
            owner_principal_type=kind, owner_principal_name=name, renewers=tuple(parts), max_lifetime_ms=lifetime
        )
        return handlers.create_delegation_token(self.broker, request, self.context(user))

    def renew(self, user: str, proof: bytes, period: int = -1) -> tuple[int, int]:
        request = RenewDelegationTokenRequest(hmac=proof, renew_period_ms=period)
        answer = handlers.renew_delegation_token(self.broker, request, self.context(user))
        return answer.error_code, answer.expiry_timestamp_ms

    def expire(self, user: str, proof: bytes, period: int) -> tuple[int, int]:
        request = ExpireDelegationTokenRequest(hmac=proof, expiry_time_period_ms=period)
        answer = handlers.expire_delegation_token(self.broker, request, self.context(user))
        return answer.error_code, answer.expiry_timestamp_ms

    def describe(self, user: str, *owners: str) -> Any:
        asked = tuple(DescribeDelegationTokenOwner(principal_type="User", principal_name=name) for name in owners)
        request = DescribeDelegationTokenRequest(owners=asked or None)
        return handlers.describe_delegation_token(self.broker, request, self.context(user))

    def expiries(self) -> dict[str, int]:
        return {token.token_id: token.expiry_timestamp for token in self.describe("anna").tokens}


def _split(principal: str) -> tuple[str, str]:
    kind, _, name = principal.partition(":")
    return kind, name


def users_of(properties: dict[str, str], filesystem: MemoryFileSystem) -> Users:
    config = load(listen=["127.0.0.1:0"], data="/data", properties=properties)
    clock = Clock()
    return Users(BrokerEndpoint(Cluster(config, TimerQueue(clock), filesystem), config), clock)


@pytest.fixture
def filesystem() -> MemoryFileSystem:
    return MemoryFileSystem()


@pytest.fixture
def users(filesystem: MemoryFileSystem) -> Iterator[Users]:
    made = users_of({"delegation.token.secret.key": SECRET}, filesystem)
    yield made
    made.broker.cluster.close()


def test_a_token_is_its_id_and_an_hmac_of_it(users: Users) -> None:
    token = users.create("anna")
    assert (token.principal_type, token.principal_name) == ("User", "anna")
    assert (token.token_requester_principal_type, token.token_requester_principal_name) == ("User", "anna")
    assert token.hmac == hmac.digest(SECRET.encode(), token.token_id.encode(), "sha512")
    assert len(token.token_id) == 22
    assert users.create("anna").token_id != token.token_id


@pytest.mark.parametrize(
    ("lifetime", "expires", "ends"),
    [
        (-1, DAY, 7 * DAY),
        (0, DAY, 7 * DAY),
        (1000, 1000, 1000),
        (2 * DAY, DAY, 2 * DAY),
        (10**12, DAY, 7 * DAY),
    ],
)
def test_lifetimes(lifetime: int, expires: int, ends: int, users: Users) -> None:
    token = users.create("anna", lifetime)
    assert token.issue_timestamp_ms == NOW
    assert (token.expiry_timestamp_ms - NOW, token.max_timestamp_ms - NOW) == (expires, ends)


@pytest.mark.parametrize(("period", "expires"), [(-1, DAY), (0, DAY), (1000, 1000), (10**13, DAY), (2**63 - 1, DAY)])
def test_a_token_is_renewed_by_its_owner_and_its_renewers(period: int, expires: int, users: Users) -> None:
    token = users.create("anna", renewers=("User:ben", "User:carl"))
    users.clock.passed = 5
    for user in ("anna", "ben"):
        assert users.renew(user, token.hmac, period) == (0, NOW + 5 + expires)
    assert users.expiries() == {token.token_id: NOW + 5 + expires}
    assert users.renew("dora", token.hmac, period) == (MISMATCH, 0)
    assert users.renew("anna", b"x", period) == (NOT_FOUND, 0)


def test_a_token_is_not_renewed_beyond_its_end(users: Users) -> None:
    token = users.create("anna", 2000)
    users.clock.passed = 1500
    assert users.renew("anna", token.hmac, 1000) == (0, NOW + 2000)
    users.clock.passed = 2001
    for user in ("anna", "dora"):
        assert users.renew(user, token.hmac) == (EXPIRED, 0)


def test_a_token_expires_when_it_is_told_to(users: Users) -> None:
    token = users.create("anna", renewers=("User:ben",))
    assert users.expire("ben", token.hmac, 5000) == (0, NOW + 5000)
    assert users.expire("anna", token.hmac, 10**13) == (0, NOW + 7 * DAY)
    assert users.expire("anna", token.hmac, 0) == (0, NOW)
    assert users.expire("dora", token.hmac, -1) == (MISMATCH, 0)
    users.clock.passed = 1
    assert users.expire("anna", token.hmac, 0) == (EXPIRED, 0)
    assert users.expire("dora", token.hmac, 0) == (MISMATCH, 0)
    assert users.expire("anna", token.hmac, -1) == (0, NOW + 1)
    assert users.expire("anna", token.hmac, -1) == (NOT_FOUND, 0)
    assert users.expiries() == {}


def test_a_token_may_have_another_owner(users: Users) -> None:
    token = users.create("anna", owner="User:ben", renewers=("User:carl",))
    assert (token.principal_name, token.token_requester_principal_name) == ("ben", "anna")
    assert users.renew("anna", token.hmac) == (MISMATCH, 0)
    assert users.renew("ben", token.hmac)[0] == 0
    assert users.create("anna", owner="Group:").principal_name == "anna"
    assert users.create("anna", owner="Group:x").principal_type == "Group"
    described = users.describe("dora", "ben", "zed").tokens
    assert [(each.token_id, each.hmac) for each in described] == [(token.token_id, token.hmac)]
    assert [(renewer.principal_type, renewer.principal_name) for renewer in described[0].renewers] == [("User", "carl")]


def test_tokens_are_found_by_owner_requester_and_renewer(users: Users) -> None:
    token = users.create("anna", owner="User:ben", renewers=("User:carl",))
    users.create("dora")
    for name in ("anna", "ben", "carl"):
        assert [each.token_id for each in users.describe("dora", name).tokens] == [token.token_id]


def test_an_authorizer_decides_on_the_tokens_of_others(users: Users) -> None:
    super_users = AuthorizerSettings(super_users=frozenset(("User:root",)))
    users.authorizer = Authorizer(super_users, lambda: users.broker.cluster.storage.cluster_image)
    assert users.create("anna", renewers=("User:ben",), owner="User:anna").error_code == 0
    for user, seen in (("anna", 1), ("ben", 1), ("carl", 0), ("root", 1)):
        assert len(users.describe(user).tokens) == seen
    for user in ("anna", "carl"):
        refused = users.create(user, owner="User:zed", renewers=("Group:x",))
        assert refused.error_code == ErrorCode.DELEGATION_TOKEN_AUTHORIZATION_FAILED
        assert (refused.principal_name, refused.issue_timestamp_ms) == ("zed", -1)
    assert users.create("root", owner="User:zed").error_code == 0


def test_renewers_are_users(users: Users) -> None:
    refused = users.create("anna", renewers=("User:a", "user:b"), owner="User:zed")
    assert refused.error_code == ErrorCode.INVALID_PRINCIPAL_TYPE
    assert (refused.principal_name, refused.token_requester_principal_name) == ("zed", "anna")
    assert (refused.token_id, refused.hmac, refused.issue_timestamp_ms) == ("", b"", -1)


def test_anonymous_clients_may_not_use_tokens(users: Users) -> None:
    refused = users.create("ANONYMOUS", renewers=("Group:b",), owner="User:zed")
    assert (refused.error_code, refused.principal_name) == (NOT_ALLOWED, "zed")
    assert refused.token_requester_principal_name == "ANONYMOUS"
    assert users.renew("ANONYMOUS", b"") == (NOT_ALLOWED, -1)
    assert users.expire("ANONYMOUS", b"", -1) == (NOT_ALLOWED, -1)
    assert users.describe("ANONYMOUS").error_code == NOT_ALLOWED


def test_without_a_secret_there_are_no_tokens(filesystem: MemoryFileSystem) -> None:
    users = users_of({}, filesystem)
    assert users.create("anna", renewers=("Group:b",)).error_code == DISABLED
    assert users.renew("anna", b"")[0] == DISABLED
    assert users.expire("anna", b"", -1)[0] == DISABLED
    assert users.describe("anna").error_code == DISABLED
    assert users.create("ANONYMOUS").error_code == NOT_ALLOWED
    users.broker.cluster.close()


def test_tokens_are_kept_and_removed_once_they_have_expired(users: Users, filesystem: MemoryFileSystem) -> None:
    short, long = users.create("anna", 1000), users.create("anna", renewers=("User:ben",))
    users.broker.cluster.expire_delegation_tokens()
    before = users.describe("anna").tokens
    users.broker.cluster.close()
    users = users_of({"delegation.token.secret.key": SECRET}, filesystem)
    assert users.describe("anna").tokens == before
    users.clock.passed = 1001
    assert set(users.expiries()) == {short.token_id, long.token_id}
    users.broker.cluster.expire_delegation_tokens()
    assert set(users.expiries()) == {long.token_id}
    users.broker.cluster.close()
