"""Messages written by hand from the protocol guide, field by field."""

from kafkalite_wire.messages.api_versions import (
    ApiVersion,
    ApiVersionsRequest,
    ApiVersionsResponse,
    FinalizedFeatureKey,
    SupportedFeatureKey,
)
from kafkalite_wire.messages.create_topics import (
    CreatableReplicaAssignment,
    CreatableTopic,
    CreatableTopicConfig,
    CreateTopicsRequest,
)
from kafkalite_wire.messages.fetch import (
    AbortedTransaction,
    FetchableTopicResponse,
    FetchPartition,
    FetchRequest,
    FetchResponse,
    FetchTopic,
    LeaderIdAndEpoch,
    NodeEndpoint,
    PartitionData,
    ReplicaState,
)
from kafkalite_wire.messages.find_coordinator import Coordinator, FindCoordinatorRequest, FindCoordinatorResponse
from kafkalite_wire.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from kafkalite_wire.messages.join_group import (
    JoinGroupRequest,
    JoinGroupRequestProtocol,
    JoinGroupResponse,
    JoinGroupResponseMember,
)
from kafkalite_wire.messages.leave_group import LeaveGroupRequest, MemberIdentity
from kafkalite_wire.messages.metadata import MetadataRequest, MetadataRequestTopic
from kafkalite_wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from kafkalite_wire.messages.offset_fetch import OffsetFetchRequest, OffsetFetchRequestGroup
from kafkalite_wire.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from kafkalite_wire.messages.sync_group import SyncGroupRequest, SyncGroupRequestAssignment, SyncGroupResponse
from tests.support.wire_check import check


def test_api_versions_request_is_empty_before_version_3() -> None:
    for version in (0, 1, 2):
        check(ApiVersionsRequest(), version, wire="")


def test_api_versions_request_3_names_the_software() -> None:
    request = ApiVersionsRequest(client_software_name="kl", client_software_version="1")
    check(request, 3, wire="03 6b6c  02 31  00")


def test_api_versions_response_0() -> None:
    response = ApiVersionsResponse(error_code=35, api_keys=(ApiVersion(api_key=18, min_version=0, max_version=5),))
    check(response, 0, wire="0023  00000001 0012 0000 0005")


def test_api_versions_response_3_carries_features_as_tagged_fields() -> None:
    response = ApiVersionsResponse(
        api_keys=(ApiVersion(api_key=0, min_version=3, max_version=13),),
        supported_features=(SupportedFeatureKey(name="f", min_version=1, max_version=2),),
        finalized_features_epoch=9,
        finalized_features=(FinalizedFeatureKey(name="f", max_version_level=2, min_version_level=1),),
    )
    check(
        response,
        3,
        wire="0000  02 0000 0003 000d 00  00000000"
        " 03  00 08 02 02 66 0001 0002 00"
        " 01 08 0000000000000009"
        " 02 08 02 02 66 0002 0001 00",
    )


def test_metadata_request_0_lists_topics() -> None:
    request = MetadataRequest(topics=(MetadataRequestTopic(name="ab"), MetadataRequestTopic(name="")))
    check(request, 0, wire="00000002  0002 6162  0000")


def test_metadata_request_asks_for_all_topics_by_null() -> None:
    check(MetadataRequest(topics=None), 1, wire="ffffffff")
    check(MetadataRequest(topics=None, allow_auto_topic_creation=False), 9, wire="00 00 00 00 00")


def test_metadata_request_12_asks_by_id() -> None:
    request = MetadataRequest(topics=(MetadataRequestTopic(topic_id=bytes(range(16)), name=None),))
    check(request, 12, wire="02 000102030405060708090a0b0c0d0e0f 00 00  01 00 00")


def test_find_coordinator_request_before_and_since_version_4() -> None:
    check(FindCoordinatorRequest(key="g"), 0, wire="0001 67")
    check(FindCoordinatorRequest(key="g", key_type=1), 3, wire="02 67 01 00")
    check(FindCoordinatorRequest(coordinator_keys=("g", "h")), 4, wire="00 03 02 67 02 68 00")


def test_find_coordinator_response_4() -> None:
    found = Coordinator(key="g", node_id=1, host="h", port=9092, error_message=None)
    check(
        FindCoordinatorResponse(coordinators=(found,)), 4, wire="00000000 02 0267 00000001 0268 00002384 0000 00 00 00"
    )


def test_join_group_request_5() -> None:
    request = JoinGroupRequest(
        group_id="g",
        session_timeout_ms=45000,
        rebalance_timeout_ms=300000,
        member_id="",
        group_instance_id="i",
        protocol_type="consumer",
        protocols=(JoinGroupRequestProtocol(name="range", metadata=b"\0\1"),),
    )
    check(
        request,
        5,
        wire="0001 67  0000afc8  000493e0  0000  0001 69  0008 636f6e73756d6572 00000001 0005 72616e6765 00000002 0001",
    )


def test_join_group_response_9_to_the_leader() -> None:
    response = JoinGroupResponse(
        generation_id=3,
        protocol_type="consumer",
        protocol_name="range",
        leader="m",
        skip_assignment=True,
        member_id="m",
        members=(JoinGroupResponseMember(member_id="m", metadata=b"\7"),),
    )
    check(
        response,
        9,
        wire="00000000 0000 00000003 09 636f6e73756d6572 06 72616e6765 02 6d 01 02 6d 02 02 6d 00 02 07 00 00",
    )


def test_join_group_response_7_can_have_null_as_protocol() -> None:
    response = JoinGroupResponse(error_code=25, protocol_name=None)
    check(response, 7, wire="00000000 0019 ffffffff 00 00 01 01 01 00")


def test_sync_group() -> None:
    request = SyncGroupRequest(
        group_id="g",
        generation_id=1,
        member_id="m",
        assignments=(SyncGroupRequestAssignment(member_id="m", assignment=b"\1\2"),),
    )
    check(request, 0, wire="0001 67 00000001 0001 6d 00000001 0001 6d 00000002 0102")
    check(request, 5, wire="02 67 00000001 02 6d 00 00 00 02 02 6d 03 0102 00 00")
    check(SyncGroupResponse(assignment=b"\1\2"), 3, wire="00000000 0000 00000002 0102")
    check(SyncGroupResponse(error_code=27), 0, wire="001b 00000000")


def test_heartbeat() -> None:
    request = HeartbeatRequest(group_id="g", generation_id=-1, member_id="m")
    check(request, 2, wire="0001 67 ffffffff 0001 6d")
    check(request, 3, wire="0001 67 ffffffff 0001 6d ffff")
    check(request, 4, wire="02 67 ffffffff 02 6d 00 00")
    check(HeartbeatResponse(error_code=27), 0, wire="001b")
    check(HeartbeatResponse(throttle_time_ms=1), 4, wire="00000001 0000 00")


def test_leave_group_request_names_one_member_or_several() -> None:
    check(LeaveGroupRequest(group_id="g", member_id="m"), 2, wire="0001 67 0001 6d")
    leaving = MemberIdentity(member_id="m", group_instance_id="i", reason="r")
    check(LeaveGroupRequest(group_id="g", members=(leaving,)), 5, wire="02 67 02 02 6d 02 69 02 72 00 00")


def test_offset_commit_request_by_name_and_by_id() -> None:
    partition = OffsetCommitRequestPartition(partition_index=2, committed_offset=5, committed_metadata="x")
    by_name = OffsetCommitRequest(
        group_id="g",
        generation_id_or_member_epoch=1,
        member_id="m",
        topics=(OffsetCommitRequestTopic(name="t", partitions=(partition,)),),
    )
    check(
        by_name,
        2,
        wire="0001 67 00000001 0001 6d ffffffffffffffff 00000001 0001 74 00000001 00000002 0000000000000005 0001 78",
    )
    by_id = OffsetCommitRequest(
        group_id="g",
        generation_id_or_member_epoch=1,
        member_id="m",
        topics=(OffsetCommitRequestTopic(topic_id=b"\1" * 16, partitions=(partition,)),),
    )
    check(
        by_id,
        10,
        wire="02 67 00000001 02 6d 00"
        " 02 01010101010101010101010101010101 02 00000002 0000000000000005 ffffffff 02 78 00 00 00",
    )


def test_offset_fetch_request_asks_for_all_topics_by_null() -> None:
    check(OffsetFetchRequest(group_id="g", topics=None), 2, wire="0001 67 ffffffff")
    group = OffsetFetchRequestGroup(group_id="g", topics=None)
    check(OffsetFetchRequest(groups=(group,), require_stable=True), 8, wire="02 02 67 00 00 01 00")


def test_produce_request_carries_records_in_place() -> None:
    request = ProduceRequest(
        acks=-1,
        timeout_ms=1000,
        topic_data=(
            TopicProduceData(
                name="t",
                partition_data=(
                    PartitionProduceData(index=0, records=b"\xab\xcd"),
                    PartitionProduceData(index=1, records=None),
                ),
            ),
        ),
    )
    check(
        request,
        3,
        wire="ffff ffff 000003e8 00000001 0001 74 00000002 00000000 00000002 abcd 00000001 ffffffff",
    )
    check(request, 9, wire="00 ffff 000003e8 02 02 74 03 00000000 03 abcd 00 00000001 00 00 00 00")


def test_fetch_request_15_carries_the_replica_as_tagged_field() -> None:
    request = FetchRequest(
        replica_state=ReplicaState(replica_id=2, replica_epoch=3),
        max_wait_ms=500,
        min_bytes=1,
        topics=(
            FetchTopic(
                topic_id=b"\2" * 16,
                partitions=(FetchPartition(partition=0, fetch_offset=7, partition_max_bytes=1024),),
            ),
        ),
    )
    check(
        request,
        15,
        wire="000001f4 00000001 7fffffff 00 00000000 ffffffff"
        " 02 02020202020202020202020202020202"
        " 02 00000000 ffffffff 0000000000000007 ffffffff ffffffffffffffff 00000400 00 00"
        " 01 01  01 01 0d 00000002 0000000000000003 00",
    )


def test_fetch_response_with_and_without_records() -> None:
    partition = PartitionData(
        partition_index=1,
        high_watermark=4,
        last_stable_offset=3,
        log_start_offset=0,
        aborted_transactions=(AbortedTransaction(producer_id=6, first_offset=2),),
        records=b"\1\2\3",
    )
    empty = PartitionData(partition_index=2, error_code=6, high_watermark=-1, aborted_transactions=None, records=None)
    check(
        FetchResponse(responses=(FetchableTopicResponse(topic="t", partitions=(partition, empty)),)),
        5,
        wire="00000000 00000001 0001 74 00000002"
        " 00000001 0000 0000000000000004 0000000000000003 0000000000000000"
        " 00000001 0000000000000006 0000000000000002 00000003 010203"
        " 00000002 0006 ffffffffffffffff ffffffffffffffff ffffffffffffffff ffffffff ffffffff",
    )


def test_fetch_response_16_names_the_new_leader() -> None:
    moved = PartitionData(
        partition_index=0,
        error_code=6,
        high_watermark=-1,
        current_leader=LeaderIdAndEpoch(leader_id=3, leader_epoch=8),
        aborted_transactions=None,
        records=b"",
    )
    response = FetchResponse(
        responses=(FetchableTopicResponse(topic_id=b"\3" * 16, partitions=(moved,)),),
        node_endpoints=(NodeEndpoint(node_id=3, host="h", port=9092),),
    )
    check(
        response,
        16,
        wire="00000000 0000 00000000 02 03030303030303030303030303030303"
        " 02 00000000 0006 ffffffffffffffff ffffffffffffffff ffffffffffffffff 00 ffffffff 01"
        " 01 01 09 00000003 00000008 00"
        " 00"
        " 01 00 0d 02 00000003 02 68 00002384 00 00",
    )


def test_create_topics_request() -> None:
    topic = CreatableTopic(
        name="t",
        num_partitions=-1,
        replication_factor=-1,
        assignments=(CreatableReplicaAssignment(partition_index=0, broker_ids=(1, 2)),),
        configs=(CreatableTopicConfig(name="c", value=None),),
    )
    request = CreateTopicsRequest(topics=(topic,), timeout_ms=1000, validate_only=True)
    check(
        request,
        2,
        wire="00000001 0001 74 ffffffff ffff 00000001 00000000 00000002 00000001 00000002"
        " 00000001 0001 63 ffff 000003e8 01",
    )
    check(
        request,
        5,
        wire="02 02 74 ffffffff ffff 02 00000000 03 00000001 00000002 00 02 02 63 00 00 00 000003e8 01 00",
    )
