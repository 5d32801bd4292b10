"""Access control entries as Kafka's AclBinding: their codes, and filters over them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kafkalite_storage.metadata.cluster_image import AccessControlEntry

ANY: Final = 1
"""In a filter, a resource type, pattern type, operation or permission type that matches all."""
UNKNOWN: Final = 0
WILDCARD: Final = "*"
"""As the name of a literal pattern all resources of a type, as a host all hosts, as a user all users."""
CLUSTER_NAME: Final = "kafka-cluster"


class ResourceType(IntEnum):
    """What an entry is about (org.apache.kafka.common.resource.ResourceType)."""

    TOPIC = 2
    GROUP = 3
    CLUSTER = 4
    TRANSACTIONAL_ID = 5
    DELEGATION_TOKEN = 6
    USER = 7

    @property
    def label(self) -> str:
        """The name in log lines of Kafka: ``TransactionalId``."""
        return "".join(word.capitalize() for word in self.name.split("_"))


class PatternType(IntEnum):
    """How the name of an entry is compared (KIP-290)."""

    MATCH = 2
    """In a filter: every pattern that matches the name."""
    LITERAL = 3
    PREFIXED = 4


class Operation(IntEnum):
    """What may be done (org.apache.kafka.common.acl.AclOperation)."""

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
    CREATE_TOKENS = 13
    DESCRIBE_TOKENS = 14
    TWO_PHASE_COMMIT = 15


class Permission(IntEnum):
    """What an entry does (org.apache.kafka.common.acl.AclPermissionType)."""

    DENY = 2
    ALLOW = 3


SUPPORTED_OPERATIONS: Final = {
    ResourceType.TOPIC: (
        Operation.READ,
        Operation.WRITE,
        Operation.CREATE,
        Operation.DELETE,
        Operation.ALTER,
        Operation.DESCRIBE,
        Operation.DESCRIBE_CONFIGS,
        Operation.ALTER_CONFIGS,
    ),
    ResourceType.GROUP: (
        Operation.READ,
        Operation.DELETE,
        Operation.DESCRIBE,
        Operation.DESCRIBE_CONFIGS,
        Operation.ALTER_CONFIGS,
    ),
    ResourceType.CLUSTER: (
        Operation.CREATE,
        Operation.ALTER,
        Operation.DESCRIBE,
        Operation.CLUSTER_ACTION,
        Operation.DESCRIBE_CONFIGS,
        Operation.ALTER_CONFIGS,
        Operation.IDEMPOTENT_WRITE,
    ),
}
"""The operations that responses report for a resource (KIP-430)."""


def is_known(code: int, kind: type[IntEnum]) -> bool:
    """Return whether a code means anything to Kafka, if only in a filter."""
    return code == ANY or code in set(kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFilter:
    """Selects entries, as Kafka's AclBindingFilter; None matches anything."""

    resource_type: int = ANY
    resource_name: str | None = None
    pattern_type: int = ANY
    principal: str | None = None
    host: str | None = None
    operation: int = ANY
    permission_type: int = ANY

    def matches(self, entry: AccessControlEntry) -> bool:
        """Return whether the filter selects an entry."""
        return (
            self.resource_type in (ANY, entry.resource_type)
            and self._matches_pattern(entry)
            and self.principal in (None, entry.principal)
            and self.host in (None, entry.host)
            and self.operation in (ANY, entry.operation)
            and self.permission_type in (ANY, entry.permission_type)
        )

    def _matches_pattern(self, entry: AccessControlEntry) -> bool:
        if self.pattern_type not in (ANY, PatternType.MATCH, entry.pattern_type):
            return False
        if self.resource_name is None:
            return True
        if self.pattern_type != PatternType.MATCH:
            return self.resource_name == entry.resource_name
        if entry.pattern_type == PatternType.PREFIXED:
            return self.resource_name.startswith(entry.resource_name)
        return entry.resource_name in (WILDCARD, self.resource_name)


def matches_host(pattern: str, host: str) -> bool:
    """Return whether an address is one that an entry's host stands for: itself, all, or a range in CIDR notation."""
    return pattern in (WILDCARD, host) or ("/" in pattern and _is_in_range(pattern, host))


@lru_cache(maxsize=1000)
def _is_in_range(pattern: str, host: str) -> bool:
    # Imported here, because hardly any entry has a range.
    from ipaddress import ip_address, ip_network

    try:
        return ip_address(host) in ip_network(pattern, strict=False)
    except ValueError:
        return False


def is_range(pattern: str) -> bool:
    """Return whether a host in an entry is a valid range in CIDR notation."""
    from ipaddress import ip_network

    try:
        ip_network(pattern, strict=False)
    except ValueError:
        return False
    return True
