"""The state of groups and offsets according to the broker, from an admin client."""

import time
from collections.abc import Mapping
from typing import Any, Final, cast

from kafkalite.tools.demo import clients
from kafkalite.tools.demo.evidence import Look

_TIMEOUT_MS: Final = 10_000


class Watcher:
    """Queries about one topic. Every method blocks: call it in a thread, one at a time."""

    def __init__(self, bootstrap: str, topic: str, partitions: int) -> None:
        self._admin = clients.kafka.KafkaAdminClient(
            bootstrap_servers=bootstrap, client_id="storyteller", bootstrap_timeout_ms=_TIMEOUT_MS
        )
        self._topic = topic
        self._count = partitions
        self._partitions = [clients.kafka.TopicPartition(topic, number) for number in range(partitions)]

    def create_topic(self) -> None:
        """Create the topic, and wait until it can be used."""
        self._admin.create_topics({self._topic: {"num_partitions": self._count}}, wait_for_metadata=True)

    def ends(self) -> dict[int, int]:
        """Return the end offset of each partition."""
        found = self._admin.list_partition_offsets(dict.fromkeys(self._partitions, clients.kafka.OffsetSpec.LATEST))
        return {key.partition: offset.offset for key, offset in found.items()}

    def committed(self, group: str) -> dict[int, int]:
        """Return the committed offsets of a group by partition."""
        found = self._admin.list_group_offsets(group).get(group, {})
        return {key.partition: offset.offset for key, offset in found.items() if offset.offset >= 0}

    def look(self, group: str) -> Look:
        """Return the owners in a group, by client id, and its committed offsets."""
        asked_at = time.monotonic()
        committed = self.committed(group)
        described = self._admin.describe_groups([group])[group]
        answered_at = time.monotonic()
        owners: dict[str, frozenset[int]] = {}
        for member in described["members"]:
            owners[member["client_id"]] = self._owned(member["member_assignment"])
        stable = described["group_state"] == "Stable"
        return Look(asked_at=asked_at, answered_at=answered_at, stable=stable, owners=owners, committed=committed)

    def _owned(self, assignment: object) -> frozenset[int]:
        if not isinstance(assignment, Mapping):
            return frozenset()
        topics = cast("Mapping[str, list[dict[str, Any]]]", assignment)["assigned_partitions"]
        return frozenset(number for topic in topics if topic["topic"] == self._topic for number in topic["partitions"])

    def clean_up(self) -> None:
        """Delete the topic and close the admin client."""
        self._admin.delete_topics([self._topic])
        self._admin.close()
