"""What the cluster tells and keeps about itself: features, quorum, quotas, credentials, called directly."""

from __future__ import annotations

import hashlib
import hmac
import logging
from dataclasses import replace
from typing import Any

import pytest

from kafkalite.cluster.endpoint import BrokerEndpoint
from kafkalite.handlers import (
    access_control,
    alter_replica_log_dirs,
    api_versions,
    client_quotas,
    delegation_tokens,
    describe_configs,
    describe_quorum,
    describe_topic_partitions,
    elect_leaders,
    incremental_alter_configs,
    list_config_resources,
    reassignments,
    scram_credentials,
    unregister_broker,
    update_features,
)
from kafkalite.requests.context import RequestContext
from kafkalite_storage.files.memory_filesystem import MemoryFileSystem
from kafkalite_storage.metadata.cluster_image import ScramCredential
from kafkalite_wire.apis import ApiKey
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages import alter_client_quotas as quotas
from kafkalite_wire.messages import describe_client_quotas as described_quotas
from kafkalite_wire.messages import incremental_alter_configs as incremental
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
    ScramCredentialUpsertion,
)
from kafkalite_wire.messages.api_versions import ApiVersionsRequest
from kafkalite_wire.messages.create_acls import AclCreation, CreateAclsRequest
from kafkalite_wire.messages.delete_acls import DeleteAclsFilter, DeleteAclsRequest
from kafkalite_wire.messages.describe_acls import DescribeAclsRequest
from kafkalite_wire.messages.describe_configs import DescribeConfigsRequest, DescribeConfigsResource
from kafkalite_wire.messages.describe_delegation_token import DescribeDelegationTokenRequest
from kafkalite_wire.messages.describe_quorum import DescribeQuorumRequest, PartitionData, TopicData
from kafkalite_wire.messages.describe_topic_partitions import Cursor, DescribeTopicPartitionsRequest, TopicRequest
from kafkalite_wire.messages.describe_user_scram_credentials import DescribeUserScramCredentialsRequest
from kafkalite_wire.messages.elect_leaders import ElectLeadersRequest, TopicPartitions
from kafkalite_wire.messages.list_config_resources import ListConfigResourcesRequest
from kafkalite_wire.messages.list_partition_reassignments import ListPartitionReassignmentsRequest
from kafkalite_wire.messages.metadata_records import PartitionChangeRecord, RegisterBrokerRecord
from kafkalite_wire.messages.unregister_broker import UnregisterBrokerRequest
from kafkalite_wire.messages.update_features import FeatureUpdateKey, UpdateFeaturesRequest
from kafkalite_wire.schema import ZERO_UUID
from tests.support.partition_requests import NOW, context, finish

BROKER, LOGGER, METRICS, GROUP = 4, 8, 16, 32
SET, DELETE = 0, 1
UPGRADE, SAFE_DOWNGRADE = 1, 2


def reread(broker: BrokerEndpoint) -> Any:
    """Return what a start reads of the metadata log."""
    from kafkalite_storage.files.handle_cache import FileHandleCache
    from kafkalite_storage.metadata.metadata_log import MetadataLog

    log = broker.cluster.storage.metadata
    filesystem = broker.cluster.storage.filesystem
    assert isinstance(filesystem, MemoryFileSystem)
    return MetadataLog.open(filesystem, log.directory, FileHandleCache(4), clean=True).catalogue


def pages(broker: BrokerEndpoint, *names: str, limit: int, cursor: Cursor | None = None) -> list[list[tuple[str, int]]]:
    found: list[list[tuple[str, int]]] = []
    asked = tuple(TopicRequest(name=name) for name in names)
    while not found or cursor is not None:
        request = DescribeTopicPartitionsRequest(topics=asked, response_partition_limit=limit, cursor=cursor)
        handled = describe_topic_partitions.handle(broker, request, context(ApiKey.DESCRIBE_TOPIC_PARTITIONS, 0))
        response, _ = finish(handled)
        found.append([(topic.name, each.partition_index) for topic in response.topics for each in topic.partitions])
        cursor = response.next_cursor
    return found


def test_topics_are_described_page_by_page(broker: BrokerEndpoint) -> None:
    broker.cluster.create_topic("s", 3, {})
    s0, s1, s2, t0, t1 = ("s", 0), ("s", 1), ("s", 2), ("t", 0), ("t", 1)
    assert pages(broker, limit=2000) == [[s0, s1, s2, t0, t1]]
    assert pages(broker, "t", "s", limit=2) == [[s0, s1], [s2, t0], [t1]]
    assert pages(broker, "t", "s", limit=3) == [[s0, s1, s2], [t0, t1]]
    assert pages(broker, limit=0) == [[s0], [s1], [s2], [t0], [t1]]
    assert pages(broker, limit=9, cursor=Cursor(topic_name="s", partition_index=2)) == [[s2, t0, t1]]


@pytest.mark.parametrize("cursor", [("t", -1), ("s", 0)])
def test_a_cursor_that_no_page_has_told_is_refused(broker: BrokerEndpoint, cursor: tuple[str, int]) -> None:
    request = DescribeTopicPartitionsRequest(
        topics=(TopicRequest(name="t"),), cursor=Cursor(topic_name=cursor[0], partition_index=cursor[1])
    )
    handled = describe_topic_partitions.handle(broker, request, context(ApiKey.DESCRIBE_TOPIC_PARTITIONS, 0))
    [topic] = finish(handled)[0].topics
    assert topic.error_code == ErrorCode.INVALID_REQUEST


def test_thousands_of_partitions_are_described_in_steps(broker: BrokerEndpoint) -> None:
    broker.cluster.create_topic("many", 1500, {})
    request = DescribeTopicPartitionsRequest(topics=())
    handled = describe_topic_partitions.handle(broker, request, context(ApiKey.DESCRIBE_TOPIC_PARTITIONS, 0))
    response, steps = finish(handled)
    assert sum(len(topic.partitions) for topic in response.topics) == 1502
    assert steps > 2


def test_the_quorum_is_this_process(broker: BrokerEndpoint) -> None:
    def asked(*indexes: int) -> Any:
        partitions = tuple(PartitionData(partition_index=index) for index in indexes)
        request = DescribeQuorumRequest(topics=(TopicData(topic_name="__cluster_metadata", partitions=partitions),))
        return describe_quorum.handle(broker, request, context(ApiKey.DESCRIBE_QUORUM, 2))

    [partition] = asked(0).topics[0].partitions
    end = broker.cluster.storage.metadata.log.log_end_offset
    assert (partition.leader_id, partition.high_watermark) == (broker.id, end)
    [voter] = partition.current_voters
    assert (voter.replica_id, voter.log_end_offset, voter.last_fetch_timestamp) == (broker.id, end, NOW)
    assert [each.error_code for each in asked(0, 1).topics[0].partitions] == [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION] * 2


def updated(broker: BrokerEndpoint, *levels: tuple[str, int, int], trial: bool = False) -> Any:
    updates = tuple(
        FeatureUpdateKey(feature=name, max_version_level=level, upgrade_type=kind) for name, level, kind in levels
    )
    request = UpdateFeaturesRequest(feature_updates=updates, validate_only=trial)
    return update_features.handle(broker, request, context(ApiKey.UPDATE_FEATURES, 1))


def finalized(broker: BrokerEndpoint) -> dict[str, int]:
    request = ApiVersionsRequest(client_software_name="client", client_software_version="1.0")
    response = api_versions.handle(broker, request, context(ApiKey.API_VERSIONS, 4))
    return {feature.name: feature.max_version_level for feature in response.finalized_features}


def test_served_features_are_offered_and_finalized(broker: BrokerEndpoint) -> None:
    request = ApiVersionsRequest(client_software_name="client", client_software_version="1.0")
    offered = {
        version: {
            feature.name: (feature.min_version, feature.max_version)
            for feature in api_versions.handle(
                broker, request, context(ApiKey.API_VERSIONS, version)
            ).supported_features
        }
        for version in (2, 3, 4)
    }
    assert offered[2] == {}
    assert offered[3] == {"metadata.version": (7, 33)}, "clients of version 3 cannot read a lowest level of 0"
    assert offered[4]["eligible.leader.replicas.version"] == (0, 1)
    assert finalized(broker)["metadata.version"] == 33
    assert finalized(broker).keys() <= offered[4].keys()


def test_features_are_updated_together_or_not_at_all(broker: BrokerEndpoint) -> None:
    eligible = "eligible.leader.replicas.version"
    refused = updated(broker, (eligible, 0, SAFE_DOWNGRADE), ("no.such", 1, UPGRADE))
    assert refused.error_code == ErrorCode.INVALID_UPDATE_VERSION
    assert finalized(broker)[eligible] == 1
    assert updated(broker, (eligible, 0, SAFE_DOWNGRADE), trial=True).error_code == ErrorCode.NONE
    assert finalized(broker)[eligible] == 1
    assert updated(broker, (eligible, 0, SAFE_DOWNGRADE)).error_code == ErrorCode.NONE
    assert eligible not in finalized(broker)
    assert reread(broker).features[eligible] == 0


def test_partition_records_have_the_version_that_the_metadata_version_allows() -> None:
    from kafkalite_storage.metadata.metadata_log import version_of

    record = PartitionChangeRecord(topic_id=ZERO_UUID)
    assert [version_of(record, level) for level in (7, 16, 17, 22, 23, 33)] == [0, 0, 1, 1, 2, 2]


def elected(broker: BrokerEndpoint, *indexes: int) -> dict[int, int]:
    partitions = (TopicPartitions(topic="t", partitions=indexes),) if indexes else None
    request = ElectLeadersRequest(topic_partitions=partitions)
    response, _ = finish(elect_leaders.handle(broker, request, context(ApiKey.ELECT_LEADERS, 2)))
    return {each.partition_id: each.error_code for topic in response.replica_election_results
            for each in topic.partition_result}  # fmt: skip


def move_to_another_broker(broker: BrokerEndpoint, index: int) -> None:
    """Make a partition look as in the directory of a larger cluster."""
    topic_id = broker.cluster.storage.topics["t"].topic_id
    broker.cluster.change_metadata(
        [PartitionChangeRecord(partition_id=index, topic_id=topic_id, replicas=(7, broker.id), isr=(broker.id,))]
    )


def test_only_a_preferred_leader_that_is_not_here_is_missed(broker: BrokerEndpoint) -> None:
    assert elected(broker, 0, 5) == {0: ErrorCode.ELECTION_NOT_NEEDED, 5: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION}
    assert elected(broker) == {}
    move_to_another_broker(broker, 1)
    assert elected(broker) == {1: ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE}


def reassigned(broker: BrokerEndpoint, index: int, replicas: tuple[int, ...] | None, *, fixed: bool = False) -> int:
    partition = ReassignablePartition(partition_index=index, replicas=replicas)
    request = AlterPartitionReassignmentsRequest(
        topics=(ReassignableTopic(name="t", partitions=(partition,)),), allow_replication_factor_change=not fixed
    )
    handled = reassignments.alter_partition_reassignments(
        broker, request, context(ApiKey.ALTER_PARTITION_REASSIGNMENTS, 1)
    )
    return int(finish(handled)[0].responses[0].partitions[0].error_code)


def test_replicas_of_brokers_that_are_not_here_can_be_given_up(broker: BrokerEndpoint) -> None:
    move_to_another_broker(broker, 0)
    assert reassigned(broker, 0, (7, 1)) == ErrorCode.INVALID_REPLICA_ASSIGNMENT
    assert reassigned(broker, 0, (1,), fixed=True) == ErrorCode.INVALID_REPLICATION_FACTOR
    assert reassigned(broker, 0, (1,)) == ErrorCode.NONE
    assert broker.cluster.storage.topics["t"].assignment[0].replicas == (broker.id,)
    assert reassigned(broker, 0, None) == ErrorCode.NO_REASSIGNMENT_IN_PROGRESS
    assert reassigned(broker, 9, (1,)) == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    listed = reassignments.list_partition_reassignments(
        broker, ListPartitionReassignmentsRequest(), context(ApiKey.LIST_PARTITION_REASSIGNMENTS, 0)
    )
    assert listed.topics == ()


@pytest.mark.parametrize(
    ("path", "index", "code"),
    [
        ("/data", 0, ErrorCode.NONE),
        ("/other", 0, ErrorCode.LOG_DIR_NOT_FOUND),
        ("/data", 2, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
    ],
)
def test_partitions_are_in_the_one_directory(broker: BrokerEndpoint, path: str, index: int, code: int) -> None:
    directory = AlterReplicaLogDir(path=path, topics=(AlterReplicaLogDirTopic(name="t", partitions=(index,)),))
    request = AlterReplicaLogDirsRequest(dirs=(directory,))
    response = alter_replica_log_dirs.handle(broker, request, context(ApiKey.ALTER_REPLICA_LOG_DIRS, 2))
    assert response.results[0].partitions[0].error_code == code


def altered_quotas(broker: BrokerEndpoint, entity: dict[str, str | None], **values: float | None) -> int:
    entry = quotas.EntryData(
        entity=tuple(quotas.EntityData(entity_type=kind, entity_name=name) for kind, name in entity.items()),
        ops=tuple(quotas.OpData(key=key, value=value or 0.0, remove=value is None) for key, value in values.items()),
    )
    request = quotas.AlterClientQuotasRequest(entries=(entry,), validate_only=False)
    response = client_quotas.alter_client_quotas(broker, request, context(ApiKey.ALTER_CLIENT_QUOTAS, 1))
    return response.entries[0].error_code


def matching(
    broker: BrokerEndpoint, *filters: tuple[str, int, str | None], strict: bool = False
) -> list[dict[str, Any]]:
    components = tuple(
        described_quotas.ComponentData(entity_type=kind, match_type=match, match=name) for kind, match, name in filters
    )
    request = described_quotas.DescribeClientQuotasRequest(components=components, strict=strict)
    response = client_quotas.describe_client_quotas(broker, request, context(ApiKey.DESCRIBE_CLIENT_QUOTAS, 1))
    assert response.entries is not None
    return [{part.entity_type: part.entity_name for part in entry.entity} for entry in response.entries]


def test_quotas_are_kept_and_found(broker: BrokerEndpoint) -> None:
    a: dict[str, str | None] = {"user": "a"}
    both: dict[str, str | None] = {"user": "a", "client-id": None}
    assert altered_quotas(broker, a, producer_byte_rate=10.0, request_percentage=0.5) == ErrorCode.NONE
    assert altered_quotas(broker, both, consumer_byte_rate=10.0) == ErrorCode.NONE
    assert matching(broker, ("user", 0, "a")) == [a, both]
    assert matching(broker, ("user", 0, "a"), strict=True) == [a]
    assert matching(broker, ("client-id", 1, None)) == [both]
    assert matching(broker, ("client-id", 2, None), ("user", 2, None)) == [both]
    assert matching(broker, ("user", 0, "b")) == []
    assert reread(broker).cluster.client_quotas == broker.cluster.storage.cluster_image.client_quotas
    assert altered_quotas(broker, a, producer_byte_rate=None, request_percentage=None) == ErrorCode.NONE
    assert matching(broker, ("user", 0, "a")) == [both]


@pytest.mark.parametrize(
    ("entity", "values"),
    [
        ({}, {"producer_byte_rate": 1.0}),
        ({"user": ""}, {"producer_byte_rate": 1.0}),
        ({"planet": "earth"}, {"producer_byte_rate": 1.0}),
        ({"user": "a"}, {"producer_byte_rate": 1.5}),
        ({"user": "a"}, {"producer_byte_rate": 0.0}),
        ({"user": "a"}, {"no_such": 1.0}),
        ({"ip": "1.2.3.4"}, {"producer_byte_rate": 1.0}),
        ({"ip": "nowhere"}, {"connection_creation_rate": 1.0}),
        ({"ip": "1.2.3.4", "user": "a"}, {"connection_creation_rate": 1.0}),
        ({"user": "a"}, {"producer_byte_rate": 5.0, "consumer_byte_rate": -1.0}),
    ],
)
def test_bad_quotas_change_nothing(
    broker: BrokerEndpoint, entity: dict[str, str | None], values: dict[str, float | None]
) -> None:
    assert altered_quotas(broker, entity, **values) == ErrorCode.INVALID_REQUEST
    assert not broker.cluster.storage.cluster_image.client_quotas


def altered_credentials(
    broker: BrokerEndpoint, deletions: tuple[Any, ...] = (), upsertions: tuple[Any, ...] = ()
) -> dict[str, int]:
    request = AlterUserScramCredentialsRequest(deletions=deletions, upsertions=upsertions)
    asked = context(ApiKey.ALTER_USER_SCRAM_CREDENTIALS, 0)
    response = scram_credentials.alter_user_scram_credentials(broker, request, asked)
    return {result.user: result.error_code for result in response.results}


def test_credentials_are_kept_as_keys_and_not_as_passwords(broker: BrokerEndpoint) -> None:
    salted = hashlib.pbkdf2_hmac("sha256", b"pencil", b"salt", 4096)
    wanted = ScramCredentialUpsertion(name="a", mechanism=1, iterations=4096, salt=b"salt", salted_password=salted)
    weak = replace(wanted, name="b", iterations=4095)
    assert altered_credentials(broker, (), (wanted, weak)) == {"a": 0, "b": ErrorCode.UNACCEPTABLE_CREDENTIAL}
    kept = {
        ("a", 1): ScramCredential(
            salt=b"salt",
            stored_key=hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest(),
            server_key=hmac.digest(salted, b"Server Key", "sha256"),
            iterations=4096,
        )
    }
    assert reread(broker).cluster.scram_credentials == kept == broker.cluster.storage.cluster_image.scram_credentials
    described = scram_credentials.describe_user_scram_credentials(
        broker, DescribeUserScramCredentialsRequest(users=None), context(ApiKey.DESCRIBE_USER_SCRAM_CREDENTIALS, 0)
    )
    assert [(each.user, each.credential_infos[0].iterations) for each in described.results] == [("a", 4096)]
    gone = ScramCredentialDeletion(name="a", mechanism=1)
    assert altered_credentials(broker, (gone,)) == {"a": 0}
    assert altered_credentials(broker, (gone,)) == {"a": ErrorCode.RESOURCE_NOT_FOUND}


def test_security_that_is_not_configured_is_refused(broker: BrokerEndpoint) -> None:
    def asked(key: ApiKey) -> RequestContext:
        return context(key, 3)

    wanted = DescribeAclsRequest(
        resource_type_filter=1, resource_name_filter=None, principal_filter=None, host_filter=None, operation=1,
        permission_type=1,
    )  # fmt: skip
    entry = AclCreation(
        resource_type=2, resource_name="t", principal="User:a", host="*", operation=3, permission_type=3
    )
    pattern = DeleteAclsFilter(
        resource_type_filter=1, resource_name_filter=None, principal_filter=None, host_filter=None, operation=1,
        permission_type=1,
    )  # fmt: skip
    described = access_control.describe_acls(broker, wanted, asked(ApiKey.DESCRIBE_ACLS))
    created = access_control.create_acls(broker, CreateAclsRequest(creations=(entry,) * 2), asked(ApiKey.CREATE_ACLS))
    deleted = access_control.delete_acls(broker, DeleteAclsRequest(filters=(pattern,)), asked(ApiKey.DELETE_ACLS))
    assert described.error_code == ErrorCode.SECURITY_DISABLED
    assert [result.error_code for result in created.results] == [ErrorCode.SECURITY_DISABLED] * 2
    assert [result.error_code for result in deleted.filter_results] == [ErrorCode.SECURITY_DISABLED]
    tokens = delegation_tokens.describe_delegation_token(
        broker, DescribeDelegationTokenRequest(owners=None), asked(ApiKey.DESCRIBE_DELEGATION_TOKEN)
    )
    assert tokens.error_code == ErrorCode.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED


def test_only_other_brokers_are_unregistered(broker: BrokerEndpoint) -> None:
    def unregistered(broker_id: int) -> int:
        request = UnregisterBrokerRequest(broker_id=broker_id)
        return unregister_broker.handle(broker, request, context(ApiKey.UNREGISTER_BROKER, 0)).error_code

    record = RegisterBrokerRecord(broker_id=7, incarnation_id=ZERO_UUID, broker_epoch=3, end_points=())
    broker.cluster.change_metadata([record])
    assert unregistered(broker.id) == ErrorCode.INVALID_REQUEST
    assert unregistered(7) == ErrorCode.NONE
    assert unregistered(7) == ErrorCode.BROKER_ID_NOT_REGISTERED
    assert reread(broker).cluster.registered_brokers == {}


def configured(broker: BrokerEndpoint, kind: int, name: str, key: str, value: str | None) -> int:
    config = incremental.AlterableConfig(name=key, config_operation=DELETE if value is None else SET, value=value)
    resource = incremental.AlterConfigsResource(resource_type=kind, resource_name=name, configs=(config,))
    request = incremental.IncrementalAlterConfigsRequest(resources=(resource,), validate_only=False)
    answer = incremental_alter_configs.handle(broker, request, context(ApiKey.INCREMENTAL_ALTER_CONFIGS, 1))
    response, _ = finish(answer)
    error_code: int = response.responses[0].error_code
    return error_code


def config(broker: BrokerEndpoint, kind: int, name: str, key: str) -> tuple[str | None, int]:
    resource = DescribeConfigsResource(resource_type=kind, resource_name=name, configuration_keys=(key,))
    request = DescribeConfigsRequest(resources=(resource,))
    response, _ = finish(describe_configs.handle(broker, request, context(ApiKey.DESCRIBE_CONFIGS, 4)))
    [found] = response.results[0].configs
    return found.value, found.config_source


def listed(broker: BrokerEndpoint, *kinds: int) -> list[tuple[int, str]]:
    request = ListConfigResourcesRequest(resource_types=kinds)
    response = list_config_resources.handle(broker, request, context(ApiKey.LIST_CONFIG_RESOURCES, 1))
    return [(resource.resource_type, resource.resource_name) for resource in response.config_resources]


@pytest.mark.parametrize(
    ("kind", "key", "default", "value", "source"),
    [
        (GROUP, "consumer.session.timeout.ms", "45000", "50000", 8),
        (METRICS, "interval.ms", "300000", "1000", 7),
    ],
)
def test_groups_and_client_metrics_have_configurations(
    broker: BrokerEndpoint, kind: int, key: str, default: str, value: str, source: int
) -> None:
    assert config(broker, kind, "g", key) == (default, 5)
    assert configured(broker, kind, "g", key, "1") != ErrorCode.NONE
    assert configured(broker, kind, "g", key, value) == ErrorCode.NONE
    assert config(broker, kind, "g", key) == (value, source)
    assert listed(broker, kind) == [(kind, "g")]
    assert reread(broker).cluster.configs(kind, "g") == {key: value}
    assert configured(broker, kind, "g", key, None) == ErrorCode.NONE
    assert config(broker, kind, "g", key) == (default, 5)
    assert listed(broker, kind) == []


def test_every_type_of_resource_is_listed(broker: BrokerEndpoint) -> None:
    assert listed(broker) == [(2, "t"), (BROKER, "1"), (LOGGER, "1")]


def test_levels_of_loggers_are_described_and_set(broker: BrokerEndpoint) -> None:
    name = "kafkalite.cluster"
    logger = logging.getLogger(name)
    before = logger.level
    try:
        assert configured(broker, LOGGER, "1", name, "ERROR") == ErrorCode.NONE
        assert logger.level == logging.ERROR
        assert config(broker, LOGGER, "1", name) == ("ERROR", 6)
        assert configured(broker, LOGGER, "1", name, None) == ErrorCode.NONE
        assert logger.level == logging.NOTSET
        assert configured(broker, LOGGER, "1", name, "LOUD") == ErrorCode.INVALID_CONFIG
        assert configured(broker, LOGGER, "1", "kafkalite.no.such", "INFO") == ErrorCode.INVALID_CONFIG
        assert configured(broker, LOGGER, "1", "root", None) == ErrorCode.INVALID_REQUEST
        assert configured(broker, LOGGER, "2", name, "INFO") == ErrorCode.INVALID_REQUEST
    finally:
        logger.setLevel(before)
