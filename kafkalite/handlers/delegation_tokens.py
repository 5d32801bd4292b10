"""The APIs of delegation tokens (KIP-48), which no client may use over a listener without authentication.

Not done: authentication.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.create_delegation_token import (
    CreateDelegationTokenRequest,
    CreateDelegationTokenResponse,
)
from kafkalite_wire.messages.describe_delegation_token import (
    DescribeDelegationTokenRequest,
    DescribeDelegationTokenResponse,
)
from kafkalite_wire.messages.expire_delegation_token import (
    ExpireDelegationTokenRequest,
    ExpireDelegationTokenResponse,
)
from kafkalite_wire.messages.renew_delegation_token import RenewDelegationTokenRequest, RenewDelegationTokenResponse

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext

_REFUSED: Final = ErrorCode.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED
_NO_TIME: Final = -1
_ANONYMOUS: Final = ("User", "ANONYMOUS")


def create_delegation_token(
    broker: BrokerEndpoint, request: CreateDelegationTokenRequest, context: RequestContext
) -> CreateDelegationTokenResponse:
    """Refuse to make a token for a client that is not authenticated."""
    del broker, context
    kind, name = _ANONYMOUS
    return CreateDelegationTokenResponse(
        error_code=_REFUSED,
        principal_type=request.owner_principal_type or kind,
        principal_name=request.owner_principal_name or name,
        token_requester_principal_type=kind,
        token_requester_principal_name=name,
        issue_timestamp_ms=_NO_TIME,
        expiry_timestamp_ms=_NO_TIME,
        max_timestamp_ms=_NO_TIME,
        token_id="",
        hmac=b"",
    )


def renew_delegation_token(
    broker: BrokerEndpoint, request: RenewDelegationTokenRequest, context: RequestContext
) -> RenewDelegationTokenResponse:
    """Refuse a client that is not authenticated."""
    del broker, request, context
    return RenewDelegationTokenResponse(error_code=_REFUSED, expiry_timestamp_ms=_NO_TIME)


def expire_delegation_token(
    broker: BrokerEndpoint, request: ExpireDelegationTokenRequest, context: RequestContext
) -> ExpireDelegationTokenResponse:
    """Refuse a client that is not authenticated."""
    del broker, request, context
    return ExpireDelegationTokenResponse(error_code=_REFUSED, expiry_timestamp_ms=_NO_TIME)


def describe_delegation_token(
    broker: BrokerEndpoint, request: DescribeDelegationTokenRequest, context: RequestContext
) -> DescribeDelegationTokenResponse:
    """Refuse a client that is not authenticated."""
    del broker, request, context
    return DescribeDelegationTokenResponse(error_code=_REFUSED, tokens=())
