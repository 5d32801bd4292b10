"""The users and delegation tokens of a cluster, for the SASL mechanism SCRAM; imported only where listeners have it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kafkalite.security.delegation_tokens import token_credential
from kafkalite.security.sasl import ScramMechanism, TokenOwner

if TYPE_CHECKING:
    from kafkalite.cluster.cluster import Cluster
    from kafkalite_storage.metadata.cluster_image import ScramCredential


class StoredUsers:
    """Finds what the metadata log holds. ``cluster`` returns the broker's present cluster."""

    def __init__(self, cluster: Callable[[], Cluster], token_secret: str | None) -> None:
        self._cluster = cluster
        self._token_secret = token_secret

    def credential(self, user: str, mechanism: ScramMechanism) -> ScramCredential | None:
        """Return what AlterUserScramCredentials stored of a user, or None."""
        return self._cluster().storage.cluster_image.scram_credentials.get((user, mechanism))

    def token(self, token_id: str, mechanism: ScramMechanism) -> TokenOwner | None:
        """Return what is known of a delegation token, or None."""
        cluster = self._cluster()
        found = cluster.storage.cluster_image.delegation_tokens.get(token_id)
        if found is None or self._token_secret is None:
            return None
        expires = min(found.expiration_timestamp, found.max_timestamp)
        return TokenOwner(
            user=found.owner.partition(":")[2],
            lifetime=max(expires - cluster.wall_ms(), 0) / 1000,
            credential=token_credential(self._token_secret, token_id, mechanism),
        )
