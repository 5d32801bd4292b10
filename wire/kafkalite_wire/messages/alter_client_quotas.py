"""AlterClientQuotas (key 49): set and remove the quotas of users, clients and addresses (KIP-546)."""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import BOOL, FLOAT64, INT16, INT32, STRING, array_of, field, message, struct


@struct
class EntityData:
    """One part of an entity; a null name is the default entity."""

    entity_type: str = field(STRING)
    entity_name: str | None = field(STRING, nullable="0+")


@struct
class OpData:
    """Set or remove one quota."""

    key: str = field(STRING)
    value: float = field(FLOAT64)
    remove: bool = field(BOOL)


@struct
class EntryData:
    """An entity and its changes."""

    entity: tuple[EntityData, ...] = field(array_of(EntityData))
    ops: tuple[OpData, ...] = field(array_of(OpData))


@message(api_key=ApiKey.ALTER_CLIENT_QUOTAS)
class AlterClientQuotasRequest:
    """The changes of each entity, which are made together or not at all."""

    entries: tuple[EntryData, ...] = field(array_of(EntryData))
    validate_only: bool = field(BOOL)


@struct
class EntryResult:
    """The result for one entity."""

    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+")
    entity: tuple[EntityData, ...] = field(array_of(EntityData))


@message(api_key=ApiKey.ALTER_CLIENT_QUOTAS)
class AlterClientQuotasResponse:
    """One result for each entity."""

    throttle_time_ms: int = field(INT32, default=0)
    entries: tuple[EntryResult, ...] = field(array_of(EntryResult))
