"""Rebuild groups and offsets from the records of ``__consumer_offsets``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kafkalite.coordinators.groups.classic.group import Member
from kafkalite.coordinators.groups.classic.states import Trigger
from kafkalite.coordinators.groups.records import NO_TIMESTAMP, committed_offset, group_of, live
from kafkalite_wire.messages.coordinator_records import (
    GroupMetadataKey,
    GroupMetadataValue,
    LegacyOffsetCommitKey,
    LegacyOffsetCommitValue,
    OffsetCommitKey,
    OffsetCommitValue,
)
from kafkalite_wire.messages.join_group import JoinGroupRequestProtocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from kafkalite.coordinators.groups.classic.rebalance import Rebalances
    from kafkalite.coordinators.groups.classic.registry import ClassicGroups
    from kafkalite.coordinators.groups.modern.membership import ModernMembership
    from kafkalite.coordinators.groups.offset_table import OffsetTable, PendingOffsets
    from kafkalite.coordinators.groups.records import LiveRecord, Skip
    from kafkalite.coordinators.groups.registry import GroupConfig
    from kafkalite.coordinators.replay import ReplayedRecord
    from kafkalite.coordinators.results import ResultBuilder
    from kafkalite.requests.steps import Steps, WorkMeter


def load(
    records: Iterable[ReplayedRecord],
    skip: Skip,
    meter: WorkMeter,
    config: GroupConfig,
    groups: ClassicGroups,
    table: OffsetTable,
    pending: PendingOffsets,
    rebalances: Rebalances,
    kinds: Sequence[ModernMembership[Any, Any, Any]],
    result: ResultBuilder,
    *,
    belongs: Callable[[str], bool] = lambda _: True,
    left_out: Callable[[LiveRecord], None] = lambda _: None,
) -> Steps[None]:
    """Take over, in steps, what the records say of the groups that belong here; their members' sessions restart.

    The records of other groups are passed to ``left_out``.
    """
    loaded: dict[str, None] = {}
    found = yield from live(records, skip, meter)
    for producer_id, offset_key, committed in found.pending:
        if meter.add():
            yield
        if belongs(offset_key.group):
            pending.put(producer_id, (offset_key.group, offset_key.topic, offset_key.partition), committed)
            if not groups.exists(offset_key.group):
                groups.create(offset_key.group, result)
    loaders = [(kind, kind.loader()) for kind in kinds]
    for each in found.last:
        if meter.add():
            yield
        key, value = each.key, each.value
        group_id = group_of(key)
        if not belongs(group_id):
            left_out(each)
            continue
        loaded[group_id] = None
        if isinstance(key, GroupMetadataKey):
            groups.discard(group_id, result)
            if isinstance(value, GroupMetadataValue):
                _load_group(group_id, value, groups, rebalances, result)
        elif isinstance(key, OffsetCommitKey | LegacyOffsetCommitKey):
            if isinstance(value, OffsetCommitValue | LegacyOffsetCommitValue):
                table.put(group_id, key.topic, key.partition, committed_offset(value))
            else:
                table.remove(group_id, key.topic, key.partition)
        else:
            for kind, loader in loaders:
                if isinstance(key, kind.record_key):
                    loader.add(key, value)
    for kind, loader in loaders:
        for modern in loader.groups():
            if meter.add():
                yield
            groups.put(modern, result)
            kind.restart_timers(modern, result.now)
    for group_id in loaded:
        if meter.add():
            yield
        if table.of(group_id) and not groups.exists(group_id):
            groups.create(group_id, result)
        group = groups.get(group_id)
        if group is None:
            continue
        for member in group.members.values():
            rebalances.keep_alive(member, result)
        if len(group.members) > config.group_max_size:
            # The members of a group that has become too large get the chance to commit before some must go.
            rebalances.prepare(group, result)


def _load_group(
    group_id: str, value: GroupMetadataValue, groups: ClassicGroups, rebalances: Rebalances, result: ResultBuilder
) -> None:
    group = groups.create(group_id, result)
    group.generation = value.generation
    group.protocol_type = value.protocol_type or None
    group.protocol_name = value.protocol
    group.leader = value.leader
    for stored in value.members:
        rebalance_timeout = stored.rebalance_timeout
        member = Member(
            member_id=stored.member_id,
            group_instance_id=stored.group_instance_id,
            client_id=stored.client_id,
            client_host=stored.client_host,
            session_timeout=stored.session_timeout / 1000,
            rebalance_timeout=(stored.session_timeout if rebalance_timeout == -1 else rebalance_timeout) / 1000,
            protocols=(JoinGroupRequestProtocol(name=value.protocol or "", metadata=stored.subscription),),
            session=rebalances.session(group, stored.member_id),
            assignment=stored.assignment,
        )
        group.add(member, value.protocol_type)
    timestamp = None if value.current_state_timestamp == NO_TIMESTAMP else value.current_state_timestamp
    group.state_timestamp = timestamp
    if group.members:
        group.transition(Trigger.LOADED, timestamp)
    group.subscribed_topics = group.read_subscriptions()
