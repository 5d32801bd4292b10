"""What members of a group subscribe to and own, out of the bytes that clients tell each other through the broker."""

from __future__ import annotations

from kafkalite.testing.model.views import TopicPartition
from kafkalite_wire.errors import WireError
from kafkalite_wire.messages.consumer_protocol import decode_assignment, decode_subscription


def subscription_in(data: bytes) -> frozenset[str]:
    """Read which topics a consumer subscribes to; none where it cannot be read."""
    try:
        return frozenset(decode_subscription(data).topics)
    except WireError:
        return frozenset()


def assignment_in(data: bytes) -> frozenset[TopicPartition]:
    """Read what is assigned to a consumer; nothing where it cannot be read, for other protocols have other forms."""
    if not data:
        return frozenset()
    try:
        assigned = decode_assignment(data).assigned_partitions
    except WireError:
        return frozenset()
    return frozenset(TopicPartition(topic.topic, index) for topic in assigned for index in topic.partitions)
