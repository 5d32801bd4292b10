"""Apache Kafka finds the quotas, credentials, features and configurations of kafkalite, and gives them back."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from kafkalite_conformance.reference_broker import CONFORMANCE_JVM_FLAGS, start_kafka
from kafkalite_wire.messages.alter_client_quotas import AlterClientQuotasRequest, EntityData, EntryData, OpData
from kafkalite_wire.messages.alter_user_scram_credentials import (
    AlterUserScramCredentialsRequest,
    ScramCredentialUpsertion,
)
from kafkalite_wire.messages.api_versions import ApiVersionsRequest
from kafkalite_wire.messages.describe_client_quotas import DescribeClientQuotasRequest
from kafkalite_wire.messages.describe_configs import DescribeConfigsRequest, DescribeConfigsResource
from kafkalite_wire.messages.describe_user_scram_credentials import DescribeUserScramCredentialsRequest
from kafkalite_wire.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    IncrementalAlterConfigsRequest,
)
from kafkalite_wire.messages.list_config_resources import ListConfigResourcesRequest
from kafkalite_wire.messages.update_features import FeatureUpdateKey, UpdateFeaturesRequest
from tests.interop.test_round_trip import KAFKA_SETTINGS, served_by
from tests.support.blocking_client import BlockingClient
from tests.support.broker_process import KillableBroker
from tests.support.directory_with_history import SETTINGS
from tests.support.reference_kafka import java, kafka_libs

METRICS, GROUP = 16, 32
ELIGIBLE = "eligible.leader.replicas.version"
SAFE_DOWNGRADE = 2


def change(client: BlockingClient, suffix: str) -> None:
    """Set one of each kind, under names of one's own."""
    entity = (
        EntityData(entity_type="user", entity_name=f"u-{suffix}"),
        EntityData(entity_type="client-id", entity_name=None),
    )
    quota = EntryData(entity=entity, ops=(OpData(key="request_percentage", value=12.5, remove=False),))
    answer = client.call(AlterClientQuotasRequest(entries=(quota,), validate_only=False), 1)
    assert answer.entries[0].error_code == 0
    credential = ScramCredentialUpsertion(
        name=f"u-{suffix}", mechanism=2, iterations=5000, salt=b"salt", salted_password=b"p" * 64
    )
    answer = client.call(AlterUserScramCredentialsRequest(deletions=(), upsertions=(credential,)), 0)
    assert answer.results[0].error_code == 0
    resources = tuple(
        AlterConfigsResource(
            resource_type=kind,
            resource_name=f"r-{suffix}",
            configs=(AlterableConfig(name=name, config_operation=0, value=value),),
        )
        for kind, name, value in ((METRICS, "interval.ms", "5000"), (GROUP, "consumer.session.timeout.ms", "50000"))
    )
    answer = client.call(IncrementalAlterConfigsRequest(resources=resources, validate_only=False), 1)
    assert [each.error_code for each in answer.responses] == [0, 0]


def settings(client: BlockingClient) -> dict[str, Any]:
    """Return all that the cluster keeps of these kinds."""
    quotas = client.call(DescribeClientQuotasRequest(components=(), strict=False), 1).entries
    credentials = client.call(DescribeUserScramCredentialsRequest(users=None), 0).results
    found = client.call(ListConfigResourcesRequest(resource_types=(METRICS, GROUP)), 1).config_resources
    resources = tuple(
        DescribeConfigsResource(
            resource_type=each.resource_type, resource_name=each.resource_name, configuration_keys=None
        )
        for each in found
    )
    described = client.call(DescribeConfigsRequest(resources=resources), 4).results
    request = ApiVersionsRequest(client_software_name="test", client_software_version="1")
    features = client.call(request, 4).finalized_features
    return {
        "quotas": {
            frozenset((part.entity_type, part.entity_name) for part in entry.entity): {
                value.key: value.value for value in entry.values
            }
            for entry in quotas
        },
        "credentials": {
            each.user: [(info.mechanism, info.iterations) for info in each.credential_infos] for each in credentials
        },
        "configs": {
            (each.resource_type, each.resource_name, config.name): config.value
            for each in described
            for config in each.configs
            if config.config_source in (7, 8)
        },
        "eligible leaders": {each.name: each.max_version_level for each in features}.get(ELIGIBLE),
    }


def test_settings_of_the_cluster_go_to_kafka_and_back(tmp_path: Path) -> None:
    java()
    kafka_libs()
    broker = KillableBroker(tmp_path / "logs", SETTINGS)
    with served_by(broker, "killed") as client:
        change(client, "kafkalite")
        lowered = FeatureUpdateKey(feature=ELIGIBLE, max_version_level=0, upgrade_type=SAFE_DOWNGRADE)
        assert client.call(UpdateFeaturesRequest(feature_updates=(lowered,)), 2).error_code == 0
        written = settings(client)
    assert written["eligible leaders"] is None
    assert len(written["configs"]) == 2
    with (
        start_kafka(KAFKA_SETTINGS, jvm_flags=CONFORMANCE_JVM_FLAGS, data_dir=tmp_path) as kafka,
        BlockingClient(int(kafka.bootstrap.rpartition(":")[2])) as client,
    ):
        assert settings(client) == written
        change(client, "kafka")
        raised = FeatureUpdateKey(feature=ELIGIBLE, max_version_level=1)
        assert client.call(UpdateFeaturesRequest(feature_updates=(raised,)), 2).error_code == 0
        # Kafka answers before its broker has read the record.
        deadline = time.monotonic() + 60
        while (left := settings(client))["eligible leaders"] != 1:
            assert time.monotonic() < deadline
    with served_by(broker, "stopped") as client:
        assert settings(client) == left
    assert len(left["quotas"]) == len(left["credentials"]) == 2
