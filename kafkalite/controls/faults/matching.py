"""Which requests a fault matches, and which of those it acts on. Pure: random numbers are handed in."""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import translate
from typing import TYPE_CHECKING, Any

from kafkalite.controls.faults.resources import resources_in
from kafkalite.interceptors.named_fields import NameKind, names_in
from kafkalite.requests.parts.table import part_names

if TYPE_CHECKING:
    from kafkalite.controls.faults.fault import Fault
    from kafkalite.requests.context import RequestContext
    from kafkalite.requests.parts.message_parts import Part
    from kafkalite_wire.apis import Api

TopicName = Callable[[str | bytes], str | None]
"""Returns the name of a topic by its name or id, None if there is no such topic."""


class Matcher:
    """The criteria of a fault, compiled."""

    def __init__(self, fault: Fault, topic_name: TopicName) -> None:
        self._keys = frozenset(api.key for api in fault.apis)
        self._version = fault.versions
        self._partition = fault.partition
        self._topic_name = topic_name
        self._client_id = _pattern(fault.client_id)
        self._group = _pattern(fault.group)
        self._member = _pattern(fault.member)
        self._topic = _pattern(fault.topic)
        self._transactional_id = _pattern(fault.transactional_id)
        self._resource = _pattern(fault.resource)
        self._broker = fault.broker
        self.looks_at_parts = bool(self._group or self._topic or self._partition is not None)

    def wants(self, api: Api, version: int) -> bool:
        """Return whether an API and version match."""
        return (not self._keys or api.key in self._keys) and (self._version is None or version in self._version)

    def matches(self, request: Any, context: RequestContext) -> bool:
        """Return whether all but the parts of a request match; those are matched by :meth:`chooses`."""
        if not self.wants(context.api, context.api_version):
            return False
        if self._client_id is not None and not self._client_id(context.client_id):
            return False
        if self._broker is not None and context.info.broker != self._broker:
            return False
        if self._member is not None and not any(map(self._member, _names_of_member(request, context))):
            return False
        if self._resource is not None and not any(map(self._resource, resources_in(request, context.api))):
            return False
        return self._transactional_id is None or any(
            map(self._transactional_id, names_in(request, NameKind.TRANSACTIONAL_ID))
        )

    def chooses(self, part: Part) -> bool:
        """Return whether the group, topic and partition of a part match."""
        if self._partition is not None and part.partition != self._partition:
            return False
        if self._group is not None and (part.group is None or not self._group(part.group)):
            return False
        if self._topic is None:
            return True
        name = None if part.topic is None else self._topic_name(part.topic)
        return name is not None and self._topic(name)


class Trigger:
    """Counts the requests that match, and decides on which of them a fault acts."""

    def __init__(self, fault: Fault, chance: Callable[[], float]) -> None:
        self._fault = fault
        self._chance = chance
        self._seen = 0
        self._taken = 0

    @property
    def is_spent(self) -> bool:
        """Whether the fault acts on no further request."""
        nth, times = self._fault.nth, self._fault.times
        return (nth is not None and self._seen >= nth) or (times is not None and self._taken >= times)

    def fires(self) -> bool:
        """Count a request that matches; return whether the fault acts on it."""
        if self.is_spent:
            return False
        fault = self._fault
        self._seen += 1
        if self._seen <= (fault.skip or 0) or (fault.nth is not None and self._seen != fault.nth):
            return False
        if fault.probability is not None and self._chance() >= fault.probability:
            return False
        self._taken += 1
        return True


def _pattern(text: str | None) -> Callable[[str], bool] | None:
    """Compile a name with the wildcards ``*`` and ``?``; no other character is special."""
    if text is None:
        return None
    matches = re.compile(translate(text.replace("[", "[[]"))).match
    return lambda name: matches(name) is not None


def _names_of_member(request: Any, context: RequestContext) -> set[str]:
    """Return the names of the members in a request; none unless it is about a group."""
    if "group" not in part_names(context.api.key):
        return set()
    asking = (request, *getattr(request, "members", ()), *_asking_groups(request))
    names = {getattr(each, name, None) for each in asking for name in ("member_id", "group_instance_id")}
    return {context.client_id, *(name for name in names if name)}


def _asking_groups(request: Any) -> tuple[Any, ...]:
    groups = getattr(request, "groups", ())
    return () if groups and isinstance(groups[0], str) else groups
