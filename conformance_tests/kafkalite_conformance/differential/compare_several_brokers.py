"""Three brokers of Kafka, and three of kafkalite in one process, are asked and stopped alike, and answer alike.

Not in the suite, because three JVMs take a minute or two. Name the file to run it.
"""

import time
from collections.abc import Callable, Generator
from typing import Any, Final

import pytest

from kafkalite_conformance.clusters import Cluster, ask, running_cluster
from kafkalite_wire.messages import (
    alter_partition_reassignments as reassigning,
)
from kafkalite_wire.messages import create_partitions as growing
from kafkalite_wire.messages import create_topics as creating
from kafkalite_wire.messages import describe_topic_partitions as describing
from kafkalite_wire.messages import elect_leaders as electing
from kafkalite_wire.messages import fetch as fetching
from kafkalite_wire.messages import incremental_alter_configs as altering
from kafkalite_wire.messages import metadata as listing
from kafkalite_wire.messages import produce as producing
from kafkalite_wire.messages.delete_groups import DeleteGroupsRequest
from kafkalite_wire.messages.describe_cluster import DescribeClusterRequest
from kafkalite_wire.messages.find_coordinator import FindCoordinatorRequest
from kafkalite_wire.messages.heartbeat import HeartbeatRequest
from kafkalite_wire.messages.init_producer_id import InitProducerIdRequest
from kafkalite_wire.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from kafkalite_wire.messages.list_partition_reassignments import ListPartitionReassignmentsRequest
from kafkalite_wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from kafkalite_wire.records import Record, build_batch

_PROPERTIES: Final = {
    "offsets.topic.replication.factor": "3",
    "offsets.topic.num.partitions": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.num.partitions": "3",
    "transaction.state.log.min.isr": "2",
    "auto.leader.rebalance.enable": "false",
    "replica.selector.class": "org.apache.kafka.common.replica.RackAwareReplicaSelector",
    "replica.lag.time.max.ms": "2000",
}
_RACKS: Final = ("a", "b", "c")
_SETTLING: Final = 20.0


class Asked:
    """A cluster that is asked."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster: Final = cluster

    def ask(self, broker: int, request: object, version: int) -> Any:
        """Ask one broker."""
        return ask(self.cluster, broker, request, version)


# What is asked


def _created(cluster: Asked, name: str, **others: Any) -> object:
    fields: dict[str, Any] = {
        "num_partitions": -1,
        "replication_factor": -1,
        "assignments": (),
        "configs": (),
        **others,
    }
    topic = creating.CreatableTopic(name=name, **fields)
    request = creating.CreateTopicsRequest(topics=(topic,), timeout_ms=30_000)
    (result,) = cluster.ask(1, request, 7).topics
    return result.error_code, result.num_partitions, result.replication_factor


def _assignments(*replicas: tuple[int, ...], first: int = 0) -> tuple[creating.CreatableReplicaAssignment, ...]:
    return tuple(
        creating.CreatableReplicaAssignment(partition_index=index, broker_ids=each)
        for index, each in enumerate(replicas, first)
    )


def _described(cluster: Asked, broker: int = 1) -> object:
    names = tuple(describing.TopicRequest(name=name) for name in ("alone", "safe", "spread"))
    request = describing.DescribeTopicPartitionsRequest(topics=names, response_partition_limit=100, cursor=None)
    return [
        (
            topic.name,
            [
                (
                    each.error_code, each.leader_id, each.leader_epoch, each.replica_nodes, sorted(each.isr_nodes),
                    sorted(each.eligible_leader_replicas or ()), sorted(each.offline_replicas),
                )
                for each in topic.partitions
            ],
        )
        for topic in cluster.ask(broker, request, 0).topics
    ]  # fmt: skip


def _listed(cluster: Asked) -> object:
    topics = tuple(listing.MetadataRequestTopic(name=name) for name in ("alone", "spread"))
    answer = cluster.ask(1, listing.MetadataRequest(topics=topics, allow_auto_topic_creation=False), 12)
    return (
        sorted((each.node_id, each.rack) for each in answer.brokers),
        [
            [(p.error_code, p.leader_id, sorted(p.isr_nodes), sorted(p.offline_replicas)) for p in topic.partitions]
            for topic in sorted(answer.topics, key=lambda topic: str(topic.name))
        ],
    )


def _brokers(cluster: Asked) -> object:
    answer = cluster.ask(
        1, DescribeClusterRequest(include_cluster_authorized_operations=False, include_fenced_brokers=True), 2
    )
    return sorted((each.broker_id, each.rack, each.is_fenced) for each in answer.brokers)


def _produced(cluster: Asked, broker: int, topic: str, partition: int) -> object:
    batch = memoryview(bytearray(build_batch([Record(value=b"v", timestamp=1)])))
    data = producing.TopicProduceData(
        name=topic, partition_data=(producing.PartitionProduceData(index=partition, records=batch),)
    )
    request = producing.ProduceRequest(acks=-1, timeout_ms=5000, topic_data=(data,))
    answer = cluster.ask(broker, request, 12)
    (row,) = answer.responses[0].partition_responses
    return row.error_code, row.current_leader.leader_id, [each.node_id for each in answer.node_endpoints]


def _fetched(cluster: Asked, broker: int, topic: str, partition: int, rack: str = "") -> object:
    wanted = fetching.FetchPartition(partition=partition, fetch_offset=0, partition_max_bytes=1000)
    request = fetching.FetchRequest(
        max_wait_ms=0, min_bytes=1, rack_id=rack, topics=(fetching.FetchTopic(topic=topic, partitions=(wanted,)),)
    )
    (row,) = cluster.ask(broker, request, 12).responses[0].partitions
    return row.error_code, row.preferred_read_replica, len(row.records) > 0


def _elected(cluster: Asked, election: int, *partitions: int, topic: str = "spread") -> object:
    asked = (electing.TopicPartitions(topic=topic, partitions=partitions),)
    request = electing.ElectLeadersRequest(election_type=election, topic_partitions=asked, timeout_ms=30_000)
    answer = cluster.ask(1, request, 2)
    return [
        (each.partition_id, each.error_code)
        for topic_result in answer.replica_election_results
        for each in topic_result.partition_result
    ]


def _reassigned(cluster: Asked, replicas: tuple[int, ...] | None, *, topic: str = "alone") -> object:
    partition = reassigning.ReassignablePartition(partition_index=0, replicas=replicas)
    request = reassigning.AlterPartitionReassignmentsRequest(
        topics=(reassigning.ReassignableTopic(name=topic, partitions=(partition,)),), timeout_ms=30_000
    )
    (result,) = cluster.ask(1, request, 0).responses[0].partitions
    return result.error_code, result.error_message


def _reassignments(cluster: Asked) -> object:
    return cluster.ask(1, ListPartitionReassignmentsRequest(timeout_ms=30_000, topics=None), 0).topics


def _grown(cluster: Asked, count: int, *replicas: tuple[int, ...]) -> object:
    assignments = tuple(growing.CreatePartitionsAssignment(broker_ids=each) for each in replicas) or None
    topic = growing.CreatePartitionsTopic(name="spread", count=count, assignments=assignments)
    request = growing.CreatePartitionsRequest(topics=(topic,), timeout_ms=30_000, validate_only=False)
    (result,) = cluster.ask(1, request, 3).results
    return result.error_code


def _coordinated(cluster: Asked) -> object:
    """Each group has one coordinator, and the others refuse it."""
    keys = tuple(f"group-{number}" for number in range(12))
    found = cluster.ask(1, FindCoordinatorRequest(key_type=0, coordinator_keys=keys), 4).coordinators
    refusals = set[tuple[bool, int]]()
    for each in found:
        for broker in cluster.cluster.addresses:
            beat = HeartbeatRequest(group_id=each.key, generation_id=1, member_id="m")
            refusals.add((each.node_id == broker, int(cluster.ask(broker, beat, 4).error_code)))
    return {each.node_id for each in found}, sorted(refusals)


def _offsets_need_two(cluster: Asked) -> object:
    """Set min.insync.replicas of the groups' topic."""
    change = altering.AlterableConfig(name="min.insync.replicas", config_operation=0, value="2")
    resource = altering.AlterConfigsResource(resource_type=2, resource_name="__consumer_offsets", configs=(change,))
    request = altering.IncrementalAlterConfigsRequest(resources=(resource,), validate_only=False)
    return [each.error_code for each in cluster.ask(1, request, 1).responses]


def _coordinator(cluster: Asked, kind: int, key: str) -> int:
    request = FindCoordinatorRequest(key_type=kind, coordinator_keys=(key,))
    found: int = cluster.ask(1, request, 4).coordinators[0].node_id
    return max(found, 1)


def _committed(cluster: Asked, group: str, broker: int = 1) -> object:
    partition = OffsetCommitRequestPartition(partition_index=0, committed_offset=1, committed_metadata="")
    topics = (OffsetCommitRequestTopic(name="spread", partitions=(partition,)),)
    answer = cluster.ask(broker, OffsetCommitRequest(group_id=group, member_id="", topics=topics), 8)
    return answer.topics[0].partitions[0].error_code


def _joined(cluster: Asked, group: str, version: int) -> object:
    protocol = JoinGroupRequestProtocol(name="range", metadata=b"")
    request = JoinGroupRequest(
        group_id=group, session_timeout_ms=6000, rebalance_timeout_ms=6000, member_id="", protocol_type="consumer",
        protocols=(protocol,),
    )  # fmt: skip
    return cluster.ask(1, request, version).error_code


def _deleted(cluster: Asked, *groups: str) -> object:
    return [each.error_code for each in cluster.ask(1, DeleteGroupsRequest(groups_names=groups), 2).results]


def _initialized(cluster: Asked, transactional_id: str, broker: int = 1) -> object:
    request = InitProducerIdRequest(transactional_id=transactional_id, transaction_timeout_ms=60_000)
    return cluster.ask(broker, request, 4).error_code


def _until_same(question: Callable[[Asked], object], clusters: tuple[Asked, Asked]) -> None:
    """Ask both until they answer alike: what brokers do after a stop or a start takes them different times."""
    until = time.monotonic() + _SETTLING
    while True:
        kafka, kafkalite = (question(cluster) for cluster in clusters)
        if kafka == kafkalite:
            return
        if time.monotonic() > until:
            assert kafkalite == kafka, "the first is kafkalite's"
        time.sleep(0.5)


def _step(clusters: tuple[Asked, Asked], name: str, question: Callable[[Asked], object]) -> str | None:
    try:
        _until_same(question, clusters)
    except (AssertionError, OSError, TypeError) as difference:
        return f"{name}: {difference!r}"
    return None


@pytest.fixture(scope="module")
def clusters() -> Generator[tuple[Asked, Asked]]:
    """Start both."""
    with (
        running_cluster("kafka", _PROPERTIES, racks=_RACKS) as kafka,
        running_cluster("kafkalite", _PROPERTIES, racks=_RACKS) as kafkalite,
    ):
        yield Asked(kafka), Asked(kafkalite)


_STEPS: Final[list[tuple[str, Callable[[Asked], object]]]] = [
    ("create spread", lambda c: _created(c, "spread", assignments=_assignments((1, 2, 3), (2, 3, 1), (3, 1, 2)))),
    ("create alone", lambda c: _created(c, "alone", assignments=_assignments((2,)))),
    ("create safe", lambda c: _created(
        c, "safe", assignments=_assignments((1, 2, 3)),
        configs=(creating.CreatableTopicConfig(name="min.insync.replicas", value="2"),))),
    ("too many replicas", lambda c: _created(c, "x", num_partitions=1, replication_factor=4)),
    ("no replicas", lambda c: _created(c, "x", num_partitions=1, replication_factor=0)),
    ("unknown broker", lambda c: _created(c, "x", assignments=_assignments((1, 9)))),
    ("a broker twice", lambda c: _created(c, "x", assignments=_assignments((1, 1)))),
    ("an empty list", lambda c: _created(c, "x", assignments=_assignments(()))),
    ("a gap", lambda c: _created(c, "x", assignments=_assignments((1,), first=1))),
    ("inconsistent", lambda c: _created(c, "x", assignments=_assignments((1, 2), (1,)))),
    ("assignment and factor", lambda c: _created(c, "x", replication_factor=1, assignments=_assignments((1,)))),
    ("described", _described), ("listed", _listed), ("brokers", _brokers), ("coordinated", _coordinated),
    ("committed", lambda c: _committed(c, "g", _coordinator(c, 0, "g"))),
    ("initialized", lambda c: _initialized(c, "id", _coordinator(c, 1, "id"))),
    ("grown", lambda c: _grown(c, 4, (2, 1, 3))), ("grown too few", lambda c: _grown(c, 6, (2, 1, 3))),
    ("grown wrongly", lambda c: _grown(c, 5, (2, 1))), ("grown unknown", lambda c: _grown(c, 5, (2, 1, 7))),
    ("written to the leader", lambda c: _produced(c, 1, "spread", 0)),
    ("written to a follower", lambda c: _produced(c, 2, "spread", 0)),
    ("read from a follower", lambda c: _fetched(c, 2, "spread", 0)),
    ("read from no replica", lambda c: _fetched(c, 1, "alone", 0)),
    ("read for a rack", lambda c: _fetched(c, 1, "spread", 0, "c")),
    ("read for the leader's rack", lambda c: _fetched(c, 1, "spread", 0, "a")),
    ("read for an unknown rack", lambda c: _fetched(c, 1, "spread", 0, "z")),
    ("no election", lambda c: _elected(c, 0, 0, 7)), ("no unclean election", lambda c: _elected(c, 1, 0)),
    ("reassign unknown", lambda c: _reassigned(c, (9,))), ("reassign twice", lambda c: _reassigned(c, (1, 1))),
    ("reassign nothing", lambda c: _reassigned(c, ())),
    ("reassign no topic", lambda c: _reassigned(c, (1,), topic="x")),
    ("cancel", lambda c: _reassigned(c, None)), ("reassignments", _reassignments),
    ("stop 2", lambda c: c.cluster.stop(2)), ("described without 2", _described),
    ("listed without 2", _listed), ("brokers without 2", _brokers),
    ("create on 2", lambda c: _created(c, "x", assignments=_assignments((2,)))),
    ("create with 2", lambda c: _created(c, "late", num_partitions=1, replication_factor=3)),
    ("elect 2", lambda c: _elected(c, 0, 1)), ("elect the dead", lambda c: _elected(c, 1, 0, topic="alone")),
    ("written with two", lambda c: _produced(c, 1, "safe", 0)),
    ("stop 3", lambda c: c.cluster.stop(3)), ("described without 3", _described),
    ("written with one", lambda c: _produced(c, 1, "safe", 0)),
    ("alter the offsets' topic", _offsets_need_two),
    ("committed with one", lambda c: _committed(c, "g")), ("deleted with one", lambda c: _deleted(c, "g")),
    ("joined with one", lambda c: _joined(c, "f", 3)), ("joined without an id", lambda c: _joined(c, "h", 5)),
    ("initialized with one", lambda c: _initialized(c, "id")),
    ("start 3", lambda c: c.cluster.start(3)), ("described with 3", _described),
    ("start 2", lambda c: c.cluster.start(2)),
    ("initialized again", lambda c: _initialized(c, "id")), ("described with 2", _described),
    ("listed with 2", _listed),
    ("elect preferred", lambda c: _elected(c, 0, 0, 1, 2)), ("described elected", _described),
    ("coordinated again", _coordinated),
    ("reassign", lambda c: _reassigned(c, (3, 1))), ("described reassigned", _described),
]  # fmt: skip
_ONCE: Final = ("alter", "create", "stop", "start", "elect", "reassign", "grown")
"""Steps that change something, which are not repeated."""


def test_three_brokers_are_as_three_of_kafka(clusters: tuple[Asked, Asked]) -> None:
    """Every answer of every step is the same, once both have settled."""
    differences: list[str] = []
    for name, question in _STEPS:
        if name.split()[0] in _ONCE:
            kafka, kafkalite = (question(cluster) for cluster in clusters)
            if kafka != kafkalite:
                differences.append(f"{name}: kafkalite {kafkalite}, Kafka {kafka}")
        elif (difference := _step(clusters, name, question)) is not None:
            differences.append(difference)
    assert not differences, "\n".join(differences)
