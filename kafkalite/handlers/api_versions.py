"""ApiVersions: the versions of every API that is served (KIP-35, KIP-511).

A version above 5 is answered in version 0 with error 35 and the whole table, as Apache Kafka does. A software name
that is not a plain word is refused (KIP-511), and from version 5 on so is a request that was meant for another
cluster or node (KIP-1242). From version 3 on the answer has the features that are served.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

from kafkalite.cluster.features import SERVED_FEATURES, finalized
from kafkalite_wire.apis import APIS
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.api_versions import (
    ApiVersion,
    ApiVersionsRequest,
    ApiVersionsResponse,
    FinalizedFeatureKey,
    SupportedFeatureKey,
)

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext

_SOFTWARE: Final = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?")
_NAMES_SOFTWARE: Final = 3
_FEATURES_SINCE: Final = 3
_LEVEL_0_SINCE: Final = 4
_NO_NODE: Final = -1


def handle(broker: BrokerEndpoint, request: ApiVersionsRequest, context: RequestContext) -> ApiVersionsResponse:
    """Answer with the table, once the request's own claims hold."""
    if context.api_version >= _NAMES_SOFTWARE:
        name, version = request.client_software_name, request.client_software_version
        if not (_SOFTWARE.fullmatch(name) and _SOFTWARE.fullmatch(version)):
            return ApiVersionsResponse(error_code=ErrorCode.INVALID_REQUEST, api_keys=())
        context.info.software = f"{name} {version}"
    if (request.cluster_id is None) != (request.node_id == _NO_NODE):
        return ApiVersionsResponse(error_code=ErrorCode.INVALID_REQUEST, api_keys=())
    authenticator = context.info.authenticator
    if authenticator is not None and not authenticator.is_authenticated:
        # Kafka answers such clients elsewhere, where it does not know its cluster.
        authenticator.versions_shown()
        return _answer(broker, context)
    meant_for_us = request.cluster_id in (None, broker.cluster.storage.cluster_id) and request.node_id in (
        _NO_NODE,
        broker.id,
    )
    if not meant_for_us:
        return ApiVersionsResponse(error_code=ErrorCode.REBOOTSTRAP_REQUIRED, api_keys=())
    return _answer(broker, context)


def _answer(broker: BrokerEndpoint, context: RequestContext) -> ApiVersionsResponse:
    if context.api_version < _FEATURES_SINCE:
        return ApiVersionsResponse(api_keys=_served())
    storage = broker.cluster.storage
    return ApiVersionsResponse(
        api_keys=_served(),
        supported_features=_supported_features(context.api_version >= _LEVEL_0_SINCE),
        finalized_features_epoch=storage.metadata.log.log_end_offset - 1,
        finalized_features=tuple(
            FinalizedFeatureKey(name=name, max_version_level=level, min_version_level=level)
            for name, level in finalized(storage.features).items()
        ),
    )


def unsupported_version() -> ApiVersionsResponse:
    """Make the answer to a version that is not served; it is sent in version 0."""
    return ApiVersionsResponse(error_code=ErrorCode.UNSUPPORTED_VERSION, api_keys=_served())


@cache
def _supported_features(with_level_0: bool) -> tuple[SupportedFeatureKey, ...]:
    # Clients of version 3 cannot read a feature whose lowest level is 0.
    return tuple(
        SupportedFeatureKey(name=name, min_version=served.min_level, max_version=served.max_level)
        for name, served in SERVED_FEATURES.items()
        if with_level_0 or served.min_level > 0
    )


@cache
def _served() -> tuple[ApiVersion, ...]:
    return tuple(
        ApiVersion(api_key=api.key, min_version=api.min_version, max_version=api.max_version) for api in APIS.values()
    )
