"""DescribeUserScramCredentials and AlterUserScramCredentials (KIP-554).

Credentials are stored in the metadata log, as Kafka stores them: keys that prove a password, and not the password.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from kafkalite.errors import RefusedError
from kafkalite.security.sasl import LEAST_ITERATIONS, ScramMechanism, credential_of
from kafkalite_storage.errors import StorageError
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.alter_user_scram_credentials import (
    AlterUserScramCredentialsRequest,
    AlterUserScramCredentialsResponse,
    AlterUserScramCredentialsResult,
    ScramCredentialDeletion,
    ScramCredentialUpsertion,
)
from kafkalite_wire.messages.describe_user_scram_credentials import (
    CredentialInfo,
    DescribeUserScramCredentialsRequest,
    DescribeUserScramCredentialsResponse,
    DescribeUserScramCredentialsResult,
)
from kafkalite_wire.messages.metadata_records import RemoveUserScramCredentialRecord, UserScramCredentialRecord

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext
    from kafkalite_wire.messages.metadata_records import MetadataRecord

_MOST_ITERATIONS: Final = 16384


def describe_user_scram_credentials(
    broker: BrokerEndpoint, request: DescribeUserScramCredentialsRequest, context: RequestContext
) -> DescribeUserScramCredentialsResponse:
    """Return mechanisms and iterations of the users that are asked for, or of all."""
    del context
    known = broker.cluster.storage.cluster_image.scram_credentials
    asked = Counter(user.name for user in request.users) if request.users else Counter({name for name, _ in known})
    results: list[DescribeUserScramCredentialsResult] = []
    for user, times in asked.items():
        code, reason = ErrorCode.NONE, None
        infos = tuple(
            CredentialInfo(mechanism=mechanism, iterations=known[user, mechanism].iterations)
            for mechanism in ScramMechanism
            if (user, mechanism) in known
        )
        if times > 1:
            code, infos = ErrorCode.DUPLICATE_RESOURCE, ()
            reason = f"Cannot describe SCRAM credentials for the same user twice in a single request: {user}"
        elif not infos:
            code = ErrorCode.RESOURCE_NOT_FOUND
            reason = f"Attempt to describe a user credential that does not exist: {user}"
        results.append(
            DescribeUserScramCredentialsResult(user=user, error_code=code, error_message=reason, credential_infos=infos)
        )
    return DescribeUserScramCredentialsResponse(error_message=None, results=tuple(results))


def alter_user_scram_credentials(
    broker: BrokerEndpoint, request: AlterUserScramCredentialsRequest, context: RequestContext
) -> AlterUserScramCredentialsResponse:
    """Change one credential of each user; a user with several changes in a request is refused."""
    del context
    changes: list[ScramCredentialDeletion | ScramCredentialUpsertion] = [*request.deletions, *request.upsertions]
    errors: dict[str, RefusedError | StorageError | None] = {}
    records: dict[str, MetadataRecord] = {}
    for change in changes:
        user = change.name
        if user in errors:
            if errors[user] is None:
                errors[user] = RefusedError(
                    ErrorCode.DUPLICATE_RESOURCE, "A user credential cannot be altered twice in the same request"
                )
            continue
        errors[user] = None
        try:
            if isinstance(change, ScramCredentialDeletion):
                records[user] = _removal(broker, change)
            else:
                records[user] = _credential(change)
        except RefusedError as refusal:
            errors[user] = refusal
    accepted = [record for user, record in records.items() if errors[user] is None]
    try:
        broker.cluster.change_metadata(accepted)
    except StorageError as error:
        errors.update(dict.fromkeys((name for name, refusal in errors.items() if refusal is None), error))
    return AlterUserScramCredentialsResponse(
        results=tuple(
            AlterUserScramCredentialsResult(
                user=user,
                error_code=ErrorCode.NONE if error is None else error.code,
                error_message=None if error is None else str(error),
            )
            for user, error in errors.items()
        )
    )


def _removal(broker: BrokerEndpoint, deletion: ScramCredentialDeletion) -> RemoveUserScramCredentialRecord:
    _mechanism(deletion.name, deletion.mechanism)
    if (deletion.name, deletion.mechanism) not in broker.cluster.storage.cluster_image.scram_credentials:
        raise RefusedError(ErrorCode.RESOURCE_NOT_FOUND, "Attempt to delete a user credential that does not exist")
    return RemoveUserScramCredentialRecord(name=deletion.name, mechanism=deletion.mechanism)


def _credential(upsertion: ScramCredentialUpsertion) -> UserScramCredentialRecord:
    """Derive what is stored from the salted password. Raises RefusedError."""
    mechanism = _mechanism(upsertion.name, upsertion.mechanism)
    if upsertion.iterations < LEAST_ITERATIONS:
        raise RefusedError(ErrorCode.UNACCEPTABLE_CREDENTIAL, "Too few iterations")
    if upsertion.iterations > _MOST_ITERATIONS:
        raise RefusedError(ErrorCode.UNACCEPTABLE_CREDENTIAL, "Too many iterations")
    derived = credential_of(
        bytes(upsertion.salted_password), mechanism, salt=bytes(upsertion.salt), iterations=upsertion.iterations
    )
    return UserScramCredentialRecord(
        name=upsertion.name,
        mechanism=mechanism,
        salt=derived.salt,
        stored_key=derived.stored_key,
        server_key=derived.server_key,
        iterations=derived.iterations,
    )


def _mechanism(user: str, number: int) -> ScramMechanism:
    if not user:
        raise RefusedError(ErrorCode.UNACCEPTABLE_CREDENTIAL, "Username must not be empty")
    if number not in set(ScramMechanism):
        raise RefusedError(ErrorCode.UNSUPPORTED_SASL_MECHANISM, "Unknown SCRAM mechanism")
    return ScramMechanism(number)
