"""Members of streams groups take the same steps towards their targets as with Apache Kafka."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafkalite.coordinators.groups.modern.membership import MemberRefusedError
from kafkalite.coordinators.groups.streams.member import (
    AssignedTasks,
    MemberState,
    Partitions,
    StreamsMember,
    TargetTasks,
)
from kafkalite.coordinators.groups.streams.owned import OwnedTasks
from kafkalite.coordinators.groups.streams.reconciling import reconcile
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.streams_group_heartbeat import TaskIds

STEPS = Path(__file__).parent / "golden" / "streams_reconciliations.jsonl.gz"


@dataclass(frozen=True)
class Processes:
    active: Mapping[str, Mapping[str, str]]
    standby: Mapping[str, Mapping[str, list[str]]]
    warmup: Mapping[str, Mapping[str, list[str]]]

    def active_process(self, subtopology_id: str, partition: int) -> str | None:
        return self.active.get(subtopology_id, {}).get(str(partition))

    def has_standby(self, process_id: str, subtopology_id: str, partition: int) -> bool:
        return process_id in self.standby.get(subtopology_id, {}).get(str(partition), [])

    def has_warmup(self, process_id: str, subtopology_id: str, partition: int) -> bool:
        return process_id in self.warmup.get(subtopology_id, {}).get(str(partition), [])


def partitions(tasks: Mapping[str, list[int]]) -> Partitions:
    return {subtopology: frozenset(each) for subtopology, each in tasks.items()}


def assigned(roles: Any) -> AssignedTasks:
    active, standby, warmup = roles
    return AssignedTasks(
        active={
            name: {int(partition): epoch for partition, epoch in epochs.items()} for name, epochs in active.items()
        },
        standby=partitions(standby),
        warmup=partitions(warmup),
    )


def listed(tasks: Mapping[str, list[int]]) -> tuple[TaskIds, ...]:
    return tuple(TaskIds(subtopology_id=name, partitions=tuple(each)) for name, each in tasks.items())


def step(line: Any) -> object:
    (state, epoch, has, pending), target_epoch, target, processes, reported, _ = line
    member = StreamsMember(
        member_id="m",
        process_id="p",
        state=MemberState(state),
        member_epoch=epoch,
        previous_member_epoch=6,
        assigned=assigned(has),
        pending_revocation=assigned(pending),
    )
    active, standby, warmup = map(partitions, target)
    owned = None
    if reported is not None:
        owned = OwnedTasks(active=listed(reported[0]), standby=listed(reported[1]), warmup=listed(reported[2]))
    wanted = TargetTasks(active=active, standby=standby, warmup=warmup)
    try:
        return reconcile(member, target_epoch, wanted, Processes(*processes), owned)
    except MemberRefusedError as refused:
        return refused.error


def test_members_take_the_steps_of_kafka() -> None:
    seen = Counter[object]()
    for text in gzip.decompress(STEPS.read_bytes()).splitlines():
        line = json.loads(text)
        after = step(line)
        seen[(line[0][0], None if line[-1] is None else line[-1][0])] += 1
        if line[-1] is None:
            assert after == ErrorCode.FENCED_MEMBER_EPOCH, text
            continue
        state, epoch, previous, has, pending = line[-1]
        assert isinstance(after, StreamsMember), text
        told = after.state, after.member_epoch, after.previous_member_epoch, after.assigned, after.pending_revocation
        assert told == (state, epoch, previous, assigned(has), assigned(pending)), text
    assert min(seen[before, now] for before in (1, 2, 3) for now in (1, 2, 3)) > 0
    assert seen[127, None] > 0
