"""Acknowledgements of share groups, which come with ShareAcknowledge and with ShareFetch (KIP-932)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from kafkalite.coordinators.share.state import ShareKey
from kafkalite.errors import RefusedError
from kafkalite.partitions import check_leader
from kafkalite.security.access_control import Operation, ResourceType
from kafkalite.sharing.share_partition import Acknowledgement, AcknowledgeRefusedError, AcknowledgeType
from kafkalite_storage.errors import StorageError
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.records import CorruptBatch

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.coordinators.recording import Recording
    from kafkalite.requests.context import ConnectionInfo, RequestContext
    from kafkalite.sharing.share_partitions import LedPartition
    from kafkalite.sharing.share_sessions import Member, PartitionKey
    from kafkalite_storage.metadata.topics import Topic

_MOST: Final = max(AcknowledgeType)


class Batch(Protocol):
    """A range of offsets with its types, as both requests hold it."""

    @property
    def first_offset(self) -> int:
        """The first offset."""
        ...

    @property
    def last_offset(self) -> int:
        """The last offset."""
        ...

    @property
    def acknowledge_types(self) -> tuple[int, ...]:
        """One type for all, or one for each."""
        ...


class Acknowledged:
    """The outcome of acknowledgements, partition by partition: known at once, or when it is on disk."""

    def __init__(self) -> None:
        self.errors: dict[PartitionKey, tuple[ErrorCode, str | None]] = {}
        """The result for each partition that had acknowledgements."""
        self._unsettled = 0
        self._when_settled: Callable[[], None] | None = None

    def refuse(self, key: PartitionKey, error: ErrorCode, reason: str | None = None) -> None:
        """Note why the acknowledgements of a partition do not count."""
        self.errors[key] = (error, reason)

    def accept(self, key: PartitionKey, recording: Recording | None) -> None:
        """Note that they count, once they are recorded."""
        self.errors[key] = (ErrorCode.NONE, None)
        if recording is None or recording.is_settled:
            return
        self._unsettled += 1

        def settle() -> None:
            if recording.error:
                self.refuse(key, recording.error)
            self._unsettled -= 1
            if not self._unsettled and self._when_settled is not None:
                self._when_settled()

        recording.when_settled(settle)

    def when_settled(self, call: Callable[[], None]) -> None:
        """Call a function once, now or when everything is recorded."""
        if self._unsettled:
            self._when_settled = call
        else:
            call()


def led_partition(broker: BrokerEndpoint, context: RequestContext, group_id: str, key: PartitionKey) -> LedPartition:
    """Return a partition that the broker leads, and the client may read. Raises RefusedError and StorageError."""
    topic, index = _led_topic(broker, context, group_id, key), key[1]
    return broker.cluster.share_partitions.get(group_id, topic, index)


def _partition_in_use(
    broker: BrokerEndpoint, context: RequestContext, group_id: str, key: PartitionKey
) -> LedPartition:
    """Return a partition as :func:`led_partition` does, if something was fetched from it. Raises RefusedError."""
    _led_topic(broker, context, group_id, key)
    led = broker.cluster.share_partitions.find(group_id, *key)
    if led is None:
        raise RefusedError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "nothing was fetched from the partition")
    return led


def _led_topic(broker: BrokerEndpoint, context: RequestContext, group_id: str, key: PartitionKey) -> Topic:
    if not group_id:
        raise RefusedError(ErrorCode.UNKNOWN_SERVER_ERROR, "a share group without an id")
    topic_id, index = key
    topic: Topic | None = broker.cluster.storage.topics_by_id.get(topic_id)
    if topic is None:
        raise RefusedError(ErrorCode.UNKNOWN_TOPIC_ID, "an unknown topic id")
    if context.access is not None and not context.access.allows(Operation.READ, ResourceType.TOPIC, topic.name):
        raise RefusedError(ErrorCode.TOPIC_AUTHORIZATION_FAILED, "the client may not read the topic")
    if not 0 <= index < topic.partitions:
        raise RefusedError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "an unknown partition")
    check_leader(topic, index, broker_id=broker.id)
    return topic


def acknowledge(
    broker: BrokerEndpoint,
    context: RequestContext,
    member: Member,
    key: PartitionKey,
    batches: Iterable[Batch],
    outcome: Acknowledged,
    *,
    may_renew: bool,
) -> None:
    """Take over what a member says of the records of one partition."""
    try:
        acknowledgements = _checked(batches, may_renew=may_renew)
        led = _partition_in_use(broker, context, member.group_id, key)
        recording = broker.cluster.share_partitions.acknowledge(led, member.member_id, acknowledgements)
    except AcknowledgeRefusedError as refused:
        outcome.refuse(key, refused.error, str(refused))
    except RefusedError as refused:
        outcome.refuse(key, refused.code, str(refused))
    except (StorageError, CorruptBatch) as error:
        outcome.refuse(key, error.code, str(error))
    else:
        outcome.accept(key, recording)


def _checked(batches: Iterable[Batch], *, may_renew: bool) -> Sequence[Acknowledgement]:
    checked: list[Acknowledgement] = []
    for batch in batches:
        first, last, types = batch.first_offset, batch.last_offset, batch.acknowledge_types
        if first > last or (checked and first <= checked[-1].last):
            raise _invalid(f"offsets {first} to {last} are no range, or not behind the range before")
        if len(types) not in (1, last - first + 1):
            raise _invalid(f"{len(types)} acknowledge types for {last - first + 1} offsets")
        if any(not 0 <= each <= _MOST for each in types) or (AcknowledgeType.RENEW in types and not may_renew):
            raise _invalid("an acknowledge type that is not allowed")
        checked.append(Acknowledgement(first, last, types))
    return checked


def _invalid(reason: str) -> RefusedError:
    return RefusedError(ErrorCode.INVALID_REQUEST, reason)


def end_sessions(broker: BrokerEndpoint, connection: ConnectionInfo) -> None:
    """Close the sessions that came by a connection, which has ended."""
    for member in broker.share_sessions.members_of(connection):
        end_session(broker, member)


def end_session(broker: BrokerEndpoint, member: Member) -> None:
    """Close a member's session, and make available what it has acquired."""
    session = broker.share_sessions.close(member)
    if session is not None:
        keys = [ShareKey(member.group_id, *key) for key in session.partitions]
        broker.cluster.share_partitions.release(member.member_id, keys)
