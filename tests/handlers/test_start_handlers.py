"""What a client asks first, called directly over a broker in memory: ApiVersions, FindCoordinator, InitProducerId."""

from __future__ import annotations

import pytest

from kafkalite.cluster.endpoint import BrokerEndpoint
from kafkalite.handlers import api_versions, find_coordinator, init_producer_id
from kafkalite_wire.apis import APIS, ApiKey
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.api_versions import ApiVersionsRequest
from kafkalite_wire.messages.find_coordinator import FindCoordinatorRequest
from kafkalite_wire.messages.init_producer_id import InitProducerIdRequest
from tests.support.partition_requests import context, finish


def test_api_versions_are_those_of_the_table(broker: BrokerEndpoint) -> None:
    asked = context(ApiKey.API_VERSIONS, 3)
    request = ApiVersionsRequest(client_software_name="client", client_software_version="1.0")
    response = api_versions.handle(broker, request, asked)
    assert {api.api_key: api.max_version for api in response.api_keys} == {
        api.key: api.max_version for api in APIS.values()
    }
    assert asked.info.software == "client 1.0"


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (ApiVersionsRequest(client_software_name="?", client_software_version="1"), ErrorCode.INVALID_REQUEST),
        (
            ApiVersionsRequest(client_software_name="c", client_software_version="1", cluster_id="another", node_id=1),
            ErrorCode.REBOOTSTRAP_REQUIRED,
        ),
    ],
)
def test_api_versions_checks_what_the_client_says(
    broker: BrokerEndpoint, request_: ApiVersionsRequest, code: ErrorCode
) -> None:
    assert api_versions.handle(broker, request_, context(ApiKey.API_VERSIONS, 5)).error_code == code


@pytest.mark.parametrize(("key_type", "code"), [(0, 0), (1, 0), (2, ErrorCode.INVALID_REQUEST)])
def test_the_broker_coordinates_groups(broker: BrokerEndpoint, key_type: int, code: int) -> None:
    request = FindCoordinatorRequest(key_type=key_type, coordinator_keys=("a", "b"))
    response, _ = finish(find_coordinator.handle(broker, request, context(ApiKey.FIND_COORDINATOR, 4)))
    found = response.coordinators
    assert [(each.key, each.error_code) for each in found] == [("a", code), ("b", code)]
    assert {each.node_id for each in found} == {-1 if code else broker.id}


def test_every_producer_has_another_id(broker: BrokerEndpoint) -> None:
    request = InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=0)
    made = [finish(init_producer_id.handle(broker, request, context(ApiKey.INIT_PRODUCER_ID, 4))) for _ in range(3)]
    assert len({response.producer_id for response, _ in made if response is not None}) == 3
