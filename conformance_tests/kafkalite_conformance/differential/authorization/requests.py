"""What each user asks for: every API, with resources that its entries allow and with others, in one request.

Of each kind of resource there is one whose name begins with `user.open`, and one with `user.closed`, and names of which
there is none. Nothing depends on the answer to an earlier request, because Kafka applies changes a moment later.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from kafkalite_conformance.differential.authorization.users import Kind, Operation, User
from kafkalite_conformance.differential.batches import batch
from kafkalite_conformance.differential.conversations.share_states import delete, initialize, read, summarize, write
from kafkalite_conformance.differential.member import join_request
from kafkalite_wire.messages.add_offsets_to_txn import AddOffsetsToTxnRequest
from kafkalite_wire.messages.add_partitions_to_txn import (
    AddPartitionsToTxnRequest,
    AddPartitionsToTxnTopic,
    AddPartitionsToTxnTransaction,
)
from kafkalite_wire.messages.alter_client_quotas import AlterClientQuotasRequest, EntityData, EntryData, OpData
from kafkalite_wire.messages.alter_configs import AlterableConfig, AlterConfigsRequest, AlterConfigsResource
from kafkalite_wire.messages.alter_partition_reassignments import (
    AlterPartitionReassignmentsRequest,
    ReassignablePartition,
    ReassignableTopic,
)
from kafkalite_wire.messages.alter_replica_log_dirs import (
    AlterReplicaLogDir,
    AlterReplicaLogDirsRequest,
    AlterReplicaLogDirTopic,
)
from kafkalite_wire.messages.alter_user_scram_credentials import (
    AlterUserScramCredentialsRequest,
    ScramCredentialDeletion,
)
from kafkalite_wire.messages.create_acls import AclCreation, CreateAclsRequest
from kafkalite_wire.messages.create_partitions import CreatePartitionsRequest, CreatePartitionsTopic
from kafkalite_wire.messages.create_topics import CreatableTopic, CreatableTopicConfig, CreateTopicsRequest
from kafkalite_wire.messages.delete_acls import DeleteAclsFilter, DeleteAclsRequest
from kafkalite_wire.messages.delete_groups import DeleteGroupsRequest
from kafkalite_wire.messages.delete_records import DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic
from kafkalite_wire.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from kafkalite_wire.messages.describe_acls import DescribeAclsRequest
from kafkalite_wire.messages.describe_client_quotas import ComponentData, DescribeClientQuotasRequest
from kafkalite_wire.messages.describe_cluster import DescribeClusterRequest
from kafkalite_wire.messages.describe_configs import DescribeConfigsRequest, DescribeConfigsResource
from kafkalite_wire.messages.describe_groups import DescribeGroupsRequest
from kafkalite_wire.messages.describe_log_dirs import DescribableLogDirTopic, DescribeLogDirsRequest
from kafkalite_wire.messages.describe_producers import DescribeProducersRequest
from kafkalite_wire.messages.describe_producers import TopicRequest as ProducersTopic
from kafkalite_wire.messages.describe_quorum import DescribeQuorumRequest, PartitionData, TopicData
from kafkalite_wire.messages.describe_topic_partitions import DescribeTopicPartitionsRequest
from kafkalite_wire.messages.describe_topic_partitions import TopicRequest as DescribedTopic
from kafkalite_wire.messages.describe_transactions import DescribeTransactionsRequest
from kafkalite_wire.messages.describe_user_scram_credentials import DescribeUserScramCredentialsRequest, UserName
from kafkalite_wire.messages.elect_leaders import ElectLeadersRequest, TopicPartitions
from kafkalite_wire.messages.end_txn import EndTxnRequest
from kafkalite_wire.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from kafkalite_wire.messages.find_coordinator import FindCoordinatorRequest
from kafkalite_wire.messages.heartbeat import HeartbeatRequest
from kafkalite_wire.messages.incremental_alter_configs import AlterableConfig as ConfigChange
from kafkalite_wire.messages.incremental_alter_configs import AlterConfigsResource as ChangedResource
from kafkalite_wire.messages.incremental_alter_configs import IncrementalAlterConfigsRequest
from kafkalite_wire.messages.init_producer_id import InitProducerIdRequest
from kafkalite_wire.messages.leave_group import LeaveGroupRequest, MemberIdentity
from kafkalite_wire.messages.list_config_resources import ListConfigResourcesRequest
from kafkalite_wire.messages.list_groups import ListGroupsRequest
from kafkalite_wire.messages.list_offsets import ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic
from kafkalite_wire.messages.list_partition_reassignments import (
    ListPartitionReassignmentsRequest,
    ListPartitionReassignmentsTopics,
)
from kafkalite_wire.messages.list_transactions import ListTransactionsRequest
from kafkalite_wire.messages.metadata import MetadataRequest, MetadataRequestTopic
from kafkalite_wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from kafkalite_wire.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteRequestPartition,
    OffsetDeleteRequestTopic,
)
from kafkalite_wire.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopic,
    OffsetFetchRequestTopics,
)
from kafkalite_wire.messages.offset_for_leader_epoch import (
    OffsetForLeaderEpochRequest,
    OffsetForLeaderPartition,
    OffsetForLeaderTopic,
)
from kafkalite_wire.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from kafkalite_wire.messages.streams_group_describe import StreamsGroupDescribeRequest
from kafkalite_wire.messages.streams_group_heartbeat import (
    StreamsGroupHeartbeatRequest,
    Subtopology,
    TopicInfo,
    Topology,
)
from kafkalite_wire.messages.sync_group import SyncGroupRequest
from kafkalite_wire.messages.txn_offset_commit import (
    TxnOffsetCommitRequest,
    TxnOffsetCommitRequestPartition,
    TxnOffsetCommitRequestTopic,
)
from kafkalite_wire.messages.unregister_broker import UnregisterBrokerRequest
from kafkalite_wire.messages.update_features import FeatureUpdateKey, UpdateFeaturesRequest
from kafkalite_wire.messages.write_txn_markers import (
    WritableTxnMarker,
    WritableTxnMarkerTopic,
    WriteTxnMarkersRequest,
)

_NO_ID: Final = bytes(16)
_UNKNOWN_ID: Final = b"unknown topic id"
_TOPIC, _BROKER, _LOGGERS, _METRICS, _GROUP = 2, 4, 8, 16, 32
_A_GROUP, _A_TRANSACTION = 0, 1
_ANY: Final = 1
_NO_PRODUCER: Final = 1 << 40
"""A producer id that no broker has given to anyone."""
_SET: Final = 0
_BEFORE_LISTS: Final = range(4)
_SINCE_LISTS: Final = range(4, 100)
_BEFORE_GROUPS: Final = range(1, 8)
_SINCE_GROUPS: Final = range(8, 100)
_BEFORE_MEMBERS: Final = range(3)
_SINCE_MEMBERS: Final = range(3, 100)
_BY_ID: Final = range(12, 14)
_LATEST_STREAMS: Final = range(1, 2)


class Request(NamedTuple):
    """A request, a note on it, and the versions in which it makes sense, None for all."""

    note: str
    request: object
    only: Sequence[int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What the requests need to know of a broker."""

    topic_ids: Mapping[str, bytes]
    now_ms: int


def created_for(user: User) -> list[CreatableTopic]:
    """Return the topics that a user's requests are about."""
    names = [f"{beginning}-t" for beginning in (user.open, user.closed)]
    names += [f"{beginning}-end{version}" for version in _ends(user) for beginning in (user.open, user.closed)]
    names += [f"{beginning}-endid" for beginning in (user.open, user.closed)]
    return [
        CreatableTopic(name=name, num_partitions=2 if name.endswith("-t") else 1, replication_factor=1)
        for name in names
    ]


def asked_by(user: User, resources: Resources) -> Iterator[Request]:
    """Yield a user's requests; those that change something come last."""
    yield from _records(user, resources)
    yield from _descriptions(user, resources)
    yield from _groups(user, resources)
    yield from _streams_groups(user)
    yield from _transactions(user, resources)
    yield from _configs(user)
    yield from _cluster(user)
    yield from _share_states(user, resources)
    yield from _topics_that_change(user, resources)


def _ends(user: User) -> Sequence[int]:
    """Return the versions of DeleteTopics in which the user asks."""
    return range(1, 7) if user.in_all_versions else (1, 6)


def _topics(user: User) -> tuple[str, str, str, str]:
    return f"{user.open}-t", f"{user.closed}-t", f"{user.open}-none", f"{user.closed}-none"


def _records(user: User, resources: Resources) -> Iterator[Request]:
    opened, closed, _, _ = names = _topics(user)
    ids = {name: resources.topic_ids.get(name, _UNKNOWN_ID) for name in names[:3]}
    data = batch(b"x", timestamp=resources.now_ms)

    def produce(*topics: str, records: bytes = data, transactional_id: str | None = None) -> ProduceRequest:
        return ProduceRequest(
            transactional_id=transactional_id,
            acks=-1,
            timeout_ms=1000,
            topic_data=tuple(
                TopicProduceData(
                    name=name,
                    topic_id=ids.get(name, _UNKNOWN_ID),
                    partition_data=(PartitionProduceData(index=0, records=records),),
                )
                for name in topics
            ),
        )

    yield Request("", produce(*names[:3]))
    yield Request("what may be", produce(opened))
    yield Request("what may not be", produce(closed))
    in_transaction = batch(
        b"x",
        timestamp=resources.now_ms,
        producer_id=_NO_PRODUCER,
        producer_epoch=0,
        base_sequence=0,
        is_transactional=True,
    )
    for beginning in (user.open, user.closed):
        request = produce(opened, closed, records=in_transaction, transactional_id=f"{beginning}-x")
        yield Request(f"transaction {beginning}", request, range(3, 14))
    yield Request("an id, but no transaction", produce(opened, transactional_id=f"{user.closed}-x"), range(3, 14))

    def fetch(*topics: str, session_epoch: int = -1, offset: int = 0, max_wait_ms: int = 0) -> FetchRequest:
        return FetchRequest(
            max_wait_ms=max_wait_ms,
            min_bytes=1,
            session_epoch=session_epoch,
            topics=tuple(
                FetchTopic(
                    topic=name,
                    topic_id=ids.get(name, _UNKNOWN_ID),
                    partitions=(FetchPartition(partition=1, fetch_offset=offset, partition_max_bytes=1000),),
                )
                for name in topics
            ),
        )

    yield Request("", fetch(names[2], *names[:2]))
    yield Request("what may not be", fetch(closed, max_wait_ms=20_000))
    yield Request("what may be, and is not there, of two", fetch(opened, closed, max_wait_ms=50))
    yield Request(
        "",
        ListOffsetsRequest(
            replica_id=-1,
            topics=tuple(
                ListOffsetsTopic(name=name, partitions=(ListOffsetsPartition(partition_index=0, timestamp=-2),))
                for name in names
            ),
        ),
    )
    yield Request(
        "",
        OffsetForLeaderEpochRequest(
            replica_id=-1,
            topics=tuple(
                OffsetForLeaderTopic(topic=name, partitions=(OffsetForLeaderPartition(partition=1, leader_epoch=0),))
                for name in names
            ),
        ),
    )
    yield Request(
        "",
        DeleteRecordsRequest(
            topics=tuple(
                DeleteRecordsTopic(name=name, partitions=(DeleteRecordsPartition(partition_index=0, offset=0),))
                for name in names
            ),
            timeout_ms=1000,
        ),
    )
    producers = tuple(ProducersTopic(name=name, partition_indexes=(1,)) for name in names)
    yield Request("", DescribeProducersRequest(topics=producers))


def _descriptions(user: User, resources: Resources) -> Iterator[Request]:
    names = _topics(user)
    named = tuple(MetadataRequestTopic(name=name) for name in names)

    def metadata(topics: tuple[MetadataRequestTopic, ...] | None) -> MetadataRequest:
        return MetadataRequest(
            topics=topics,
            allow_auto_topic_creation=False,
            include_cluster_authorized_operations=True,
            include_topic_authorized_operations=True,
        )

    yield Request("", metadata(named), range(4, 14))
    yield Request("there are", metadata(named[:2]))
    yield Request("all", metadata(None), range(1, 14))
    yield Request("all", metadata(()), range(1))
    ids = (*(resources.topic_ids[name] for name in names[:2]), _UNKNOWN_ID)
    yield Request("by id", metadata(tuple(MetadataRequestTopic(name=None, topic_id=each) for each in ids)), _BY_ID)
    described = tuple(DescribedTopic(name=name) for name in names)
    yield Request("", DescribeTopicPartitionsRequest(topics=described))
    yield Request("all", DescribeTopicPartitionsRequest(topics=()))
    yield Request("a page", DescribeTopicPartitionsRequest(topics=(), response_partition_limit=1))
    yield Request("a page of named ones", DescribeTopicPartitionsRequest(topics=described, response_partition_limit=1))


def _groups(user: User, resources: Resources) -> Iterator[Request]:
    opened, closed, missing, _ = _topics(user)
    groups = (f"{user.open}-g", f"{user.closed}-g")
    ids = {name: resources.topic_ids.get(name, _UNKNOWN_ID) for name in (opened, closed, missing)}
    rows = (OffsetCommitRequestPartition(partition_index=0, committed_offset=3, committed_metadata=""),)
    committed = tuple(OffsetCommitRequestTopic(name=name, topic_id=ids[name], partitions=rows) for name in ids)
    leaving = MemberIdentity(member_id="m")
    for group in groups:
        yield Request(group, OffsetCommitRequest(group_id=group, member_id="", topics=committed))
        one_group = tuple(OffsetFetchRequestTopic(name=name, partition_indexes=(0, 1)) for name in ids)
        yield Request(group, OffsetFetchRequest(group_id=group, topics=one_group), _BEFORE_GROUPS)
        yield Request(f"{group} all", OffsetFetchRequest(group_id=group, topics=None), range(2, 8))
        yield Request(group, join_request(group, "m"))
        yield Request(group, HeartbeatRequest(group_id=group, generation_id=1, member_id="m"))
        yield Request(group, SyncGroupRequest(group_id=group, generation_id=1, member_id="m", assignments=()))
        yield Request(group, LeaveGroupRequest(group_id=group, member_id="m"), _BEFORE_MEMBERS)
        yield Request(group, LeaveGroupRequest(group_id=group, members=(leaving,)), _SINCE_MEMBERS)
        yield Request(group, FindCoordinatorRequest(key=group), _BEFORE_LISTS)
    several = tuple(OffsetFetchRequestTopics(name=name, topic_id=ids[name], partition_indexes=(0, 1)) for name in ids)
    for note, topics in (("", several), ("all", None), ("what may not be", several[1:2])):
        wanted = tuple(OffsetFetchRequestGroup(group_id=group, topics=topics) for group in groups)
        yield Request(note, OffsetFetchRequest(groups=wanted), _SINCE_GROUPS)
    yield Request("", FindCoordinatorRequest(coordinator_keys=groups), _SINCE_LISTS)
    yield Request("", DescribeGroupsRequest(groups=(*groups, f"{user.open}-none"), include_authorized_operations=True))
    yield Request("", ListGroupsRequest())
    forgotten = tuple(
        OffsetDeleteRequestTopic(name=name, partitions=(OffsetDeleteRequestPartition(partition_index=1),))
        for name in ids
    )
    for group in groups:
        yield Request(group, OffsetDeleteRequest(group_id=group, topics=forgotten))
    yield Request("", DeleteGroupsRequest(groups_names=(f"{user.open}-none", f"{user.closed}-none")))


def _streams_groups(user: User) -> Iterator[Request]:
    opened, closed, missing, _ = _topics(user)
    sources = ((opened, user.open), (opened, user.closed), (closed, user.open), (missing, user.closed))
    for beginning in (user.open, user.closed):
        for number, (source, owner) in enumerate(sources):
            # Each has a changelog of its own, because Kafka creates it a moment later.
            group = f"{beginning}-s{number}"
            changelog = f"{owner}-{group}"
            state = TopicInfo(name=changelog, partitions=0, replication_factor=1, topic_configs=())
            part = Subtopology(
                subtopology_id="0",
                source_topics=(source,),
                source_topic_regex=(),
                state_changelog_topics=(state,),
                repartition_sink_topics=(),
                repartition_source_topics=(),
                copartition_groups=(),
            )
            joining = StreamsGroupHeartbeatRequest(
                group_id=group,
                member_id="m",
                member_epoch=0,
                endpoint_information_epoch=0,
                rebalance_timeout_ms=1000,
                topology=Topology(epoch=0, subtopologies=(part,)),
                active_tasks=(),
                standby_tasks=(),
                warmup_tasks=(),
                process_id="p",
                client_tags=(),
            )
            yield Request(f"{group} {source}", joining, _LATEST_STREAMS)
            described = StreamsGroupDescribeRequest(group_ids=(group,), include_authorized_operations=True)
            yield Request(f"{group} {source}", described, _LATEST_STREAMS)


def _transactions(user: User, resources: Resources) -> Iterator[Request]:
    opened, closed, missing, _ = _topics(user)
    names = (f"{user.open}-x", f"{user.closed}-x")
    groups = (f"{user.open}-g", f"{user.closed}-g")
    ids = {name: resources.topic_ids.get(name, _UNKNOWN_ID) for name in (opened, closed, missing)}
    added = tuple(AddPartitionsToTxnTopic(name=name, partitions=(0, 1, 9)) for name in ids)
    rows = (TxnOffsetCommitRequestPartition(partition_index=0, committed_offset=3, committed_metadata=""),)
    committed = tuple(TxnOffsetCommitRequestTopic(name=name, topic_id=ids[name], partitions=rows) for name in ids)
    yield Request("idempotent", InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=1000))
    for name in names:
        yield Request(name, FindCoordinatorRequest(key=name, key_type=_A_TRANSACTION), range(1, 4))
        yield Request(
            name,
            AddPartitionsToTxnRequest(
                v3_and_below_transactional_id=name,
                v3_and_below_producer_id=_NO_PRODUCER,
                v3_and_below_topics=added,
            ),
            _BEFORE_LISTS,
        )
        yield Request(
            name, EndTxnRequest(transactional_id=name, producer_id=_NO_PRODUCER, producer_epoch=0, committed=True)
        )
        for group in groups:
            yield Request(
                f"{name} {group}",
                AddOffsetsToTxnRequest(
                    transactional_id=name, producer_id=_NO_PRODUCER, producer_epoch=0, group_id=group
                ),
            )
            yield Request(
                f"{name} {group}",
                TxnOffsetCommitRequest(
                    transactional_id=name, group_id=group, producer_id=_NO_PRODUCER, producer_epoch=0, topics=committed
                ),
            )
    transaction = AddPartitionsToTxnTransaction(transactional_id=names[0], producer_id=_NO_PRODUCER, topics=added)
    yield Request("", AddPartitionsToTxnRequest(transactions=(transaction,)), _SINCE_LISTS)
    yield Request("", FindCoordinatorRequest(key_type=_A_TRANSACTION, coordinator_keys=names), _SINCE_LISTS)
    marker = WritableTxnMarker(
        producer_id=_NO_PRODUCER,
        producer_epoch=0,
        transaction_result=True,
        topics=(WritableTxnMarkerTopic(name=missing, partition_indexes=(0,)),),
        coordinator_epoch=0,
    )
    yield Request("", WriteTxnMarkersRequest(markers=(marker,)))
    yield Request("", DescribeTransactionsRequest(transactional_ids=names))
    yield Request("", ListTransactionsRequest(state_filters=(), producer_id_filters=()))
    for name in names:
        yield Request(name, InitProducerIdRequest(transactional_id=name, transaction_timeout_ms=60_000))
    yield Request("begun", DescribeTransactionsRequest(transactional_ids=names))
    yield Request("begun", ListTransactionsRequest(state_filters=(), producer_id_filters=()))


def _configs(user: User) -> Iterator[Request]:
    resources = (
        *((_TOPIC, name, "retention.ms", "1000") for name in _topics(user)),
        (_BROKER, "1", "log.retention.ms", "1000"),
        (_BROKER, "", "log.retention.ms", "1000"),
        (_LOGGERS, "1", "kafka", "INFO"),
        (_METRICS, "metrics", "interval.ms", "1000"),
        (_GROUP, f"{user.open}-g", "consumer.session.timeout.ms", "45000"),
        (_GROUP, f"{user.closed}-g", "consumer.session.timeout.ms", "45000"),
    )
    yield Request(
        "",
        DescribeConfigsRequest(
            resources=tuple(
                DescribeConfigsResource(resource_type=kind, resource_name=name, configuration_keys=(key,))
                for kind, name, key, _ in resources
                if kind != _LOGGERS
            )
        ),
    )
    loggers = DescribeConfigsResource(resource_type=_LOGGERS, resource_name="1", configuration_keys=("no.such",))
    yield Request("loggers", DescribeConfigsRequest(resources=(loggers,)))
    altered = tuple(
        AlterConfigsResource(resource_type=kind, resource_name=name, configs=(AlterableConfig(name=key, value=value),))
        for kind, name, key, value in resources
        if kind != _LOGGERS
    )
    changed = tuple(
        ChangedResource(
            resource_type=kind,
            resource_name=name,
            configs=(ConfigChange(name=key, config_operation=_SET, value=value),),
        )
        for kind, name, key, value in resources
    )
    yield Request("", AlterConfigsRequest(resources=altered, validate_only=True))
    yield Request("", IncrementalAlterConfigsRequest(resources=changed, validate_only=True))
    # Kafka does not answer AlterConfigs with a resource twice that may not be changed.
    yield Request("twice", IncrementalAlterConfigsRequest(resources=changed[:2] * 2, validate_only=True))
    yield Request("", ListConfigResourcesRequest())


def _cluster(user: User) -> Iterator[Request]:
    opened, closed, missing, _ = _topics(user)
    names = (opened, closed, missing)
    principal = f"User:{user.name}"
    yield Request(
        "",
        DescribeAclsRequest(
            resource_type_filter=_ANY,
            resource_name_filter=None,
            pattern_type_filter=_ANY,
            principal_filter=principal,
            host_filter=None,
            operation=_ANY,
            permission_type=_ANY,
        ),
    )
    entry = AclCreation(
        resource_type=Kind.TOPIC,
        resource_name="made",
        principal=f"{principal}-other",
        host="*",
        operation=Operation.READ,
        permission_type=3,
    )
    yield Request("", CreateAclsRequest(creations=(entry, entry)))
    wanted = DeleteAclsFilter(
        resource_type_filter=_ANY,
        resource_name_filter=None,
        pattern_type_filter=_ANY,
        principal_filter=f"{principal}-nobody",
        host_filter=None,
        operation=_ANY,
        permission_type=_ANY,
    )
    yield Request("", DeleteAclsRequest(filters=(wanted, wanted)))
    yield Request(
        "", DescribeLogDirsRequest(topics=tuple(DescribableLogDirTopic(topic=missing, partitions=(0,)) for _ in "1"))
    )
    moved = AlterReplicaLogDir(
        path="/nowhere", topics=tuple(AlterReplicaLogDirTopic(name=name, partitions=(0,)) for name in names)
    )
    yield Request("", AlterReplicaLogDirsRequest(dirs=(moved,)))
    elected = tuple(TopicPartitions(topic=name, partitions=(0,)) for name in names)
    yield Request("", ElectLeadersRequest(topic_partitions=elected))
    reassigned = tuple(
        ReassignableTopic(name=name, partitions=(ReassignablePartition(partition_index=0),)) for name in names
    )
    yield Request("", AlterPartitionReassignmentsRequest(topics=reassigned))
    listed = tuple(ListPartitionReassignmentsTopics(name=name, partition_indexes=(0,)) for name in names)
    yield Request("", ListPartitionReassignmentsRequest(topics=listed))
    component = ComponentData(entity_type="user", match_type=0, match=user.name)
    yield Request("", DescribeClientQuotasRequest(components=(component,), strict=False))
    quota = EntryData(
        entity=(EntityData(entity_type="user", entity_name=user.name),),
        ops=(OpData(key="producer_byte_rate", value=1e6, remove=False),),
    )
    yield Request("", AlterClientQuotasRequest(entries=(quota,), validate_only=True))
    yield Request("", DescribeUserScramCredentialsRequest(users=(UserName(name=user.name),)))
    deletion = ScramCredentialDeletion(name=user.name, mechanism=1)
    yield Request("", AlterUserScramCredentialsRequest(deletions=(deletion,), upsertions=()))
    quorum = TopicData(topic_name="__cluster_metadata", partitions=(PartitionData(partition_index=0),))
    yield Request("", DescribeQuorumRequest(topics=(quorum,)))
    feature = FeatureUpdateKey(feature="no.such", max_version_level=1)
    yield Request("", UpdateFeaturesRequest(feature_updates=(feature,), validate_only=True))
    yield Request("", UnregisterBrokerRequest(broker_id=99))
    yield Request("", DescribeClusterRequest(include_cluster_authorized_operations=True))


def _share_states(user: User, resources: Resources) -> Iterator[Request]:
    """Yield what needs a right to the cluster; of groups and topics no rights are looked at."""
    group = f"{user.open}-g"
    topic_id = resources.topic_ids.get(f"{user.open}-t", _UNKNOWN_ID)
    for make in (initialize, read, write, delete, summarize):
        yield Request("", make(group, topic_id, 0, 1))
        yield Request("no partitions", make(group, topic_id))


def _topics_that_change(user: User, resources: Resources) -> Iterator[Request]:
    names = _topics(user)

    def created(*topics: str, validates: bool = True) -> CreateTopicsRequest:
        return CreateTopicsRequest(
            topics=tuple(
                CreatableTopic(
                    name=name,
                    num_partitions=1,
                    replication_factor=1,
                    configs=(CreatableTopicConfig(name="retention.ms", value="1000"),),
                )
                for name in topics
            ),
            validate_only=validates,
        )

    grown = tuple(CreatePartitionsTopic(name=name, count=9, assignments=None) for name in names)
    yield Request("", CreatePartitionsRequest(topics=grown, timeout_ms=1000, validate_only=True))
    yield Request("twice", CreatePartitionsRequest(topics=(*grown, *grown[:2]), timeout_ms=1000, validate_only=True))
    yield Request("", created(*names))
    yield Request("twice", created(*names, *names[:3]))
    yield Request("of metadata", created("__cluster_metadata", names[3]))
    yield Request("made", created(f"{user.open}-made", f"{user.closed}-made", validates=False), (7,))
    for version in _ends(user):
        ended = (f"{user.open}-end{version}", f"{user.closed}-end{version}", *names[2:], names[3])
        by_name = tuple(DeleteTopicState(name=name, topic_id=_NO_ID) for name in ended)
        request = DeleteTopicsRequest(topics=by_name, topic_names=ended, timeout_ms=1000)
        yield Request("", request, (version,))
    ids = (*(resources.topic_ids[f"{beginning}-endid"] for beginning in (user.open, user.closed)), _UNKNOWN_ID)
    by_id = tuple(DeleteTopicState(name=None, topic_id=topic_id) for topic_id in ids)
    yield Request("by id", DeleteTopicsRequest(topics=by_id, timeout_ms=1000), (6,))
    for version in range(14) if user.in_all_versions else (4, 13):
        made = tuple(MetadataRequestTopic(name=f"{beginning}-auto{version}") for beginning in (user.open, user.closed))
        creation = MetadataRequest(topics=made, include_topic_authorized_operations=True)
        yield Request("to be created", creation, (version,))
