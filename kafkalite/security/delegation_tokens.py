"""Delegation tokens (KIP-48): a client logs in by SCRAM with the token's id as its name and the token's HMAC.

The HMAC of a token's id is not stored: it follows from the secret, ``delegation.token.secret.key``.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from functools import lru_cache
from typing import Final

from kafkalite.security.sasl import ScramMechanism, scram_credential
from kafkalite_storage.metadata.cluster_image import ScramCredential

_ID_BYTES: Final = 16
_MOST_KEPT: Final = 1000


def new_token_id() -> str:
    """Return a random id, 22 letters of base64url; like Kafka's it does not begin with a dash."""
    while (token_id := secrets.token_urlsafe(_ID_BYTES)).startswith("-"):
        pass
    return token_id


def token_hmac(secret: str, token_id: str) -> bytes:
    """Return what proves a token."""
    return hmac.digest(secret.encode(), token_id.encode(), "sha512")


@lru_cache(maxsize=_MOST_KEPT)  # deriving keys takes a millisecond or two
def token_credential(secret: str, token_id: str, mechanism: ScramMechanism) -> ScramCredential:
    """Return the credential of a token, whose password is the HMAC in base64."""
    return scram_credential(base64.b64encode(token_hmac(secret, token_id)).decode("ascii"), mechanism)
