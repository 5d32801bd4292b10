"""What the broker says about groups and offsets, asked for with an admin client."""

import time
from collections.abc import Mapping
from typing import Final, cast

from kafkalite.tools.demo import clients
from kafkalite.tools.demo.evidence import Look

_TIMEOUT_MS: Final = 10_000


class Watcher:
    """Asks a broker about one topic. Every method blocks: call it in a thread, one at a time."""

    def __init__(self, bootstrap: str, topic: str, partitions: int) -> None:
        self._admin = clients.admin(
            bootstrap_servers=bootstrap, client_id="storyteller", bootstrap_timeout_ms=_TIMEOUT_MS
        )
        self._topic = topic
        self._count = partitions
        self._partitions = [clients.topic_partition(topic, number) for number in range(partitions)]

    def create_topic(self) -> None:
        """Create the topic, and wait until it can be used."""
        self._admin.create_topics({self._topic: {"num_partitions": self._count}}, wait_for_metadata=True)

    def ends(self) -> dict[int, int]:
        """Tell the end offset of each partition."""
        found = self._admin.list_partition_offsets(dict.fromkeys(self._partitions, clients.latest()))
        return {key.partition: offset.offset for key, offset in found.items()}

    def committed(self, group: str) -> dict[int, int]:
        """Tell the offset that a group has committed for each partition where it has."""
        found = self._admin.list_group_offsets(group).get(group, {})
        return {key.partition: offset.offset for key, offset in found.items() if offset.offset >= 0}

    def look(self, group: str) -> Look:
        """Tell who owns which partition of a group, by client id, and what it has committed."""
        asked_at = time.monotonic()
        committed = self.committed(group)
        described = self._admin.describe_groups([group])[group]
        answered_at = time.monotonic()
        owners: dict[str, frozenset[int]] = {}
        for member in cast("list[Mapping[str, object]]", described["members"]):
            owners[str(member["client_id"])] = self._owned(member["member_assignment"])
        stable = described["group_state"] == "Stable"
        return Look(asked_at=asked_at, answered_at=answered_at, stable=stable, owners=owners, committed=committed)

    def _owned(self, assignment: object) -> frozenset[int]:
        if not isinstance(assignment, Mapping):
            return frozenset()
        topics = cast("list[Mapping[str, object]]", cast("Mapping[str, object]", assignment)["assigned_partitions"])
        return frozenset(
            number
            for topic in topics
            if topic["topic"] == self._topic
            for number in cast("list[int]", topic["partitions"])
        )

    def clean_up(self) -> None:
        """Delete the topic, and end the admin client."""
        self._admin.delete_topics([self._topic])
        self._admin.close()
