"""CreateDelegationToken, RenewDelegationToken, ExpireDelegationToken and DescribeDelegationToken (KIP-48).

Tokens are stored in the metadata log, as Kafka stores them. A client may use these APIs if it has proved who it is, and
not by a token.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from kafkalite.errors import RefusedError
from kafkalite.security.access_control import Operation, ResourceType
from kafkalite.security.delegation_tokens import new_token_id, token_hmac
from kafkalite_storage.errors import StorageError
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.create_delegation_token import (
    CreateDelegationTokenRequest,
    CreateDelegationTokenResponse,
)
from kafkalite_wire.messages.describe_delegation_token import (
    DescribedDelegationToken,
    DescribedDelegationTokenRenewer,
    DescribeDelegationTokenRequest,
    DescribeDelegationTokenResponse,
)
from kafkalite_wire.messages.expire_delegation_token import (
    ExpireDelegationTokenRequest,
    ExpireDelegationTokenResponse,
)
from kafkalite_wire.messages.metadata_records import DelegationTokenRecord, RemoveDelegationTokenRecord
from kafkalite_wire.messages.renew_delegation_token import RenewDelegationTokenRequest, RenewDelegationTokenResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext

_NOT_ALLOWED: Final = ErrorCode.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED
_NO_TIME: Final = -1
_USER: Final = "User"
_ANONYMOUS: Final = "User:ANONYMOUS"


def create_delegation_token(
    broker: BrokerEndpoint, request: CreateDelegationTokenRequest, context: RequestContext
) -> CreateDelegationTokenResponse:
    """Create a token for the client, or for another owner."""
    requester = context.info.principal
    owner = requester
    if request.owner_principal_name:
        owner = f"{request.owner_principal_type or ''}:{request.owner_principal_name}"
    try:
        _check_client(context)
        if owner != requester and not _allows(context, Operation.CREATE_TOKENS, ResourceType.USER, owner):
            raise RefusedError(ErrorCode.DELEGATION_TOKEN_AUTHORIZATION_FAILED, "the token would be of another owner")
        secret = _secret(broker, context)
        if any(renewer.principal_type != _USER for renewer in request.renewers):
            raise RefusedError(ErrorCode.INVALID_PRINCIPAL_TYPE, "renewers have to be users")
        token = _new_token(broker, request, owner, requester)
        broker.cluster.change_metadata([token])
    except (RefusedError, StorageError) as refusal:
        return _created(owner, requester, error_code=refusal.code)
    return _created(owner, requester, token, token_hmac(secret, token.token_id))


def _new_token(
    broker: BrokerEndpoint, request: CreateDelegationTokenRequest, owner: str, requester: str
) -> DelegationTokenRecord:
    config, now = broker.config, broker.cluster.wall_ms()
    longest = _ms(config.delegation_token_max_lifetime)
    lifetime = min(request.max_lifetime_ms, longest) if request.max_lifetime_ms > 0 else longest
    return DelegationTokenRecord(
        owner=owner,
        requester=requester,
        renewers=tuple(f"{renewer.principal_type}:{renewer.principal_name}" for renewer in request.renewers),
        issue_timestamp=now,
        max_timestamp=now + lifetime,
        expiration_timestamp=now + min(lifetime, _ms(config.delegation_token_expiry_time)),
        token_id=new_token_id(),
    )


def _created(
    owner: str,
    requester: str,
    token: DelegationTokenRecord | None = None,
    proof: bytes = b"",
    *,
    error_code: int = ErrorCode.NONE,
) -> CreateDelegationTokenResponse:
    (owner_type, owner_name), (requester_type, requester_name) = _parts(owner), _parts(requester)
    return CreateDelegationTokenResponse(
        error_code=error_code,
        principal_type=owner_type,
        principal_name=owner_name,
        token_requester_principal_type=requester_type,
        token_requester_principal_name=requester_name,
        issue_timestamp_ms=_NO_TIME if token is None else token.issue_timestamp,
        expiry_timestamp_ms=_NO_TIME if token is None else token.expiration_timestamp,
        max_timestamp_ms=_NO_TIME if token is None else token.max_timestamp,
        token_id="" if token is None else token.token_id,
        hmac=proof,
    )


def renew_delegation_token(
    broker: BrokerEndpoint, request: RenewDelegationTokenRequest, context: RequestContext
) -> RenewDelegationTokenResponse:
    """Set a later time at which a token expires, but not after its end."""
    try:
        token = _token(broker, context, request.hmac)
        now = broker.cluster.wall_ms()
        if _has_expired(token, now):
            raise RefusedError(ErrorCode.DELEGATION_TOKEN_EXPIRED, "the token has expired")
        _check_renewer(token, context)
        usual = _ms(broker.config.delegation_token_expiry_time)
        period = min(request.renew_period_ms, usual) if request.renew_period_ms > 0 else usual
        expires = min(now + period, token.max_timestamp)
        broker.cluster.change_metadata([replace(token, expiration_timestamp=expires)])
    except (RefusedError, StorageError) as refusal:
        return RenewDelegationTokenResponse(error_code=refusal.code, expiry_timestamp_ms=_no_time(refusal.code))
    return RenewDelegationTokenResponse(expiry_timestamp_ms=expires)


def expire_delegation_token(
    broker: BrokerEndpoint, request: ExpireDelegationTokenRequest, context: RequestContext
) -> ExpireDelegationTokenResponse:
    """Set when a token expires, or remove it if the time is negative."""
    try:
        token = _token(broker, context, request.hmac)
        _check_renewer(token, context)
        now = broker.cluster.wall_ms()
        expires = now
        if request.expiry_time_period_ms < 0:
            broker.cluster.change_metadata([RemoveDelegationTokenRecord(token_id=token.token_id)])
        elif _has_expired(token, now):
            raise RefusedError(ErrorCode.DELEGATION_TOKEN_EXPIRED, "the token has expired")
        else:
            expires = min(now + request.expiry_time_period_ms, token.max_timestamp)
            broker.cluster.change_metadata([replace(token, expiration_timestamp=expires)])
    except (RefusedError, StorageError) as refusal:
        return ExpireDelegationTokenResponse(error_code=refusal.code, expiry_timestamp_ms=_no_time(refusal.code))
    return ExpireDelegationTokenResponse(expiry_timestamp_ms=expires)


def describe_delegation_token(
    broker: BrokerEndpoint, request: DescribeDelegationTokenRequest, context: RequestContext
) -> DescribeDelegationTokenResponse:
    """Return the tokens that the client may see, those of some principals or all."""
    try:
        secret = _secret(broker, context)
    except RefusedError as refusal:
        return DescribeDelegationTokenResponse(error_code=refusal.code, tokens=())
    owners = None
    if request.owners is not None:
        owners = {f"{owner.principal_type}:{owner.principal_name}" for owner in request.owners}
    return DescribeDelegationTokenResponse(
        tokens=tuple(
            _described(token, secret)
            for token in _tokens(broker).values()
            if (owners is None or not owners.isdisjoint(_holders(token))) and _may_see(token, context)
        )
    )


def _holders(token: DelegationTokenRecord) -> tuple[str, ...]:
    return (token.owner, token.requester, *token.renewers)


def _may_see(token: DelegationTokenRecord, context: RequestContext) -> bool:
    return (
        context.access is None
        or context.info.principal in _holders(token)
        or _allows(context, Operation.DESCRIBE, ResourceType.DELEGATION_TOKEN, token.token_id)
        or _allows(context, Operation.DESCRIBE_TOKENS, ResourceType.USER, token.owner)
    )


def _allows(context: RequestContext, operation: Operation, kind: ResourceType, name: str) -> bool:
    return context.access is None or context.access.allows(operation, kind, name)


def _described(token: DelegationTokenRecord, secret: str) -> DescribedDelegationToken:
    (owner_type, owner_name), (requester_type, requester_name) = _parts(token.owner), _parts(token.requester)
    renewers = (_parts(renewer) for renewer in token.renewers)
    return DescribedDelegationToken(
        principal_type=owner_type,
        principal_name=owner_name,
        token_requester_principal_type=requester_type,
        token_requester_principal_name=requester_name,
        issue_timestamp=token.issue_timestamp,
        expiry_timestamp=token.expiration_timestamp,
        max_timestamp=token.max_timestamp,
        token_id=token.token_id,
        hmac=token_hmac(secret, token.token_id),
        renewers=tuple(
            DescribedDelegationTokenRenewer(principal_type=kind, principal_name=name) for kind, name in renewers
        ),
    )


def _tokens(broker: BrokerEndpoint) -> Mapping[str, DelegationTokenRecord]:
    return broker.cluster.storage.cluster_image.delegation_tokens


def _check_client(context: RequestContext) -> None:
    """Raise RefusedError if the client may not use tokens."""
    authenticator = context.info.authenticator
    is_authenticated = authenticator is not None or context.info.principal != _ANONYMOUS
    if not is_authenticated or (authenticator is not None and authenticator.has_token):
        raise RefusedError(_NOT_ALLOWED, "the client has not proved who it is, or has done so by a token")


def _secret(broker: BrokerEndpoint, context: RequestContext) -> str:
    """Return the secret of tokens. Raises RefusedError if the client may not use tokens, or there is no secret."""
    _check_client(context)
    secret = broker.config.delegation_token_secret_key
    if secret is None:
        raise RefusedError(ErrorCode.DELEGATION_TOKEN_AUTH_DISABLED, "delegation.token.secret.key is not set")
    return secret


def _token(broker: BrokerEndpoint, context: RequestContext, proof: bytes) -> DelegationTokenRecord:
    """Return the token with this HMAC. Raises RefusedError."""
    secret = _secret(broker, context)
    for token in _tokens(broker).values():
        if token_hmac(secret, token.token_id) == bytes(proof):
            return token
    raise RefusedError(ErrorCode.DELEGATION_TOKEN_NOT_FOUND, "there is no such token")


def _check_renewer(token: DelegationTokenRecord, context: RequestContext) -> None:
    if context.info.principal not in (token.owner, *token.renewers):
        raise RefusedError(ErrorCode.DELEGATION_TOKEN_OWNER_MISMATCH, "the token is of another owner")


def _has_expired(token: DelegationTokenRecord, now: int) -> bool:
    return now > min(token.expiration_timestamp, token.max_timestamp)


def _no_time(error_code: int) -> int:
    """Return what stands in place of a time: Kafka's broker and controller do not agree on it."""
    return _NO_TIME if error_code == _NOT_ALLOWED else 0


def _parts(principal: str) -> tuple[str, str]:
    kind, _, name = principal.partition(":")
    return kind, name


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
