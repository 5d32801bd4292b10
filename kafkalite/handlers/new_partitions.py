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
