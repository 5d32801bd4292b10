"""Where the replicas of partitions are, which of them are in sync, and which one leads: Kafka's rules, as functions.

All brokers of this process use one copy of a partition, so a replica is in sync exactly while its broker is up. What
Kafka's controller decides from that is decided here.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kafkalite_wire.messages.metadata_records import PartitionChangeRecord

if TYPE_CHECKING:
    from kafkalite_storage.metadata.topics import Partition

NO_LEADER: Final = -1
_NO_CHANGE: Final = -2


@dataclass(frozen=True, slots=True, kw_only=True)
class Brokers:
    """The brokers of a cluster: all of them, and those that are up."""

    all: Collection[int]
    up: Collection[int]


def place(
    partitions: int, factor: int, brokers: Sequence[int], racks: Sequence[str | None], start: int, down: Sequence[int]
) -> list[tuple[int, ...]]:
    """Return the replicas of new partitions: leaders in turn from the ``start``-th broker on, racks mixed.

    ``racks`` are those of ``brokers``, which are up. The replicas of a partition are on different racks as long as
    there are any. Brokers that are ``down`` get replicas only where the others are too few.
    """
    ring = _mixed(brokers, racks)
    turns = min(factor, len(ring))
    rest = tuple(down[: factor - turns])
    return [
        tuple(ring[(start + number + turn) % len(ring)] for turn in range(turns)) + rest for number in range(partitions)
    ]


def _mixed(brokers: Sequence[int], racks: Sequence[str | None]) -> list[int]:
    """Return the brokers in an order that takes one of each rack in turn."""
    of_rack: dict[str | None, list[int]] = {}
    for broker, rack in zip(brokers, racks, strict=True):
        of_rack.setdefault(rack, []).append(broker)
    longest = max(map(len, of_rack.values()))
    return [rack[turn] for turn in range(longest) for rack in of_rack.values() if turn < len(rack)]


def settled(
    topic_id: bytes,
    index: int,
    partition: Partition,
    brokers: Brokers,
    *,
    min_in_sync: int,
    replicas: tuple[int, ...] | None = None,
    prefer_first: bool = False,
) -> PartitionChangeRecord | None:
    """Return the change that a partition needs for the brokers that are up, None if it needs none.

    The leader stays if it can; otherwise the first replica in sync leads, with ``prefer_first`` in any case if it is in
    sync. ``replicas`` are new replicas. A partition that has replicas on unknown brokers only, because its directory
    is from a larger cluster, is led by the first broker that is up.
    """
    wanted = partition.replicas if replicas is None else replicas
    live = [replica for replica in wanted if replica in brokers.up]
    if not any(replica in brokers.all for replica in wanted) and brokers.up:
        live = [min(brokers.up)]
    isr = tuple(each for each in partition.isr if each in live)
    if len(isr) < len(live):
        isr = tuple(sorted(live))  # Kafka's order, once a replica has come back
    first = wanted[:1] if prefer_first else ()
    leader = next((each for each in (*first, partition.leader, *wanted, *live) if each in live), NO_LEADER)
    elr: tuple[int, ...] = ()
    if len(isr) < min(min_in_sync, len(wanted)):
        candidates = dict.fromkeys((*partition.isr, *partition.elr))
        elr = tuple(each for each in candidates if each in wanted and each not in isr)
    gives_up = any(each not in wanted for each in partition.replicas)
    moves = leader != partition.leader or (gives_up and leader != NO_LEADER)
    last_known_elr: tuple[int, ...] = ()
    if leader == NO_LEADER:
        last_known_elr = partition.last_known_elr if partition.leader == NO_LEADER else (partition.leader,)
    if not moves and (wanted, isr, elr) == (partition.replicas, partition.isr, partition.elr):
        return None
    return PartitionChangeRecord(
        partition_id=index,
        topic_id=topic_id,
        leader=leader if moves else _NO_CHANGE,
        isr=None if isr == partition.isr else isr,
        replicas=None if wanted == partition.replicas else wanted,
        eligible_leader_replicas=None if elr == partition.elr else elr,
        last_known_elr=None if last_known_elr == partition.last_known_elr else last_known_elr,
    )
