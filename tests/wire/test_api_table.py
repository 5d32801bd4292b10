"""The table of APIs compared with the ApiVersions response of Apache Kafka 4.4.0."""

import pytest

from kafkalite_wire.apis import APIS, DECLARED_APIS, Api, ApiKey
from kafkalite_wire.schema import declaration_of

KAFKA_4_4_0 = {
    0: ("Produce", 0, 13),
    1: ("Fetch", 4, 18),
    2: ("ListOffsets", 1, 11),
    3: ("Metadata", 0, 13),
    8: ("OffsetCommit", 2, 10),
    9: ("OffsetFetch", 1, 10),
    10: ("FindCoordinator", 0, 6),
    11: ("JoinGroup", 0, 9),
    12: ("Heartbeat", 0, 4),
    13: ("LeaveGroup", 0, 5),
    14: ("SyncGroup", 0, 5),
    15: ("DescribeGroups", 0, 6),
    16: ("ListGroups", 0, 5),
    17: ("SaslHandshake", 0, 1),
    18: ("ApiVersions", 0, 5),
    19: ("CreateTopics", 2, 7),
    20: ("DeleteTopics", 1, 6),
    21: ("DeleteRecords", 0, 2),
    22: ("InitProducerId", 0, 5),
    23: ("OffsetForLeaderEpoch", 2, 4),
    24: ("AddPartitionsToTxn", 0, 5),
    25: ("AddOffsetsToTxn", 0, 4),
    26: ("EndTxn", 0, 5),
    27: ("WriteTxnMarkers", 1, 2),
    28: ("TxnOffsetCommit", 0, 6),
    29: ("DescribeAcls", 1, 3),
    30: ("CreateAcls", 1, 3),
    31: ("DeleteAcls", 1, 3),
    32: ("DescribeConfigs", 1, 4),
    33: ("AlterConfigs", 0, 2),
    34: ("AlterReplicaLogDirs", 1, 2),
    35: ("DescribeLogDirs", 1, 5),
    36: ("SaslAuthenticate", 0, 2),
    37: ("CreatePartitions", 0, 3),
    38: ("CreateDelegationToken", 1, 3),
    39: ("RenewDelegationToken", 1, 2),
    40: ("ExpireDelegationToken", 1, 2),
    41: ("DescribeDelegationToken", 1, 3),
    42: ("DeleteGroups", 0, 3),
    43: ("ElectLeaders", 0, 2),
    44: ("IncrementalAlterConfigs", 0, 1),
    45: ("AlterPartitionReassignments", 0, 1),
    46: ("ListPartitionReassignments", 0, 0),
    47: ("OffsetDelete", 0, 0),
    48: ("DescribeClientQuotas", 0, 1),
    49: ("AlterClientQuotas", 0, 1),
    50: ("DescribeUserScramCredentials", 0, 0),
    51: ("AlterUserScramCredentials", 0, 0),
    55: ("DescribeQuorum", 0, 2),
    57: ("UpdateFeatures", 0, 2),
    60: ("DescribeCluster", 0, 2),
    61: ("DescribeProducers", 0, 0),
    64: ("UnregisterBroker", 0, 0),
    65: ("DescribeTransactions", 0, 0),
    66: ("ListTransactions", 0, 2),
    68: ("ConsumerGroupHeartbeat", 0, 1),
    69: ("ConsumerGroupDescribe", 0, 1),
    74: ("ListConfigResources", 0, 1),
    75: ("DescribeTopicPartitions", 0, 0),
    76: ("ShareGroupHeartbeat", 1, 1),
    77: ("ShareGroupDescribe", 1, 1),
    78: ("ShareFetch", 1, 2),
    79: ("ShareAcknowledge", 1, 2),
    80: ("AddRaftVoter", 0, 1),
    81: ("RemoveRaftVoter", 0, 0),
    83: ("InitializeShareGroupState", 0, 0),
    84: ("ReadShareGroupState", 0, 0),
    85: ("WriteShareGroupState", 0, 1),
    86: ("DeleteShareGroupState", 0, 0),
    87: ("ReadShareGroupStateSummary", 0, 1),
    88: ("StreamsGroupHeartbeat", 0, 1),
    89: ("StreamsGroupDescribe", 0, 1),
    90: ("DescribeShareGroupOffsets", 0, 1),
    91: ("AlterShareGroupOffsets", 0, 0),
    92: ("DeleteShareGroupOffsets", 0, 0),
    93: ("StreamsGroupTopologyDescriptionUpdate", 0, 0),
    94: ("UnregisterController", 0, 0),
}

EACH_API = pytest.mark.parametrize("api", DECLARED_APIS.values(), ids=lambda api: api.name)


WITH_A_RECEIVER_OF_CLIENT_METRICS = {71: ("GetTelemetrySubscriptions", 0, 0), 72: ("PushTelemetry", 0, 0)}
"""What a broker offers that has a plugin for them (KIP-714)."""


def test_table_holds_what_kafka_answers() -> None:
    declared = {key: (api.name, api.min_version, api.max_version) for key, api in DECLARED_APIS.items()}
    assert declared == KAFKA_4_4_0 | WITH_A_RECEIVER_OF_CLIENT_METRICS


def test_every_key_has_its_row() -> None:
    assert [ApiKey(key) for key in DECLARED_APIS] == list(ApiKey)
    assert all(api.key == key for key, api in DECLARED_APIS.items())


def test_only_apis_with_a_handler_are_served() -> None:
    assert list(APIS.values()) == [api for api in DECLARED_APIS.values() if api.served]


@EACH_API
def test_messages_are_declared_for_the_versions_of_the_table(api: Api) -> None:
    # Kafka lists Produce 0 to 2 and refuses them: there are no messages of these versions.
    low = 3 if api.key is ApiKey.PRODUCE else api.min_version
    for declared in (api.request_type, api.response_type):
        declaration = declaration_of(declared)
        assert declaration.api_key == api.key
        assert (declaration.versions.low, declaration.versions.high) == (low, api.max_version)


@EACH_API
def test_first_flexible_version_is_that_of_the_declarations(api: Api) -> None:
    for declared in (api.request_type, api.response_type):
        flexible = declaration_of(declared).flexible
        assert [v for v in range(api.max_version + 1) if v in flexible] == [
            v for v in range(api.max_version + 1) if api.is_flexible(v)
        ]


def test_flexible_requests_have_header_2_and_others_1() -> None:
    produce = APIS[ApiKey.PRODUCE]
    assert [produce.request_header_version(v) for v in (3, 8, 9, 13)] == [1, 1, 2, 2]
    assert [produce.response_header_version(v) for v in (3, 8, 9, 13)] == [0, 0, 1, 1]


def test_api_versions_answers_with_header_0_in_every_version() -> None:
    api_versions = APIS[ApiKey.API_VERSIONS]
    assert [api_versions.request_header_version(v) for v in range(6)] == [1, 1, 1, 2, 2, 2]
    assert {api_versions.response_header_version(v) for v in range(6)} == {0}
