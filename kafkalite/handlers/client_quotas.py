"""DescribeClientQuotas and AlterClientQuotas: the quotas of users, client ids and addresses (KIP-546).

Quotas are stored in the metadata log, as Kafka stores them, and apply from the next request on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from kafkalite.errors import RefusedError
from kafkalite_storage.errors import StorageError
from kafkalite_wire.error_codes import ErrorCode
from kafkalite_wire.messages import alter_client_quotas as alter
from kafkalite_wire.messages import describe_client_quotas as describe
from kafkalite_wire.messages.metadata_records import ClientQuotaRecord, EntityData

if TYPE_CHECKING:
    from kafkalite.cluster.endpoint import BrokerEndpoint
    from kafkalite.requests.context import RequestContext
    from kafkalite_storage.metadata.cluster_image import QuotaEntity

_USER: Final = "user"
_CLIENT_ID: Final = "client-id"
_IP: Final = "ip"
_ENTITY_TYPES: Final = (_USER, _CLIENT_ID, _IP)
_BYTE_RATES: Final = frozenset(("producer_byte_rate", "consumer_byte_rate"))
_OF_CLIENTS: Final = _BYTE_RATES | {"request_percentage", "controller_mutation_rate"}
_OF_ADDRESSES: Final = frozenset(("connection_creation_rate",))
_WHOLE_NUMBERS: Final = _BYTE_RATES | _OF_ADDRESSES
_SMALLEST_FRACTION: Final = 1e-6


class MatchType(IntEnum):
    """What a filter of one entity type matches."""

    EXACT = 0
    DEFAULT = 1
    SPECIFIED = 2


def describe_client_quotas(
    broker: BrokerEndpoint, request: describe.DescribeClientQuotasRequest, context: RequestContext
) -> describe.DescribeClientQuotasResponse:
    """Return the entities that all filters match; a strict request wants no further entity types."""
    del context
    try:
        exact, any_name = _filters(request.components)
    except RefusedError as refusal:
        return describe.DescribeClientQuotasResponse(error_code=refusal.code, error_message=str(refusal), entries=None)
    entries: list[describe.EntryData] = []
    for entity, quotas in broker.cluster.storage.cluster_image.client_quotas.items():
        names = dict(entity)
        if request.strict and len(names) != len(exact) + len(any_name):
            continue
        if any_name <= names.keys() and exact.items() <= names.items():
            entries.append(
                describe.EntryData(
                    entity=tuple(
                        describe.EntityData(entity_type=kind, entity_name=name) for kind, name in names.items()
                    ),
                    values=tuple(describe.ValueData(key=key, value=value) for key, value in quotas.items()),
                )
            )
    return describe.DescribeClientQuotasResponse(error_message=None, entries=tuple(entries))


def _filters(components: Sequence[describe.ComponentData]) -> tuple[dict[str, str | None], set[str]]:
    """Return the names to match by entity type, and the types that may have any name. Raises RefusedError."""
    exact: dict[str, str | None] = {}
    any_name: set[str] = set()
    for component in components:
        kind = component.entity_type
        if not kind:
            raise _invalid("Invalid empty entity type.")
        if kind in exact or kind in any_name:
            raise _invalid(f"Entity type {kind} cannot appear more than once in the filter.")
        if kind not in _ENTITY_TYPES:
            raise RefusedError(ErrorCode.UNSUPPORTED_VERSION, f"Unsupported entity type {kind}")
        if component.match_type not in set(MatchType):
            raise _invalid(f"Unknown match type {component.match_type}")
        if (component.match is not None) != (component.match_type == MatchType.EXACT):
            wanted = "no match string" if component.match_type == MatchType.EXACT else "also a match string"
            raise _invalid(f"Request specified {MatchType(component.match_type).name}, but {wanted}.")
        if component.match_type == MatchType.SPECIFIED:
            any_name.add(kind)
        else:
            exact[kind] = component.match
    kinds = exact.keys() | any_name
    if _IP in kinds and len(kinds) > 1:
        raise _invalid("IP filter component should not be used with user or clientId filter component.")
    return exact, any_name


def alter_client_quotas(
    broker: BrokerEndpoint, request: alter.AlterClientQuotasRequest, context: RequestContext
) -> alter.AlterClientQuotasResponse:
    """Change the quotas of each entity, all of them or none.

    Of an entity that stands twice the first entry is made, and the answer is the error of the second, as in Kafka.
    """
    del context
    results: dict[QuotaEntity, alter.EntryResult] = {}
    for entry in request.entries:
        code, reason = ErrorCode.NONE, None
        names = _names(entry)
        entity = frozenset(names.items())
        try:
            if entity in results:
                raise _invalid("An entity can be changed once in a request.")
            records = list(_changes(broker, names, entry.ops))
            if not request.validate_only:
                broker.cluster.change_metadata(records)
                broker.cluster.quotas_changed()
        except (RefusedError, StorageError) as error:
            code, reason = error.code, str(error)
        results[entity] = alter.EntryResult(
            error_code=code,
            error_message=reason,
            entity=tuple(alter.EntityData(entity_type=kind, entity_name=name) for kind, name in names.items()),
        )
    return alter.AlterClientQuotasResponse(entries=tuple(results.values()))


def _names(entry: alter.EntryData) -> Mapping[str, str | None]:
    """Return the names of an entity by type; of a type that stands twice the last one counts."""
    return {part.entity_type: part.entity_name for part in entry.entity}


def _changes(
    broker: BrokerEndpoint, names: Mapping[str, str | None], ops: Sequence[alter.OpData]
) -> Iterator[ClientQuotaRecord]:
    """Return the records of the quotas that will have another value than now. Raises RefusedError."""
    keys = _keys_of(names)
    current = broker.cluster.storage.cluster_image.client_quotas.get(frozenset(names.items()), {})
    if len({op.key for op in ops}) < len(ops):
        raise _invalid("Duplicate quota key, not updating quotas for this entity")
    entity = tuple(EntityData(entity_type=kind, entity_name=name) for kind, name in names.items())
    for op in ops:
        if op.remove:
            if op.key in current:
                yield ClientQuotaRecord(entity=entity, key=op.key, remove=True)
            continue
        _check_value(op, keys)
        if current.get(op.key) != op.value:
            yield ClientQuotaRecord(entity=entity, key=op.key, value=op.value)


def _keys_of(entity: Mapping[str, str | None]) -> frozenset[str]:
    """Return the quotas that an entity may have. Raises RefusedError."""
    if not entity:
        raise _invalid("Invalid empty client quota entity")
    for kind, name in entity.items():
        if kind not in _ENTITY_TYPES:
            raise _invalid(f"Unhandled client quota entity type: {kind}")
        if name == "":
            raise _invalid(f"Empty {kind} not supported")
    if _IP not in entity:
        return _OF_CLIENTS
    if len(entity) > 1:
        raise _invalid("Invalid quota entity combination, IP entity should not be combined with User or ClientId")
    address = entity[_IP]
    if address is not None and not _is_address(address):
        raise _invalid(f"{address} is not a valid IP or resolvable host.")
    return _OF_ADDRESSES


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return text == "localhost"
    return True


def _check_value(op: alter.OpData, keys: frozenset[str]) -> None:
    if op.key not in keys:
        raise _invalid(f"Invalid configuration key {op.key}")
    if not math.isfinite(op.value) or op.value <= 0:
        raise _invalid(f"Quota {op.key} must be greater than 0")
    fraction = abs(math.floor(op.value + _SMALLEST_FRACTION) - op.value)
    if op.key in _WHOLE_NUMBERS and fraction > _SMALLEST_FRACTION:
        raise _invalid(f"Configuration {op.key} must be a whole number")


def _invalid(reason: str) -> RefusedError:
    return RefusedError(ErrorCode.INVALID_REQUEST, reason)
