"""Requests for new partitions, in new topics or in old ones: what CreateTopics and CreatePartitions share."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from kafkalite.errors import RefusedError
from kafkalite.requests.steps import Steps, WorkMeter
from kafkalite_storage.errors import StorageError
from kafkalite_storage.metadata.topics import MOST_NEW_PARTITIONS
from kafkalite_wire.error_codes import ErrorCode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kafkalite.cluster.endpoint import BrokerEndpoint


class Named(Protocol):
    """A topic in a request."""

    @property
    def name(self) -> str:
        """Its name."""
        ...


_WORK_OF_A_TOPIC: Final = 250
"""A step of its own, because it ends with a sync of the metadata log."""

Topic = TypeVar("Topic", bound=Named)
Result = TypeVar("Result")


def one_by_one(
    topics: Sequence[Topic],
    *,
    wanted: Callable[[Topic], int],
    make: Callable[[Topic], Steps[Result]],
    refused: Callable[[Topic, ErrorCode, str], Result],
    called: str,
) -> Steps[tuple[Result, ...]]:
    """Make the partitions of each topic, or refuse it where ``make`` raises RefusedError or StorageError.

    A topic that stands twice is refused, and so are all topics if the partitions that are ``wanted`` are too many
    together; ``called`` is the word for them in the message.
    """
    meter = WorkMeter()
    if sum(map(wanted, topics)) > MOST_NEW_PARTITIONS:
        # All or nothing, as in Kafka's controller, whose record of one request has to stay small.
        reason = f"Excessively large number of {called} per request."
        return tuple(refused(topic, ErrorCode.POLICY_VIOLATION, reason) for topic in topics)
    times = Counter(topic.name for topic in topics)
    results: list[Result] = []
    for topic in {topic.name: topic for topic in topics}.values():
        try:
            if times[topic.name] > 1:
                raise RefusedError(ErrorCode.INVALID_REQUEST, "Duplicate topic name.")
            if meter.add(_WORK_OF_A_TOPIC):
                yield
            results.append((yield from make(topic)))
        except (RefusedError, StorageError) as refusal:
            results.append(refused(topic, ErrorCode(refusal.code), str(refusal)))
    return tuple(results)


def check_replicas(broker: BrokerEndpoint, replicas: Sequence[int]) -> None:
    """Raise RefusedError unless the replicas of a manual assignment are brokers that exist, each once."""
    if not replicas:
        raise _invalid("includes an empty replica list")
    known = broker.cluster.leadership.all
    stranger = next((replica for replica in sorted(replicas) if replica not in known), None)
    if stranger is not None:
        raise _invalid(f"includes broker {stranger}, but no such broker is registered")
    twice = next((replica for replica, times in Counter(sorted(replicas)).items() if times > 1), None)
    if twice is not None:
        raise _invalid(f"includes the broker {twice} more than once")


def check_assignment(broker: BrokerEndpoint, assignment: Sequence[Sequence[int]], *, first: int, factor: int) -> None:
    """Raise RefusedError unless the replicas of new partitions, from ``first`` on, can be placed as they are given."""
    up = broker.cluster.leadership.up
    for index, replicas in enumerate(assignment, first):
        check_replicas(broker, replicas)
        if len(replicas) != factor:
            raise _invalid(
                f"includes a partition with {len(replicas)} replica(s), but this is not consistent with previous "
                f"partitions, which have {factor} replica(s)"
            )
        if up.isdisjoint(replicas):
            raise RefusedError(
                ErrorCode.INVALID_REPLICA_ASSIGNMENT,
                f"All brokers specified in the manual partition assignment for partition {index} are fenced or in "
                "controlled shutdown.",
            )


def _invalid(what: str) -> RefusedError:
    return RefusedError(ErrorCode.INVALID_REPLICA_ASSIGNMENT, f"The manual partition assignment {what}.")
