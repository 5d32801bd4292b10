"""The state machine of a classic group, as two tables.

Theory of operation
===================

A classic group has no assignor on the broker: the members agree on a protocol that all of them support, one member (the
leader) assigns the partitions, and the coordinator keeps everybody in step. It does so in *generations*. A generation
begins when the coordinator answers the JoinGroup requests of all members at once, and ends when the group needs another
one: a member joins, leaves, times out, changes what it subscribes to, or the leader joins again because it saw new
partitions.

Two things decide what happens:

1. *What leads where*. A :class:`Trigger` is one of the few events that change a group's state. ``TRANSITIONS`` lists
   the states in which each may happen and where it leads. ``Group.transition`` is the only place that changes the
   state; it refuses what is not in the table.
2. *What each state answers*. Whether a request is refused, answered or has to wait depends on the state alone, once the
   coordinator knows who sends it: a member, an unknown one, or one of an old generation. ``ANSWERS`` has a row for each
   request and sender. The code does not read this table; ``tests/groups/test_group_states.py`` plays every cell of it.

A group that a request names and that does not exist answers like one in state Dead. Between PreparingRebalance and
CompletingRebalance members wait for each other in JoinGroup; between CompletingRebalance and Stable followers wait for
the leader in SyncGroup. Both waits have an end: the rebalance time-out, after which members that did not come back are
removed, dynamic ones at once, static ones when their session ends (KIP-345).

``docs/groups.md`` shows both tables; it is drawn from this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

from kafkalite_wire.error_codes import ErrorCode


class GroupState(Enum):
    """The state of a classic group, named as Kafka prints it."""

    EMPTY = "Empty"
    PREPARING_REBALANCE = "PreparingRebalance"
    COMPLETING_REBALANCE = "CompletingRebalance"
    STABLE = "Stable"
    DEAD = "Dead"


class Trigger(Enum):
    """What changes a group's state."""

    REBALANCE = "a member joins, leaves, times out or changes what it supports; the leader rejoins"
    ALL_JOINED = "all members have joined, or the time to join is over"
    NONE_LEFT = "the time to join is over, and there is no member"
    ASSIGNED = "the leader has sent the assignments"
    LOADED = "the log holds a generation with members"
    DELETED = "deleted, its last offset has expired, or it becomes a group of another kind"


_EMPTY, _PREPARING, _COMPLETING, _STABLE, _DEAD = GroupState

TRANSITIONS: Final[Mapping[tuple[GroupState, Trigger], GroupState]] = MappingProxyType(
    {
        (_EMPTY, Trigger.REBALANCE): _PREPARING,
        (_EMPTY, Trigger.LOADED): _STABLE,
        (_PREPARING, Trigger.ALL_JOINED): _COMPLETING,
        (_PREPARING, Trigger.NONE_LEFT): _EMPTY,
        (_COMPLETING, Trigger.REBALANCE): _PREPARING,
        (_COMPLETING, Trigger.ASSIGNED): _STABLE,
        (_STABLE, Trigger.REBALANCE): _PREPARING,
        **{(state, Trigger.DELETED): _DEAD for state in GroupState},
    }
)
"""What leads where."""

WAITS: Final = "waits"
"""The answer comes when the rebalance has gone on."""

_OK, _UNKNOWN, _ILLEGAL = ErrorCode.NONE, ErrorCode.UNKNOWN_MEMBER_ID, ErrorCode.ILLEGAL_GENERATION
_REBALANCE, _NOT_FOUND = ErrorCode.REBALANCE_IN_PROGRESS, ErrorCode.GROUP_ID_NOT_FOUND
_NON_EMPTY, _ID_REQUIRED = ErrorCode.NON_EMPTY_GROUP, ErrorCode.MEMBER_ID_REQUIRED
_INCONSISTENT = ErrorCode.INCONSISTENT_GROUP_PROTOCOL

Answer = ErrorCode | str

ANSWERS: Final[Mapping[str, tuple[Answer, Answer, Answer, Answer, Answer]]] = MappingProxyType(
    {
        # In states:                                     Empty, Preparing, Completing, Stable, Dead
        "Heartbeat of a member": (_UNKNOWN, _REBALANCE, _OK, _OK, _UNKNOWN),
        "Heartbeat of an old generation": (_UNKNOWN, _ILLEGAL, _ILLEGAL, _ILLEGAL, _UNKNOWN),
        "Heartbeat of a stranger": (_UNKNOWN, _UNKNOWN, _UNKNOWN, _UNKNOWN, _UNKNOWN),
        "JoinGroup without a member id, version 4 and later": (
            _ID_REQUIRED,
            _ID_REQUIRED,
            _ID_REQUIRED,
            _ID_REQUIRED,
            _ID_REQUIRED,
        ),
        "JoinGroup without a member id, before version 4": (WAITS, WAITS, WAITS, WAITS, WAITS),
        "JoinGroup of a stranger": (_UNKNOWN, _UNKNOWN, _UNKNOWN, _UNKNOWN, _UNKNOWN),
        "JoinGroup of the leader, unchanged": (_UNKNOWN, _OK, _OK, WAITS, _UNKNOWN),
        "JoinGroup of a follower, unchanged": (_UNKNOWN, WAITS, _OK, _OK, _UNKNOWN),
        "JoinGroup of a follower, changed": (_UNKNOWN, WAITS, WAITS, WAITS, _UNKNOWN),
        "SyncGroup of the leader": (_UNKNOWN, _REBALANCE, _OK, _OK, _UNKNOWN),
        "SyncGroup of a follower": (_UNKNOWN, _REBALANCE, WAITS, _OK, _UNKNOWN),
        "SyncGroup of an old generation": (_UNKNOWN, _ILLEGAL, _ILLEGAL, _ILLEGAL, _UNKNOWN),
        "SyncGroup without a protocol, version 5 and later": (
            _INCONSISTENT,
            _INCONSISTENT,
            _INCONSISTENT,
            _INCONSISTENT,
            _INCONSISTENT,
        ),
        "OffsetCommit of a member": (_UNKNOWN, _OK, _REBALANCE, _OK, _ILLEGAL),
        "OffsetCommit of an old generation": (_UNKNOWN, _ILLEGAL, _ILLEGAL, _ILLEGAL, _NOT_FOUND),
        "OffsetCommit without a generation": (_OK, _UNKNOWN, _UNKNOWN, _UNKNOWN, _OK),
        "OffsetFetch": (_OK, _OK, _OK, _OK, _OK),
        "LeaveGroup of a member": (_UNKNOWN, _OK, _OK, _OK, _UNKNOWN),
        "LeaveGroup of a stranger": (_UNKNOWN, _UNKNOWN, _UNKNOWN, _UNKNOWN, _UNKNOWN),
        "DeleteGroups": (_OK, _NON_EMPTY, _NON_EMPTY, _NON_EMPTY, _NOT_FOUND),
        "DescribeGroups, version 6": (_OK, _OK, _OK, _OK, _NOT_FOUND),
    }
)
"""What each state answers to each request, in the order of :class:`GroupState`.

The leader's unchanged JoinGroup in PreparingRebalance completes a rebalance that waited for the leader only; the test
plays it so. ILLEGAL_GENERATION for the commit of a member of a dead group is GROUP_ID_NOT_FOUND from version 9 on.
"""
