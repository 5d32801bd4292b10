"""Which quota applies to a client: those of its user and client id, in Kafka's order of precedence (KIP-55)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

USER: Final = "user"
CLIENT_ID: Final = "client-id"
IP: Final = "ip"
DEFAULT: Final = None
"""The name of an entity that stands for all without a quota of their own."""

Entity = frozenset[tuple[str, str | None]]
"""An entity's types, and the name of each."""
Quotas = Mapping[Entity, Mapping[str, float]]
"""The quotas of each entity by key, as the metadata log holds them."""


class QuotaKey(StrEnum):
    """What may be limited."""

    PRODUCED = "producer_byte_rate"
    """Bytes of Produce requests per second."""
    FETCHED = "consumer_byte_rate"
    """Bytes of Fetch responses per second."""
    REQUEST_TIME = "request_percentage"
    """Time of handling requests, in per cent of one thread."""
    MUTATIONS = "controller_mutation_rate"
    """Partitions created and deleted per second."""
    CONNECTIONS = "connection_creation_rate"
    """Connections per second from an address."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A quota as it applies to one client."""

    bound: float
    shared_by: tuple[str | None, str | None]
    """The user and client id that use it up together; None where it does not depend on that."""


def limit_of(quotas: Quotas, key: QuotaKey, user: str, client_id: str) -> Limit | None:
    """Return the limit of a client, or None if it has none.

    A quota of a user and client id comes before one of the user, and that before one of the client id. Within them a
    name comes before a default. A client without a client id has quotas of its user only.
    """
    for entity, shared_by in _candidates(user, client_id):
        found = quotas.get(entity)
        bound = None if found is None else found.get(key)
        if bound is not None:
            return Limit(bound, shared_by)
    return None


def _candidates(user: str, client_id: str) -> list[tuple[Entity, tuple[str | None, str | None]]]:
    of_user, of_both, of_client = (user, None), (user, client_id), (None, client_id)
    named_user, any_user = (USER, user), (USER, DEFAULT)
    named_client, any_client = (CLIENT_ID, client_id), (CLIENT_ID, DEFAULT)
    if not client_id:
        return [(frozenset((named_user,)), of_user), (frozenset((any_user,)), of_user)]
    return [
        (frozenset((named_user, named_client)), of_both),
        (frozenset((named_user, any_client)), of_both),
        (frozenset((named_user,)), of_user),
        (frozenset((any_user, named_client)), of_both),
        (frozenset((any_user, any_client)), of_both),
        (frozenset((any_user,)), of_user),
        (frozenset((named_client,)), of_client),
        (frozenset((any_client,)), of_client),
    ]


def connection_rate_of(quotas: Quotas, address: str) -> float | None:
    """Return the connections per second that an address may make, or None if that is not limited."""
    for name in (address, DEFAULT):
        found = quotas.get(frozenset(((IP, name),)))
        bound = None if found is None else found.get(QuotaKey.CONNECTIONS)
        if bound is not None:
            return bound
    return None
