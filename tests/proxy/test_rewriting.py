"""Which responses are rewritten, and how."""

from typing import Any

import pytest

from kafkalite.proxy.rewriting import REWRITTEN, rewriter_of, served_versions
from kafkalite_wire.apis import DECLARED_APIS, ApiKey
from kafkalite_wire.messages.api_versions import ApiVersion, ApiVersionsResponse
from kafkalite_wire.messages.describe_cluster import DescribeClusterBroker, DescribeClusterResponse
from kafkalite_wire.messages.fetch import FetchResponse
from kafkalite_wire.messages.fetch import NodeEndpoint as FetchEndpoint
from kafkalite_wire.messages.find_coordinator import Coordinator, FindCoordinatorResponse
from kafkalite_wire.messages.metadata import MetadataResponse, MetadataResponseBroker
from kafkalite_wire.messages.produce import NodeEndpoint, ProduceResponse
from kafkalite_wire.messages.share_acknowledge import ShareAcknowledgeResponse
from kafkalite_wire.messages.share_fetch import ShareFetchResponse
from kafkalite_wire.schema import fields_of


def local(node_id: int, host: str, port: int) -> tuple[str, int]:
    return ("proxy", 1000 + node_id) if node_id >= 0 else (host, port)


def rewritten(api: ApiKey, response: Any) -> Any:
    rewrite = rewriter_of(api, DECLARED_APIS[api].max_version)
    assert rewrite is not None
    return rewrite(response, local)


RESPONSES = {
    ApiKey.METADATA: MetadataResponse(brokers=(MetadataResponseBroker(node_id=5, host="kafka", port=9092),), topics=()),
    ApiKey.DESCRIBE_CLUSTER: DescribeClusterResponse(
        brokers=(DescribeClusterBroker(broker_id=5, host="kafka", port=9092),)
    ),
    ApiKey.FIND_COORDINATOR: FindCoordinatorResponse(
        coordinators=(Coordinator(key="g", node_id=5, host="kafka", port=9092, error_message=None),)
    ),
    ApiKey.PRODUCE: ProduceResponse(responses=(), node_endpoints=(NodeEndpoint(node_id=5, host="kafka", port=9092),)),
    ApiKey.FETCH: FetchResponse(responses=(), node_endpoints=(FetchEndpoint(node_id=5, host="kafka", port=9092),)),
}


@pytest.mark.parametrize("api", RESPONSES, ids=lambda api: api.name)
def test_clients_are_sent_to_the_proxy(api: ApiKey) -> None:
    shown = repr(rewritten(api, RESPONSES[api]))
    assert "host='proxy'" in shown
    assert "port=1005" in shown
    assert "kafka" not in shown


def test_a_coordinator_in_the_fields_of_older_versions_is_rewritten() -> None:
    rewrite = rewriter_of(ApiKey.FIND_COORDINATOR, 2)
    assert rewrite is not None
    found = rewrite(FindCoordinatorResponse(node_id=5, host="kafka", port=9092), local)
    assert (found.host, found.port) == ("proxy", 1005)
    missing = FindCoordinatorResponse(error_code=15, node_id=-1, host="", port=-1)
    assert rewrite(missing, local) == missing


@pytest.mark.parametrize(
    ("api", "response"),
    [
        (ApiKey.PRODUCE, ProduceResponse(responses=())),
        (ApiKey.FETCH, FetchResponse(responses=())),
        (ApiKey.SHARE_FETCH, ShareFetchResponse(acquisition_lock_timeout_ms=1, responses=(), node_endpoints=())),
        (ApiKey.SHARE_ACKNOWLEDGE, ShareAcknowledgeResponse(responses=(), node_endpoints=())),
    ],
)
def test_a_response_that_names_no_broker_is_passed_on_as_it_is(api: ApiKey, response: object) -> None:
    assert rewritten(api, response) is response


def test_every_response_with_a_host_and_port_is_rewritten() -> None:
    with_addresses = {key for key, api in DECLARED_APIS.items() if {"host", "port"} <= _field_names(api.response_type)}
    # DescribeQuorum names the listeners of controllers, which clients of brokers do not connect to. In a streams group
    # the instances of the application have addresses.
    not_of_brokers = {ApiKey.DESCRIBE_QUORUM, ApiKey.STREAMS_GROUP_HEARTBEAT, ApiKey.STREAMS_GROUP_DESCRIBE}
    assert with_addresses - not_of_brokers == REWRITTEN.keys() - {ApiKey.API_VERSIONS}


def _field_names(declared: type[Any]) -> set[str]:
    names: set[str] = set()
    for each in fields_of(declared):
        names.add(each.name)
        struct = (each.type.element or each.type).struct
        if struct is not None:
            names |= _field_names(struct)
    return names


def offered(*versions: tuple[int, int, int]) -> dict[int, tuple[int, int]]:
    keys = tuple(ApiVersion(api_key=key, min_version=low, max_version=high) for key, low, high in versions)
    found = rewritten(ApiKey.API_VERSIONS, ApiVersionsResponse(api_keys=keys))
    return {each.api_key: (each.min_version, each.max_version) for each in found.api_keys}


def test_versions_are_capped_to_those_that_the_proxy_knows() -> None:
    metadata = DECLARED_APIS[ApiKey.METADATA].max_version
    assert offered((ApiKey.METADATA, 0, 99)) == {ApiKey.METADATA: (0, metadata)}
    assert offered((ApiKey.METADATA, 0, 5)) == {ApiKey.METADATA: (0, 5)}
    assert offered((ApiKey.METADATA, metadata + 1, metadata + 2)) == {}
    assert offered((9999, 0, 1)) == {}


def test_versions_of_produce_that_the_cluster_refuses_stay_listed() -> None:
    assert offered((ApiKey.PRODUCE, 0, 13)) == {ApiKey.PRODUCE: (0, 13)}


def test_logins_are_offered_in_every_version() -> None:
    assert offered((ApiKey.SASL_HANDSHAKE, 0, 1)) == {ApiKey.SASL_HANDSHAKE: (0, 1)}
    assert served_versions(ApiKey.SASL_HANDSHAKE) == (0, 1)
