"""ApiVersions (key 18): the APIs and versions that a broker supports (KIP-35, KIP-511, KIP-584)."""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import BOOL, INT16, INT32, INT64, STRING, array_of, field, message, struct


@message(api_key=ApiKey.API_VERSIONS)
class ApiVersionsRequest:
    """The first request on a connection, with the name and version of the client's software."""

    client_software_name: str = field(STRING, "3+", default="")
    client_software_version: str = field(STRING, "3+", default="")
    cluster_id: str | None = field(STRING, "5+", nullable="5+", default=None)
    node_id: int = field(INT32, "5+", default=-1)


@struct
class ApiVersion:
    """The versions of one API, an inclusive range."""

    api_key: int = field(INT16)
    min_version: int = field(INT16)
    max_version: int = field(INT16)


@struct
class SupportedFeatureKey:
    """The versions of one feature that the broker supports."""

    name: str = field(STRING, "3+")
    min_version: int = field(INT16, "3+")
    max_version: int = field(INT16, "3+")


@struct
class FinalizedFeatureKey:
    """The versions of one feature that are enabled in the cluster."""

    name: str = field(STRING, "3+")
    max_version_level: int = field(INT16, "3+")
    min_version_level: int = field(INT16, "3+")


@message(api_key=ApiKey.API_VERSIONS)
class ApiVersionsResponse:
    """The broker's APIs, and its features as tagged fields."""

    error_code: int = field(INT16, default=0)
    api_keys: tuple[ApiVersion, ...] = field(array_of(ApiVersion))
    throttle_time_ms: int = field(INT32, "1+", default=0)
    supported_features: tuple[SupportedFeatureKey, ...] = field(array_of(SupportedFeatureKey), "3+", tag=0, default=())
    finalized_features_epoch: int = field(INT64, "3+", tag=1, default=-1)
    finalized_features: tuple[FinalizedFeatureKey, ...] = field(array_of(FinalizedFeatureKey), "3+", tag=2, default=())
    zk_migration_ready: bool = field(BOOL, "3+", tag=3, default=False)
