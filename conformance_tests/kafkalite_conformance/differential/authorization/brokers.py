"""Both brokers with an authorizer, a listener for a super user without a login, and one for users."""

import tempfile
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kafkalite_conformance.differential.authorization.users import PASSWORD, USERS
from kafkalite_conformance.differential.brokers import KAFKALITE_SETTINGS, SETTINGS
from kafkalite_conformance.kafkalite_broker import Kafkalite
from kafkalite_conformance.reference_broker import CONFORMANCE_JVM_FLAGS, start_kafka
from kafkalite_conformance.starters import KAFKA_SETTINGS

USERS_LISTENER: Final = "USERS"
_LISTENERS: Final[Mapping[str, str]] = {USERS_LISTENER: "SASL_PLAINTEXT"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """One of the two brokers."""

    super_user: str
    """The address where every client is a super user."""
    users: str
    """The address of users."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardedBrokers:
    """Both."""

    kafka: Guarded
    kafkalite: Guarded


def _authorization() -> Mapping[str, str]:
    users = " ".join(f'user_{name}="{PASSWORD}"' for name in USERS)
    return {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
        "sasl.enabled.mechanisms": "PLAIN",
        "group.streams.initial.rebalance.delay.ms": "0",
        f"listener.name.{USERS_LISTENER.lower()}.plain.sasl.jaas.config": (
            f"org.apache.kafka.common.security.plain.PlainLoginModule required {users};"
        ),
    }


@contextmanager
def guarded_brokers() -> Generator[GuardedBrokers]:
    """Start both brokers, until the block ends."""
    settings = _authorization()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="authorization-", ignore_cleanup_errors=True))
        kafkalite = Kafkalite(Path(folder), {**KAFKALITE_SETTINGS, **settings}, listeners=_LISTENERS)
        stack.callback(kafkalite.kill)
        kafka = stack.enter_context(
            start_kafka(
                {**KAFKA_SETTINGS, **SETTINGS, **settings}, jvm_flags=CONFORMANCE_JVM_FLAGS, listeners=_LISTENERS
            )
        )
        yield GuardedBrokers(kafka=_guarded(kafka.addresses), kafkalite=_guarded(kafkalite.addresses))


def _guarded(addresses: Mapping[str, str]) -> Guarded:
    return Guarded(super_user=addresses["PLAINTEXT"], users=addresses[USERS_LISTENER])
