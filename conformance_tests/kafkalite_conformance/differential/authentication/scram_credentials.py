"""The users of SCRAM, created by AlterUserScramCredentials in the same way with both brokers."""

import hashlib
import time
from typing import Final

from kafkalite_conformance.differential.authentication.secured_brokers import PLAINTEXT, SCRAM_USERS, Secured
from kafkalite_conformance.raw import RawConnection
from kafkalite_wire.client import ClientConnection
from kafkalite_wire.messages.alter_user_scram_credentials import (
    AlterUserScramCredentialsRequest,
    AlterUserScramCredentialsResponse,
    ScramCredentialUpsertion,
)
from kafkalite_wire.messages.describe_user_scram_credentials import (
    DescribeUserScramCredentialsRequest,
    DescribeUserScramCredentialsResponse,
)

_HASHES: Final = {1: "sha256", 2: "sha512"}
_ITERATIONS: Final = 4096
_PATIENCE: Final = 20.0


def create_scram_users(broker: Secured) -> None:
    """Create the users, for both mechanisms, and wait until the broker has them."""
    client = ClientConnection("visitor")
    with RawConnection(broker.addresses[PLAINTEXT]) as connection:

        def ask(request: object) -> object:
            connection.send(client.send(request, 0))
            answer: object = client.receive_frame(connection.receive_frame()).message
            return answer

        for mechanism in _HASHES:  # a request names a user once
            upsertions = tuple(_upsertion(user, password, mechanism) for user, password in SCRAM_USERS.items())
            answer = ask(AlterUserScramCredentialsRequest(deletions=(), upsertions=upsertions))
            assert isinstance(answer, AlterUserScramCredentialsResponse)
            assert not any(result.error_code for result in answer.results), answer
        # A broker applies what its controller has accepted a moment later.
        deadline = time.monotonic() + _PATIENCE
        while _known(ask(DescribeUserScramCredentialsRequest(users=None))) != len(SCRAM_USERS) * len(_HASHES):
            assert time.monotonic() < deadline, "the users have not become known"
            time.sleep(0.05)


def _known(answer: object) -> int:
    assert isinstance(answer, DescribeUserScramCredentialsResponse)
    return sum(len(result.credential_infos) for result in answer.results)


def _upsertion(user: str, password: str, mechanism: int) -> ScramCredentialUpsertion:
    salt = f"salt of {user} {mechanism}".encode()
    return ScramCredentialUpsertion(
        name=user,
        mechanism=mechanism,
        iterations=_ITERATIONS,
        salt=salt,
        salted_password=hashlib.pbkdf2_hmac(_HASHES[mechanism], password.encode(), salt, _ITERATIONS),
    )
