"""UpdateFeatures (key 57): finalize versions of cluster features (KIP-584).

Versions: 1 upgrade types and validation only (KIP-778), 2 no results for single features (KIP-1022).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import BOOL, INT8, INT16, INT32, STRING, array_of, field, message, struct


@struct
class FeatureUpdateKey:
    """The new level of a feature, 0 to disable it; upgrade type 1 is an upgrade, 2 a safe and 3 an unsafe downgrade."""

    feature: str = field(STRING)
    max_version_level: int = field(INT16)
    allow_downgrade: bool = field(BOOL, "0", default=False)
    upgrade_type: int = field(INT8, "1+", default=1)


@message(api_key=ApiKey.UPDATE_FEATURES)
class UpdateFeaturesRequest:
    """Levels to finalize, all or none."""

    timeout_ms: int = field(INT32, default=60000)
    feature_updates: tuple[FeatureUpdateKey, ...] = field(array_of(FeatureUpdateKey))
    validate_only: bool = field(BOOL, "1+", default=False)


@struct
class UpdatableFeatureResult:
    """The result for one feature."""

    feature: str = field(STRING)
    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+")


@message(api_key=ApiKey.UPDATE_FEATURES)
class UpdateFeaturesResponse:
    """One result for each feature up to version 1, and one for all from version 2 on."""

    throttle_time_ms: int = field(INT32, default=0)
    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+")
    results: tuple[UpdatableFeatureResult, ...] = field(array_of(UpdatableFeatureResult), "0-1", default=())
