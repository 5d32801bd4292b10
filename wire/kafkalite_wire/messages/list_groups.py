"""ListGroups (key 16): the groups that a broker coordinates.

Versions: 4 filter by state (KIP-518), 5 filter by type (KIP-848).
"""

from __future__ import annotations

from kafkalite_wire.apis import ApiKey
from kafkalite_wire.schema import INT16, INT32, STRING, array_of, field, message, struct


@message(api_key=ApiKey.LIST_GROUPS)
class ListGroupsRequest:
    """Filters by state and type; an empty filter matches all groups."""

    states_filter: tuple[str, ...] = field(array_of(STRING), "4+", default=())
    types_filter: tuple[str, ...] = field(array_of(STRING), "5+", default=())


@struct
class ListedGroup:
    """One group."""

    group_id: str = field(STRING)
    protocol_type: str = field(STRING)
    group_state: str = field(STRING, "4+", default="")
    group_type: str = field(STRING, "5+", default="")


@message(api_key=ApiKey.LIST_GROUPS)
class ListGroupsResponse:
    """The groups of this broker that match the filters."""

    throttle_time_ms: int = field(INT32, "1+", default=0)
    error_code: int = field(INT16, default=0)
    groups: tuple[ListedGroup, ...] = field(array_of(ListedGroup), default=())
