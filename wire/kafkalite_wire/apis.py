"""The table of Kafka's APIs that this project declares: key, name, versions, first flexible version.

The only place that states an API's versions: the ApiVersions response, header versions and the declarations of messages
derive from it. The ranges are those of Apache Kafka 4.4.0. Messages of Produce are declared from version 3 on, because
Kafka advertises older versions and refuses them. Message classes are imported on first use: making two hundred
dataclasses would double the time to start.

An API may be declared without being served: with ``served=False`` its messages can be encoded and decoded, and the
broker neither offers nor accepts it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from importlib import import_module
from typing import Any, Final, cast


class ApiKey(IntEnum):
    """The API keys of Kafka's protocol guide."""

    PRODUCE = 0
    FETCH = 1
    LIST_OFFSETS = 2
    METADATA = 3
    OFFSET_COMMIT = 8
    OFFSET_FETCH = 9
    FIND_COORDINATOR = 10
    JOIN_GROUP = 11
    HEARTBEAT = 12
    LEAVE_GROUP = 13
    SYNC_GROUP = 14
    DESCRIBE_GROUPS = 15
    LIST_GROUPS = 16
    SASL_HANDSHAKE = 17
    API_VERSIONS = 18
    CREATE_TOPICS = 19
    DELETE_TOPICS = 20
    DELETE_RECORDS = 21
    INIT_PRODUCER_ID = 22
    OFFSET_FOR_LEADER_EPOCH = 23
    ADD_PARTITIONS_TO_TXN = 24
    ADD_OFFSETS_TO_TXN = 25
    END_TXN = 26
    WRITE_TXN_MARKERS = 27
    TXN_OFFSET_COMMIT = 28
    DESCRIBE_ACLS = 29
    CREATE_ACLS = 30
    DELETE_ACLS = 31
    DESCRIBE_CONFIGS = 32
    ALTER_CONFIGS = 33
    ALTER_REPLICA_LOG_DIRS = 34
    DESCRIBE_LOG_DIRS = 35
    SASL_AUTHENTICATE = 36
    CREATE_PARTITIONS = 37
    CREATE_DELEGATION_TOKEN = 38
    RENEW_DELEGATION_TOKEN = 39
    EXPIRE_DELEGATION_TOKEN = 40
    DESCRIBE_DELEGATION_TOKEN = 41
    DELETE_GROUPS = 42
    ELECT_LEADERS = 43
    INCREMENTAL_ALTER_CONFIGS = 44
    ALTER_PARTITION_REASSIGNMENTS = 45
    LIST_PARTITION_REASSIGNMENTS = 46
    OFFSET_DELETE = 47
    DESCRIBE_CLIENT_QUOTAS = 48
    ALTER_CLIENT_QUOTAS = 49
    DESCRIBE_USER_SCRAM_CREDENTIALS = 50
    ALTER_USER_SCRAM_CREDENTIALS = 51
    DESCRIBE_QUORUM = 55
    UPDATE_FEATURES = 57
    DESCRIBE_CLUSTER = 60
    DESCRIBE_PRODUCERS = 61
    UNREGISTER_BROKER = 64
    DESCRIBE_TRANSACTIONS = 65
    LIST_TRANSACTIONS = 66
    CONSUMER_GROUP_HEARTBEAT = 68
    CONSUMER_GROUP_DESCRIBE = 69
    GET_TELEMETRY_SUBSCRIPTIONS = 71
    PUSH_TELEMETRY = 72
    LIST_CONFIG_RESOURCES = 74
    DESCRIBE_TOPIC_PARTITIONS = 75
    SHARE_GROUP_HEARTBEAT = 76
    SHARE_GROUP_DESCRIBE = 77
    SHARE_FETCH = 78
    SHARE_ACKNOWLEDGE = 79
    ADD_RAFT_VOTER = 80
    REMOVE_RAFT_VOTER = 81
    INITIALIZE_SHARE_GROUP_STATE = 83
    READ_SHARE_GROUP_STATE = 84
    WRITE_SHARE_GROUP_STATE = 85
    DELETE_SHARE_GROUP_STATE = 86
    READ_SHARE_GROUP_STATE_SUMMARY = 87
    STREAMS_GROUP_HEARTBEAT = 88
    STREAMS_GROUP_DESCRIBE = 89
    DESCRIBE_SHARE_GROUP_OFFSETS = 90
    ALTER_SHARE_GROUP_OFFSETS = 91
    DELETE_SHARE_GROUP_OFFSETS = 92
    STREAMS_GROUP_TOPOLOGY_DESCRIPTION_UPDATE = 93
    UNREGISTER_CONTROLLER = 94


NEVER: Final = 1 << 15
"""The first flexible version of an API that has none."""


@dataclass(frozen=True)
class Api:
    """One API: its versions, and the module that declares its messages."""

    key: ApiKey
    name: str
    min_version: int
    max_version: int
    first_flexible: int
    module: str
    served: bool = True
    """Whether the broker has a handler for it, and so offers it."""

    @cached_property
    def request_type(self) -> type[Any]:
        """The class of its requests."""
        return cast("type[Any]", getattr(self._declared, f"{self.name}Request"))

    @cached_property
    def response_type(self) -> type[Any]:
        """The class of its responses."""
        return cast("type[Any]", getattr(self._declared, f"{self.name}Response"))

    @cached_property
    def _declared(self) -> object:
        return import_module(f"kafkalite_wire.messages.{self.module}")

    def is_flexible(self, version: int) -> bool:
        """Whether a version uses compact types and tagged fields (KIP-482)."""
        return version >= self.first_flexible

    def request_header_version(self, version: int) -> int:
        """Return the version of the request header: 2 when flexible, else 1."""
        return 2 if version >= self.first_flexible else 1

    def response_header_version(self, version: int) -> int:
        """Return the version of the response header: 1 when flexible, except for ApiVersions, else 0."""
        return 1 if version >= self.first_flexible_response_header else 0

    @cached_property
    def first_flexible_response_header(self) -> int:
        """The first version whose response header has tagged fields.

        ApiVersions has none: a client that asked in an unsupported version must be able to read the response (KIP-511).
        """
        return NEVER if self.key is ApiKey.API_VERSIONS else self.first_flexible


DECLARED_APIS: Final[dict[int, Api]] = {
    api.key.value: api
    for api in (
        Api(ApiKey.PRODUCE, "Produce", 0, 13, 9, "produce"),
        Api(ApiKey.FETCH, "Fetch", 4, 18, 12, "fetch"),
        Api(ApiKey.LIST_OFFSETS, "ListOffsets", 1, 11, 6, "list_offsets"),
        Api(ApiKey.METADATA, "Metadata", 0, 13, 9, "metadata"),
        Api(ApiKey.OFFSET_COMMIT, "OffsetCommit", 2, 10, 8, "offset_commit"),
        Api(ApiKey.OFFSET_FETCH, "OffsetFetch", 1, 10, 6, "offset_fetch"),
        Api(ApiKey.FIND_COORDINATOR, "FindCoordinator", 0, 6, 3, "find_coordinator"),
        Api(ApiKey.JOIN_GROUP, "JoinGroup", 0, 9, 6, "join_group"),
        Api(ApiKey.HEARTBEAT, "Heartbeat", 0, 4, 4, "heartbeat"),
        Api(ApiKey.LEAVE_GROUP, "LeaveGroup", 0, 5, 4, "leave_group"),
        Api(ApiKey.SYNC_GROUP, "SyncGroup", 0, 5, 4, "sync_group"),
        Api(ApiKey.DESCRIBE_GROUPS, "DescribeGroups", 0, 6, 5, "describe_groups"),
        Api(ApiKey.LIST_GROUPS, "ListGroups", 0, 5, 3, "list_groups"),
        Api(ApiKey.SASL_HANDSHAKE, "SaslHandshake", 0, 1, NEVER, "sasl_handshake"),
        Api(ApiKey.API_VERSIONS, "ApiVersions", 0, 5, 3, "api_versions"),
        Api(ApiKey.CREATE_TOPICS, "CreateTopics", 2, 7, 5, "create_topics"),
        Api(ApiKey.DELETE_TOPICS, "DeleteTopics", 1, 6, 4, "delete_topics"),
        Api(ApiKey.DELETE_RECORDS, "DeleteRecords", 0, 2, 2, "delete_records"),
        Api(ApiKey.INIT_PRODUCER_ID, "InitProducerId", 0, 5, 2, "init_producer_id"),
        Api(ApiKey.OFFSET_FOR_LEADER_EPOCH, "OffsetForLeaderEpoch", 2, 4, 4, "offset_for_leader_epoch"),
        Api(ApiKey.ADD_PARTITIONS_TO_TXN, "AddPartitionsToTxn", 0, 5, 3, "add_partitions_to_txn"),
        Api(ApiKey.ADD_OFFSETS_TO_TXN, "AddOffsetsToTxn", 0, 4, 3, "add_offsets_to_txn"),
        Api(ApiKey.END_TXN, "EndTxn", 0, 5, 3, "end_txn"),
        Api(ApiKey.WRITE_TXN_MARKERS, "WriteTxnMarkers", 1, 2, 1, "write_txn_markers"),
        Api(ApiKey.TXN_OFFSET_COMMIT, "TxnOffsetCommit", 0, 6, 3, "txn_offset_commit"),
        Api(ApiKey.DESCRIBE_ACLS, "DescribeAcls", 1, 3, 2, "describe_acls"),
        Api(ApiKey.CREATE_ACLS, "CreateAcls", 1, 3, 2, "create_acls"),
        Api(ApiKey.DELETE_ACLS, "DeleteAcls", 1, 3, 2, "delete_acls"),
        Api(ApiKey.DESCRIBE_CONFIGS, "DescribeConfigs", 1, 4, 4, "describe_configs"),
        Api(ApiKey.ALTER_CONFIGS, "AlterConfigs", 0, 2, 2, "alter_configs"),
        Api(ApiKey.ALTER_REPLICA_LOG_DIRS, "AlterReplicaLogDirs", 1, 2, 2, "alter_replica_log_dirs"),
        Api(ApiKey.DESCRIBE_LOG_DIRS, "DescribeLogDirs", 1, 5, 2, "describe_log_dirs"),
        Api(ApiKey.SASL_AUTHENTICATE, "SaslAuthenticate", 0, 2, 2, "sasl_authenticate"),
        Api(ApiKey.CREATE_PARTITIONS, "CreatePartitions", 0, 3, 2, "create_partitions"),
        Api(ApiKey.CREATE_DELEGATION_TOKEN, "CreateDelegationToken", 1, 3, 2, "create_delegation_token"),
        Api(ApiKey.RENEW_DELEGATION_TOKEN, "RenewDelegationToken", 1, 2, 2, "renew_delegation_token"),
        Api(ApiKey.EXPIRE_DELEGATION_TOKEN, "ExpireDelegationToken", 1, 2, 2, "expire_delegation_token"),
        Api(ApiKey.DESCRIBE_DELEGATION_TOKEN, "DescribeDelegationToken", 1, 3, 2, "describe_delegation_token"),
        Api(ApiKey.DELETE_GROUPS, "DeleteGroups", 0, 3, 2, "delete_groups"),
        Api(ApiKey.ELECT_LEADERS, "ElectLeaders", 0, 2, 2, "elect_leaders"),
        Api(ApiKey.INCREMENTAL_ALTER_CONFIGS, "IncrementalAlterConfigs", 0, 1, 1, "incremental_alter_configs"),
        Api(
            ApiKey.ALTER_PARTITION_REASSIGNMENTS,
            "AlterPartitionReassignments",
            0,
            1,
            0,
            "alter_partition_reassignments",
        ),
        Api(ApiKey.LIST_PARTITION_REASSIGNMENTS, "ListPartitionReassignments", 0, 0, 0, "list_partition_reassignments"),
        Api(ApiKey.OFFSET_DELETE, "OffsetDelete", 0, 0, NEVER, "offset_delete"),
        Api(ApiKey.DESCRIBE_CLIENT_QUOTAS, "DescribeClientQuotas", 0, 1, 1, "describe_client_quotas"),
        Api(ApiKey.ALTER_CLIENT_QUOTAS, "AlterClientQuotas", 0, 1, 1, "alter_client_quotas"),
        Api(
            ApiKey.DESCRIBE_USER_SCRAM_CREDENTIALS,
            "DescribeUserScramCredentials",
            0,
            0,
            0,
            "describe_user_scram_credentials",
        ),
        Api(ApiKey.ALTER_USER_SCRAM_CREDENTIALS, "AlterUserScramCredentials", 0, 0, 0, "alter_user_scram_credentials"),
        Api(ApiKey.DESCRIBE_QUORUM, "DescribeQuorum", 0, 2, 0, "describe_quorum"),
        Api(ApiKey.UPDATE_FEATURES, "UpdateFeatures", 0, 2, 0, "update_features"),
        Api(ApiKey.DESCRIBE_CLUSTER, "DescribeCluster", 0, 2, 0, "describe_cluster"),
        Api(ApiKey.DESCRIBE_PRODUCERS, "DescribeProducers", 0, 0, 0, "describe_producers"),
        Api(ApiKey.UNREGISTER_BROKER, "UnregisterBroker", 0, 0, 0, "unregister_broker"),
        Api(ApiKey.DESCRIBE_TRANSACTIONS, "DescribeTransactions", 0, 0, 0, "describe_transactions"),
        Api(ApiKey.LIST_TRANSACTIONS, "ListTransactions", 0, 2, 0, "list_transactions"),
        Api(ApiKey.CONSUMER_GROUP_HEARTBEAT, "ConsumerGroupHeartbeat", 0, 1, 0, "consumer_group_heartbeat"),
        Api(ApiKey.CONSUMER_GROUP_DESCRIBE, "ConsumerGroupDescribe", 0, 1, 0, "consumer_group_describe"),
        Api(
            ApiKey.GET_TELEMETRY_SUBSCRIPTIONS,
            "GetTelemetrySubscriptions",
            0,
            0,
            0,
            "get_telemetry_subscriptions",
            served=False,
        ),
        Api(ApiKey.PUSH_TELEMETRY, "PushTelemetry", 0, 0, 0, "push_telemetry", served=False),
        Api(ApiKey.LIST_CONFIG_RESOURCES, "ListConfigResources", 0, 1, 0, "list_config_resources"),
        Api(ApiKey.DESCRIBE_TOPIC_PARTITIONS, "DescribeTopicPartitions", 0, 0, 0, "describe_topic_partitions"),
        Api(ApiKey.SHARE_GROUP_HEARTBEAT, "ShareGroupHeartbeat", 1, 1, 0, "share_group_heartbeat"),
        Api(ApiKey.SHARE_GROUP_DESCRIBE, "ShareGroupDescribe", 1, 1, 0, "share_group_describe"),
        Api(ApiKey.SHARE_FETCH, "ShareFetch", 1, 2, 0, "share_fetch"),
        Api(ApiKey.SHARE_ACKNOWLEDGE, "ShareAcknowledge", 1, 2, 0, "share_acknowledge"),
        Api(ApiKey.ADD_RAFT_VOTER, "AddRaftVoter", 0, 1, 0, "add_raft_voter", served=False),
        Api(ApiKey.REMOVE_RAFT_VOTER, "RemoveRaftVoter", 0, 0, 0, "remove_raft_voter", served=False),
        Api(ApiKey.INITIALIZE_SHARE_GROUP_STATE, "InitializeShareGroupState", 0, 0, 0, "initialize_share_group_state"),
        Api(ApiKey.READ_SHARE_GROUP_STATE, "ReadShareGroupState", 0, 0, 0, "read_share_group_state"),
        Api(ApiKey.WRITE_SHARE_GROUP_STATE, "WriteShareGroupState", 0, 1, 0, "write_share_group_state"),
        Api(ApiKey.DELETE_SHARE_GROUP_STATE, "DeleteShareGroupState", 0, 0, 0, "delete_share_group_state"),
        Api(
            ApiKey.READ_SHARE_GROUP_STATE_SUMMARY,
            "ReadShareGroupStateSummary",
            0,
            1,
            0,
            "read_share_group_state_summary",
        ),
        Api(ApiKey.STREAMS_GROUP_HEARTBEAT, "StreamsGroupHeartbeat", 0, 1, 0, "streams_group_heartbeat"),
        Api(ApiKey.STREAMS_GROUP_DESCRIBE, "StreamsGroupDescribe", 0, 1, 0, "streams_group_describe"),
        Api(
            ApiKey.DESCRIBE_SHARE_GROUP_OFFSETS,
            "DescribeShareGroupOffsets",
            0,
            1,
            0,
            "describe_share_group_offsets",
        ),
        Api(
            ApiKey.ALTER_SHARE_GROUP_OFFSETS,
            "AlterShareGroupOffsets",
            0,
            0,
            0,
            "alter_share_group_offsets",
        ),
        Api(
            ApiKey.DELETE_SHARE_GROUP_OFFSETS,
            "DeleteShareGroupOffsets",
            0,
            0,
            0,
            "delete_share_group_offsets",
        ),
        Api(
            ApiKey.STREAMS_GROUP_TOPOLOGY_DESCRIPTION_UPDATE,
            "StreamsGroupTopologyDescriptionUpdate",
            0,
            0,
            0,
            "streams_group_topology_description_update",
            served=False,
        ),
        Api(ApiKey.UNREGISTER_CONTROLLER, "UnregisterController", 0, 0, 0, "unregister_controller", served=False),
    )
}
"""Every API whose messages are declared."""

APIS: Final = {key: api for key, api in DECLARED_APIS.items() if api.served}
"""The APIs that the broker serves. Removing ``served=False`` serves one: it needs a handler (``handlers/table.py``) and
a row in ``requests/parts/table.py``."""
