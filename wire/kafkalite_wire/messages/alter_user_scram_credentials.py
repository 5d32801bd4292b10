"""AlterUserScramCredentials (key 51): set and delete the SCRAM credentials of users (KIP-554)."""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import BYTES, INT8, INT16, INT32, STRING, array_of, field, message, struct


@struct
class ScramCredentialDeletion:
    """A credential to delete."""

    name: str = field(STRING)
    mechanism: int = field(INT8)


@struct
class ScramCredentialUpsertion:
    """A credential to create or to replace."""

    name: str = field(STRING)
    mechanism: int = field(INT8)
    iterations: int = field(INT32)
    salt: bytes = field(BYTES)
    salted_password: bytes = field(BYTES)


@message(api_key=ApiKey.ALTER_USER_SCRAM_CREDENTIALS)
class AlterUserScramCredentialsRequest:
    """The changes of all users."""

    deletions: tuple[ScramCredentialDeletion, ...] = field(array_of(ScramCredentialDeletion))
    upsertions: tuple[ScramCredentialUpsertion, ...] = field(array_of(ScramCredentialUpsertion))


@struct
class AlterUserScramCredentialsResult:
    """The result for one user."""

    user: str = field(STRING)
    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+")


@message(api_key=ApiKey.ALTER_USER_SCRAM_CREDENTIALS)
class AlterUserScramCredentialsResponse:
    """One result for each user."""

    throttle_time_ms: int = field(INT32, default=0)
    results: tuple[AlterUserScramCredentialsResult, ...] = field(array_of(AlterUserScramCredentialsResult))
