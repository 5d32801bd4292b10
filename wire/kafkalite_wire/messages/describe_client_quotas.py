"""DescribeClientQuotas (key 48): describe the quotas of users, clients and addresses (KIP-546)."""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import BOOL, FLOAT64, INT8, INT16, INT32, STRING, array_of, field, message, struct


@struct
class ComponentData:
    """A filter of one entity type: 0 matches a name, 1 the default entity, 2 any name."""

    entity_type: str = field(STRING)
    match_type: int = field(INT8)
    match: str | None = field(STRING, nullable="0+")


@message(api_key=ApiKey.DESCRIBE_CLIENT_QUOTAS)
class DescribeClientQuotasRequest:
    """Filters that must all match; a strict one matches no further entity types."""

    components: tuple[ComponentData, ...] = field(array_of(ComponentData))
    strict: bool = field(BOOL)


@struct
class EntityData:
    """One part of an entity; a null name is the default entity."""

    entity_type: str = field(STRING)
    entity_name: str | None = field(STRING, nullable="0+")


@struct
class ValueData:
    """One quota."""

    key: str = field(STRING)
    value: float = field(FLOAT64)


@struct
class EntryData:
    """An entity and its quotas."""

    entity: tuple[EntityData, ...] = field(array_of(EntityData))
    values: tuple[ValueData, ...] = field(array_of(ValueData))


@message(api_key=ApiKey.DESCRIBE_CLIENT_QUOTAS)
class DescribeClientQuotasResponse:
    """The entities that match; null with an error."""

    throttle_time_ms: int = field(INT32, default=0)
    error_code: int = field(INT16, default=0)
    error_message: str | None = field(STRING, nullable="0+")
    entries: tuple[EntryData, ...] | None = field(array_of(EntryData), nullable="0+")
