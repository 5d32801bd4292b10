"""The frame of the requests that describe groups of one kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from kafkalite.coordinators.groups.modern.group import ModernGroup
from kafkalite.requests.steps import Steps, WorkMeter
from kafkalite_wire.error_codes import ErrorCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from kafkalite.coordinators.groups.registry import Groups
    from kafkalite.coordinators.topics import ClusterTopics

GroupT = TypeVar("GroupT", bound=ModernGroup[Any, Any])
DescribedT = TypeVar("DescribedT")
DescribedT_co = TypeVar("DescribedT_co", covariant=True)


class Refuse(Protocol[DescribedT_co]):
    """The class of what describes a group, called for one that is not described."""

    def __call__(self, *, group_id: str, error_code: ErrorCode, error_message: str | None = ...) -> DescribedT_co:
        """Return what says why."""
        ...


def describe_each(
    group_ids: Sequence[str],
    groups: Groups,
    kind: str,
    group_class: type[GroupT],
    describe: Callable[[GroupT], DescribedT],
    refuse: Refuse[DescribedT],
) -> Steps[tuple[DescribedT, ...]]:
    """Describe groups of one kind, in steps."""
    described: list[DescribedT] = []
    work = WorkMeter()
    for group_id in sorted(group_ids, key=bool):  # as in Kafka, which refuses those without an id first
        if work.add():
            yield
        group = groups.get(group_id)
        if not group_id:
            described.append(refuse(group_id=group_id, error_code=ErrorCode.INVALID_GROUP_ID))
        elif groups.is_failed(group_id):
            described.append(refuse(group_id=group_id, error_code=ErrorCode.NOT_COORDINATOR))
        elif isinstance(group, group_class):
            described.append(describe(group))
            work.add(len(group.members))
        else:
            message = f"Group {group_id} not found." if group is None else f"Group {group_id} is not a {kind}."
            described.append(refuse(group_id=group_id, error_code=ErrorCode.GROUP_ID_NOT_FOUND, error_message=message))
    return tuple(described)


def named_partitions(
    partitions: Mapping[bytes, frozenset[int]], topics: ClusterTopics
) -> Iterator[tuple[bytes, str, tuple[int, ...]]]:
    """Yield the id, the name and the partitions in order of those topics that exist."""
    for topic_id, held in partitions.items():
        topic = topics.topics_by_id.get(topic_id)
        if topic is not None:
            yield topic_id, topic.name, tuple(sorted(held))
