"""The mirror as a whole: topics, records, groups, and the verification at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from confluent_kafka import KafkaException, Producer

from kafkalite.tools.mirror.clusters import TIMEOUT, Cluster, offsets_of
from kafkalite.tools.mirror.copying import Copier
from kafkalite.tools.mirror.errors import MirrorError
from kafkalite.tools.mirror.groups import Moved, Translator, groups_of, move
from kafkalite.tools.mirror.state_topic import create_state_topic, read_state, state_topic
from kafkalite.tools.mirror.stretches import Partition, Stretches
from kafkalite.tools.mirror.topics import prepare, topics_to_mirror
from kafkalite.tools.mirror.verification import Verified, verify


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to mirror, and how."""

    source: Cluster
    target: Cluster
    topics: tuple[str, ...] = ("*",)
    """Names or shell patterns."""
    groups: tuple[str, ...] = ("*",)
    replication_factor: int = -1
    """Of topics that are created; -1 for the target cluster's own default."""
    follow: bool = False
    """Go on with new records until stopped."""
    verifies: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a run has done."""

    records: int
    """Records that this run has copied."""
    groups: tuple[Moved, ...]
    verified: Verified | None

    @property
    def is_good(self) -> bool:
        """Whether there is no difference, and every group was moved."""
        return not (self.verified and self.verified.differences) and not any(each.problem for each in self.groups)


def mirror(plan: Plan, *, note: Callable[[str], None], is_over: Callable[[], bool]) -> Result:
    """Copy what is new since the last run. ``note`` is called with lines of progress.

    Ends when the source has no more, or when ``is_over``; what has been copied then is committed, and the next run goes
    on there. Raises MirrorError.
    """
    source, target = plan.source.admin(), plan.target.admin()
    topics = topics_to_mirror(source, plan.topics)
    if not topics:
        raise MirrorError("the source cluster has none of these topics")
    try:
        cluster_id = source.describe_cluster().result(timeout=TIMEOUT).cluster_id
    except KafkaException as error:
        raise MirrorError(f"the source cluster does not tell its id: {error.args[0].str()}") from None
    for line in prepare(source, target, topics, plan.replication_factor):
        note(line)
    state_name = state_topic(cluster_id)
    create_state_topic(target, state_name, plan.replication_factor)
    producer = _fenced(plan.target.producer(state_name))
    known = read_state(plan.target, state_name)
    state = {
        at: known.get(at, Stretches())
        for name, count in topics.items()
        for at in (Partition(name, number) for number in range(count))
    }
    _check_new_partitions(plan.target, state)
    with plan.source.consumer() as reading:
        copier = Copier(reading, producer, state_name, state, lambda count: note(f"{count:,} records"))
        copier.run(is_over, follow=plan.follow)
    with plan.source.consumer() as reading, plan.target.consumer() as asking:
        translator = Translator(state, reading, asking)
        moved = tuple(move(source, target, group, translator, topics) for group in groups_of(source, plan.groups))
    verified = verify(plan.source, plan.target, state) if plan.verifies else None
    return Result(
        records=copier.copied,
        groups=tuple(each for each in moved if each.partitions or each.kept or each.problem),
        verified=verified,
    )


def _fenced(producer: Producer) -> Producer:
    """End the transaction of a run that was killed, and keep one that still runs from writing."""
    try:
        producer.init_transactions(TIMEOUT)
    except KafkaException as error:
        raise MirrorError(f"the target cluster has no transactions: {error.args[0].str()}") from None
    return producer


def _check_new_partitions(target: Cluster, state: Mapping[Partition, Stretches]) -> None:
    with target.consumer() as asking:
        for partition, stretches in state.items():
            if stretches.position is not None:
                continue
            first, end = offsets_of(asking, partition)
            if first != end:
                raise MirrorError(f"{partition} of the target cluster holds records that this mirror has not copied")
