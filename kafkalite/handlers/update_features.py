"""UpdateFeatures: finalize other levels of features (KIP-584, KIP-778).

All updates of a request are made, or none; the first mistake is the answer for all. Features that are not served
(:mod:`kafkalite.cluster.features`) cannot be changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from kafkalite.cluster.features import SERVED_FEATURES
from kafkalite.errors import RefusedError
from kafkalite_storage.errors import StorageError
from kafkalite_storage.metadata.topics import METADATA_VERSION
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages.metadata_records import FeatureLevelRecord
from kafkalite_wire.messages.update_features import (
    FeatureUpdateKey,
    UpdatableFeatureResult,
    UpdateFeaturesRequest,
    UpdateFeaturesResponse,
)

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext

_RESULTS_UNTIL: Final = 1
_METADATA_CHANGED: Final = (7, 8, 11, 13, 14, 15, 17, 23, 30, 32, 33)
"""The levels of ``metadata.version`` that introduced records or fields; a downgrade below one could lose them."""


class UpgradeType(IntEnum):
    """What an update may do (org.apache.kafka.clients.admin.FeatureUpdate.UpgradeType)."""

    UPGRADE = 1
    SAFE_DOWNGRADE = 2
    UNSAFE_DOWNGRADE = 3


def handle(broker: BrokerEndpoint, request: UpdateFeaturesRequest, context: RequestContext) -> UpdateFeaturesResponse:
    """Finalize the levels of a request."""
    updates = {update.feature: update for update in request.feature_updates}
    levels = dict(broker.cluster.storage.features)
    try:
        for name, update in updates.items():
            _check(broker, update, levels)
            levels[name] = update.max_version_level
        if not request.validate_only:
            _finalize(broker, updates.values())
    except (RefusedError, StorageError) as refusal:
        reason = f"The update failed for all features since the following feature had an error: {refusal}"
        return UpdateFeaturesResponse(error_code=refusal.code, error_message=reason)
    results = tuple(UpdatableFeatureResult(feature=name, error_message=None) for name in updates)
    return UpdateFeaturesResponse(error_message=None, results=results if context.api_version <= _RESULTS_UNTIL else ())


def _finalize(broker: BrokerEndpoint, updates: Iterable[FeatureUpdateKey]) -> None:
    current = broker.cluster.storage.features
    broker.cluster.change_metadata(
        [
            FeatureLevelRecord(name=update.feature, feature_level=update.max_version_level)
            for update in updates
            if update.max_version_level != current.get(update.feature, 0)
        ]
    )


def _check(broker: BrokerEndpoint, update: FeatureUpdateKey, levels: dict[str, int]) -> None:
    """Raise RefusedError for an update that cannot be made; ``levels`` has those before it."""
    name, level, kind = update.feature, update.max_version_level, update.upgrade_type
    current = levels.get(name, 0)
    if kind not in set(UpgradeType):
        raise _invalid(update, "The controller does not support the given upgrade type.")
    if level < 0:
        raise _invalid(update, "A feature version cannot be less than 0.")
    served = SERVED_FEATURES.get(name)
    if served is None:
        raise _invalid(update, f"Local controller {broker.id} does not support this feature.")
    if not served.min_level <= level <= served.max_level:
        raise _invalid(
            update,
            f"Local controller {broker.id} only supports versions {served.min_level}-{served.max_level}",
        )
    if level < current and kind == UpgradeType.UPGRADE:
        raise _invalid(
            update,
            "Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe "
            "downgrade.",
        )
    if level > current and kind != UpgradeType.UPGRADE:
        raise _invalid(update, "Can't downgrade to a newer version.")
    if name == METADATA_VERSION:
        if any(level < changed <= current for changed in _METADATA_CHANGED):
            raise RefusedError(
                ErrorCode.INVALID_UPDATE_VERSION,
                f"Unsupported {METADATA_VERSION} downgrade from {current} to {level}: it might lose metadata.",
            )
    elif level > 0 and levels.get(METADATA_VERSION, 0) < served.metadata_version:
        raise _invalid(
            update, f"It requires {METADATA_VERSION} {served.metadata_version}, which is {levels[METADATA_VERSION]}."
        )


def _invalid(update: FeatureUpdateKey, reason: str) -> RefusedError:
    return RefusedError(
        ErrorCode.INVALID_UPDATE_VERSION,
        f"Invalid update version {update.max_version_level} for feature {update.feature}. {reason}",
    )
