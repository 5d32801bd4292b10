"""The resources that requests name: of configurations and of ACLs, as ``topic:orders`` or ``broker:1``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from kafkalite_wire.apis import ApiKey

if TYPE_CHECKING:
    from kafkalite_wire.apis import Api

_ENTRIES: Final = {
    ApiKey.DESCRIBE_CONFIGS: "resources",
    ApiKey.ALTER_CONFIGS: "resources",
    ApiKey.INCREMENTAL_ALTER_CONFIGS: "resources",
    ApiKey.CREATE_ACLS: "creations",
    ApiKey.DELETE_ACLS: "filters",
    ApiKey.DESCRIBE_ACLS: "",
}
"""By API: the field with its entries, empty where the request is one itself."""
_OF_ACLS: Final = frozenset((ApiKey.CREATE_ACLS, ApiKey.DELETE_ACLS, ApiKey.DESCRIBE_ACLS))
_CONFIG_TYPES: Final = {2: "topic", 4: "broker", 8: "broker-logger", 16: "client-metrics", 32: "group"}
_ACL_TYPES: Final = {2: "topic", 3: "group", 4: "cluster", 5: "transactional-id", 6: "delegation-token", 7: "user"}
TYPES: Final = tuple(dict.fromkeys((*_CONFIG_TYPES.values(), *_ACL_TYPES.values())))
"""The types that a resource can have, by their names."""


def names_resources(api: Api) -> bool:
    """Return whether requests of an API name resources."""
    return api.key in _ENTRIES


def resources_in(request: Any, api: Api) -> Iterator[str]:
    """Yield the resources in a request, as TYPE:NAME."""
    field = _ENTRIES.get(api.key)
    if field is None:
        return
    types = _ACL_TYPES if api.key in _OF_ACLS else _CONFIG_TYPES
    for entry in getattr(request, field) if field else (request,):
        is_filter = hasattr(entry, "resource_type_filter")
        kind = types.get(entry.resource_type_filter if is_filter else entry.resource_type)
        name = entry.resource_name_filter if is_filter else entry.resource_name
        if kind is not None and name is not None:
            yield f"{kind}:{name}"
