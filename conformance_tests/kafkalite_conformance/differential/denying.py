"""Make Apache Kafka deny nearly every operation to every client."""

from collections.abc import Mapping
from typing import Final

from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    KafkaAdminClient,
    ResourcePattern,
    ResourceType,
)

AUTHORIZER_SETTINGS: Final[Mapping[str, str]] = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    # The broker itself comes without a name too.
    "allow.everyone.if.no.acl.found": "true",
}
"""What Kafka is started with."""

SECRET: Final = "secret"
"""A topic, a group and a transactional id that no client may use."""
VISIBLE: Final = "visible"
"""A topic that may be described, and nothing else."""
READABLE: Final = "readable"
"""A topic that may be read as well."""

_ANONYMOUS: Final = "User:ANONYMOUS"


def deny(bootstrap: str) -> None:
    """Deny all operations that these conversations need; they cannot be allowed again afterwards."""
    operations = ACLOperation
    denied = [
        (ResourceType.TOPIC, SECRET, operations.ALL),
        *((ResourceType.TOPIC, VISIBLE, each) for each in operations if each in _BEYOND_DESCRIBE),
        (ResourceType.TOPIC, "*", operations.WRITE),
        (ResourceType.GROUP, SECRET, operations.ALL),
        (ResourceType.TRANSACTIONAL_ID, SECRET, operations.ALL),
        *((ResourceType.CLUSTER, "kafka-cluster", each) for each in operations if each in _BEYOND_THE_BROKER),
    ]
    rules = [_rule(*each, ACLPermissionType.DENY) for each in denied]
    # Where there is any rule, what no rule allows is denied.
    rules += [
        _rule(ResourceType.CLUSTER, "kafka-cluster", operations.CLUSTER_ACTION, ACLPermissionType.ALLOW),
        _rule(ResourceType.TOPIC, VISIBLE, operations.DESCRIBE, ACLPermissionType.ALLOW),
        _rule(ResourceType.TOPIC, READABLE, operations.READ, ACLPermissionType.ALLOW),
    ]
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        failed = admin.create_acls(rules)["failed"]
    finally:
        admin.close()
    assert not failed, failed


_BEYOND_DESCRIBE: Final = frozenset((
    ACLOperation.READ,
    ACLOperation.WRITE,
    ACLOperation.CREATE,
    ACLOperation.DELETE,
    ACLOperation.ALTER,
    ACLOperation.ALTER_CONFIGS,
    ACLOperation.DESCRIBE_CONFIGS,
))  # fmt: skip
_BEYOND_THE_BROKER: Final = frozenset((
    ACLOperation.CREATE,
    ACLOperation.ALTER,
    ACLOperation.DESCRIBE,
    ACLOperation.ALTER_CONFIGS,
    ACLOperation.DESCRIBE_CONFIGS,
    ACLOperation.IDEMPOTENT_WRITE,
))  # fmt: skip


def _rule(kind: ResourceType, name: str, operation: ACLOperation, permission: ACLPermissionType) -> ACL:
    return ACL(_ANONYMOUS, "*", operation, permission, ResourcePattern(kind, name, ACLResourcePatternType.LITERAL))
