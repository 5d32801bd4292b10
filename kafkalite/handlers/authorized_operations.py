"""What may be done with a resource (KIP-430): everything, since there is no authorizer."""

from __future__ import annotations

from typing import Final

NOT_ASKED: Final = -(1 << 31)
"""The value of a field whose answer was not asked for."""


def _bits(*operations: int) -> int:
    return sum(1 << operation for operation in operations)


# The codes of org.apache.kafka.common.acl.AclOperation.
(_READ, _WRITE, _CREATE, _DELETE, _ALTER, _DESCRIBE, _CLUSTER_ACTION, _DESCRIBE_CONFIGS, _ALTER_CONFIGS) = range(3, 12)
_IDEMPOTENT_WRITE: Final = 12

TOPIC_OPERATIONS: Final = _bits(_READ, _WRITE, _CREATE, _DELETE, _ALTER, _DESCRIBE, _DESCRIBE_CONFIGS, _ALTER_CONFIGS)
GROUP_OPERATIONS: Final = _bits(_READ, _DESCRIBE, _DELETE, _DESCRIBE_CONFIGS, _ALTER_CONFIGS)
CLUSTER_OPERATIONS: Final = _bits(
    _CREATE, _ALTER, _DESCRIBE, _CLUSTER_ACTION, _DESCRIBE_CONFIGS, _ALTER_CONFIGS, _IDEMPOTENT_WRITE
)
