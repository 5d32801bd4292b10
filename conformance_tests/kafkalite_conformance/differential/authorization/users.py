"""Users, each with few permissions or with one that is missing, and their access control entries."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from kafkalite_wire.messages.create_acls import AclCreation


class Kind(IntEnum):
    """Types of resources."""

    TOPIC = 2
    GROUP = 3
    CLUSTER = 4
    TRANSACTIONAL_ID = 5


class Operation(IntEnum):
    """Operations on resources."""

    ALL = 2
    READ = 3
    WRITE = 4
    CREATE = 5
    DELETE = 6
    ALTER = 7
    DESCRIBE = 8
    CLUSTER_ACTION = 9
    DESCRIBE_CONFIGS = 10
    ALTER_CONFIGS = 11
    IDEMPOTENT_WRITE = 12


_OPERATIONS: Final[Mapping[Kind, Sequence[Operation]]] = {
    Kind.TOPIC: (
        Operation.READ,
        Operation.WRITE,
        Operation.CREATE,
        Operation.DELETE,
        Operation.ALTER,
        Operation.DESCRIBE,
        Operation.DESCRIBE_CONFIGS,
        Operation.ALTER_CONFIGS,
    ),
    Kind.GROUP: (
        Operation.READ,
        Operation.DELETE,
        Operation.DESCRIBE,
        Operation.DESCRIBE_CONFIGS,
        Operation.ALTER_CONFIGS,
    ),
    Kind.TRANSACTIONAL_ID: (Operation.DESCRIBE, Operation.WRITE),
    Kind.CLUSTER: (
        Operation.CREATE,
        Operation.DELETE,
        Operation.ALTER,
        Operation.DESCRIBE,
        Operation.CLUSTER_ACTION,
        Operation.DESCRIBE_CONFIGS,
        Operation.ALTER_CONFIGS,
        Operation.IDEMPOTENT_WRITE,
    ),
}
LITERAL, PREFIXED = 3, 4
_DENY, _ALLOW = 2, 3
_CLUSTER: Final = "kafka-cluster"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user; the names of all resources that it asks for begin with its own."""

    name: str
    entries: tuple[AclCreation, ...] = ()
    in_all_versions: bool = False

    @property
    def open(self) -> str:
        """The beginning of the names that entries allow."""
        return f"{self.name}-open"

    @property
    def closed(self) -> str:
        """The beginning of the names that they do not."""
        return f"{self.name}-closed"


def _entry(
    user: str,
    kind: Kind,
    name: str,
    operation: Operation,
    *,
    pattern: int = PREFIXED,
    denies: bool = False,
    host: str = "*",
) -> AclCreation:
    return AclCreation(
        resource_type=kind,
        resource_name=_CLUSTER if kind is Kind.CLUSTER else name,
        resource_pattern_type=LITERAL if kind is Kind.CLUSTER else pattern,
        principal=f"User:{user}",
        host=host,
        operation=operation,
        permission_type=_DENY if denies else _ALLOW,
    )


def _users() -> Iterator[User]:
    yield User(name="nobody", in_all_versions=True)
    for kind, operations in _OPERATIONS.items():
        for operation in operations:
            name = f"{kind.name}.{operation.name}".lower()
            yield User(name=name, entries=(_entry(name, kind, f"{name}-open", operation),))
            # All but one operation on one type of resource.
            name = f"all-but-{name}"
            yield User(
                name=name,
                entries=(
                    *(_entry(name, each, f"{name}-", Operation.ALL) for each in Kind),
                    _entry(name, kind, f"{name}-closed", operation, denies=True),
                ),
            )
    yield User(
        name="half",
        in_all_versions=True,
        entries=tuple(_entry("half", each, "half-open", Operation.ALL) for each in Kind),
    )
    yield User(
        name="names",
        in_all_versions=True,
        entries=tuple(_entry("names", each, "names-open", Operation.ALL) for each in Kind if each is not Kind.CLUSTER),
    )
    yield User(
        name="describes",
        in_all_versions=True,
        entries=tuple(_entry("describes", each, "describes-", Operation.DESCRIBE) for each in Kind),
    )
    yield User(
        name="elsewhere",
        entries=tuple(_entry("elsewhere", each, "elsewhere-", Operation.ALL, host="10.1.2.3") for each in Kind),
    )
    yield User(
        name="denied",
        entries=(
            *(_entry("denied", each, "denied-", Operation.ALL) for each in Kind),
            *(_entry("denied", each, "denied-closed", Operation.ALL, denies=True) for each in Kind),
        ),
    )


USERS: Final[Mapping[str, User]] = {user.name: user for user in _users()}
"""All users by name."""
PASSWORD: Final = "secret"
"""The password of each."""
