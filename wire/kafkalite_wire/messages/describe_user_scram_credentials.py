"""DescribeUserScramCredentials (key 50): describe the SCRAM credentials of users (KIP-554)."""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import INT8, INT16, INT32, STRING, array_of, field, message, struct


@struct
class UserName:
    """The name of a user."""

    name: str = field(STRING)


@message(api_key=ApiKey.DESCRIBE_USER_SCRAM_CREDENTIALS)
class DescribeUserScramCredentialsRequest:
    """The users; null or none means all."""

    users: tuple[UserName, ...] | None = field(array_of(UserName), nullable="0+")


@struct
class CredentialInfo:
    """A credential without its secrets; mechanism 1 is SCRAM-SHA-256, 2 is SCRAM-SHA-512."""

    mechanism: int = field(INT8)
    iterations: int = field(INT32)


@struct
class DescribeUserScramCredentialsResult:
    """The credentials of one user."""

    user: str = field(STRING)
    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+")
    credential_infos: tuple[CredentialInfo, ...] = field(array_of(CredentialInfo))


@message(api_key=ApiKey.DESCRIBE_USER_SCRAM_CREDENTIALS)
class DescribeUserScramCredentialsResponse:
    """One result for each user."""

    throttle_time_ms: int = field(INT32, default=0)
    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+")
    results: tuple[DescribeUserScramCredentialsResult, ...] = field(array_of(DescribeUserScramCredentialsResult))
