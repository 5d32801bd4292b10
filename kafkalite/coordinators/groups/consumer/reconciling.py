"""Reconciliation: one step of a member towards its target assignment (KIP-848).

A member first gives back what it is not to have any more: it keeps its epoch until it no longer reports these
partitions. Then it gets, at the epoch of the target, what no other member has. So a partition has one owner at every
moment.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

from kafkalite.coordinators.groups.consumer.assignors import Partitions
from kafkalite.coordinators.groups.consumer.member import (
    ConsumerMember,
    MemberState,
    PartitionEpochs,
    TopicPartitions,
)


def reconcile(
    member: ConsumerMember,
    target_epoch: int,
    target: Partitions,
    subscribed: Collection[bytes],
    is_owned: Callable[[bytes, int], bool],
    owned: Iterable[TopicPartitions] | None,
    *,
    has_subscription_changed: bool,
) -> ConsumerMember:
    """Return the member after the next step, or the member itself if it cannot go on.

    ``subscribed`` are the ids of the topics that it subscribes to, ``is_owned`` says whether any member has a
    partition, and ``owned`` is what the member reports to have; None if it reports nothing.
    """
    match member.state:
        case MemberState.STABLE if member.member_epoch == target_epoch:
            return _drop_unsubscribed(member, subscribed, owned) if has_subscription_changed else member
        case MemberState.UNREVOKED_PARTITIONS if _still_owns(member.pending_revocation, owned):
            return _drop_unsubscribed(member, subscribed, owned) if has_subscription_changed else member
        case _:
            return _next(member, target_epoch, target, subscribed, is_owned, owned)


def _next(
    member: ConsumerMember,
    target_epoch: int,
    target: Partitions,
    subscribed: Collection[bytes],
    is_owned: Callable[[bytes, int], bool],
    owned: Iterable[TopicPartitions] | None,
) -> ConsumerMember:
    assigned: dict[bytes, dict[int, int]] = {}
    revoked: dict[bytes, dict[int, int]] = {}
    granted: dict[bytes, dict[int, int]] = {}
    has_unreleased = False
    for topic_id in {**target, **member.assigned}:
        wanted: Collection[int] = target.get(topic_id, ()) if topic_id in subscribed else ()
        has = member.assigned.get(topic_id, {})
        own_revoked = member.pending_revocation.get(topic_id, {})
        kept = {partition: epoch for partition, epoch in has.items() if partition in wanted}
        lost = {partition: epoch for partition, epoch in has.items() if partition not in wanted}
        missing = [partition for partition in wanted if partition not in has]
        # What this member itself is still to give back has no other owner.
        free = [p for p in missing if p in own_revoked or not is_owned(topic_id, p)]
        has_unreleased |= len(free) < len(missing)
        if kept:
            assigned[topic_id] = kept
        if lost:
            revoked[topic_id] = lost
        if free:
            granted[topic_id] = dict.fromkeys(free, target_epoch)
    if revoked and _still_owns(revoked, owned):
        return _at(member, member.member_epoch, MemberState.UNREVOKED_PARTITIONS, assigned, revoked)
    for topic_id, epochs in granted.items():
        assigned[topic_id] = assigned.get(topic_id, {}) | epochs
    state = MemberState.UNRELEASED_PARTITIONS if has_unreleased else MemberState.STABLE
    return _at(member, target_epoch, state, assigned, {})


def _drop_unsubscribed(
    member: ConsumerMember, subscribed: Collection[bytes], owned: Iterable[TopicPartitions] | None
) -> ConsumerMember:
    dropped = {topic_id: epochs for topic_id, epochs in member.assigned.items() if topic_id not in subscribed}
    if not dropped:
        return member
    assigned = {topic_id: epochs for topic_id, epochs in member.assigned.items() if topic_id in subscribed}
    pending = dict(member.pending_revocation)
    for topic_id, epochs in dropped.items():
        pending[topic_id] = {**pending.get(topic_id, {}), **epochs}
    if _still_owns(pending, owned):
        return _at(member, member.member_epoch, MemberState.UNREVOKED_PARTITIONS, assigned, pending)
    return _at(member, member.member_epoch, member.state, assigned, member.pending_revocation)


def _at(
    member: ConsumerMember, epoch: int, state: MemberState, assigned: PartitionEpochs, pending: PartitionEpochs
) -> ConsumerMember:
    return replace(
        member,
        member_epoch=epoch,
        previous_member_epoch=member.member_epoch,
        state=state,
        assigned=assigned,
        pending_revocation=pending,
    )


def _still_owns(revoked: PartitionEpochs, owned: Iterable[TopicPartitions] | None) -> bool:
    if owned is None:
        return True
    return any(partition in revoked.get(topic.topic_id, {}) for topic in owned for partition in topic.partitions)
