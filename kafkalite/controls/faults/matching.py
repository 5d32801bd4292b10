"""Whether a fault is about a call, and which of those calls it acts on. Pure: chance is handed in."""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import translate
from typing import TYPE_CHECKING, Any

from kafkalite.requests.parts.table import part_names

if TYPE_CHECKING:
    from kafkalite.controls.faults.fault import Fault
    from kafkalite.requests.context import RequestContext
    from kafkalite.requests.parts.message_parts import Part
    from kafkalite_wire.apis import Api

TopicName = Callable[[str | bytes], str | None]
"""Gives the name of a topic that was named or identified, None if there is no such topic."""


class Matcher:
    """The part of a fault that only looks."""

    def __init__(self, fault: Fault, topic_name: TopicName) -> None:
        self._keys = frozenset(api.key for api in fault.apis)
        self._version = fault.version
        self._partition = fault.partition
        self._topic_name = topic_name
        self._client_id = _pattern(fault.client_id)
        self._group = _pattern(fault.group)
        self._member = _pattern(fault.member)
        self._topic = _pattern(fault.topic)
        self.looks_at_parts = bool(self._group or self._topic or self._partition is not None)

    def wants(self, api: Api, version: int) -> bool:
        """Return whether an API and version are the right ones."""
        return (not self._keys or api.key in self._keys) and (self._version is None or version in self._version)

    def matches(self, request: Any, context: RequestContext) -> bool:
        """Return whether API, version, client and member are the right ones; parts are looked at apart."""
        if not self.wants(context.api, context.api_version):
            return False
        if self._client_id is not None and not self._client_id(context.client_id):
            return False
        return self._member is None or any(map(self._member, _names_of_member(request, context)))

    def chooses(self, part: Part) -> bool:
        """Tell whether a part is of the right group, topic and partition."""
        if self._partition is not None and part.partition != self._partition:
            return False
        if self._group is not None and (part.group is None or not self._group(part.group)):
            return False
        if self._topic is None:
            return True
        name = None if part.topic is None else self._topic_name(part.topic)
        return name is not None and self._topic(name)


class Turns:
    """Counts the calls that match, and tells whose turn it is."""

    def __init__(self, fault: Fault, chance: Callable[[], float]) -> None:
        self._fault = fault
        self._chance = chance
        self._seen = 0
        self._taken = 0

    @property
    def are_over(self) -> bool:
        """Whether no call will have a turn any more."""
        nth, times = self._fault.nth, self._fault.times
        return (nth is not None and self._seen >= nth) or (times is not None and self._taken >= times)

    def take(self) -> bool:
        """Count a call that matches; True if the fault acts on it."""
        if self.are_over:
            return False
        fault = self._fault
        self._seen += 1
        if self._seen <= fault.skip or (fault.nth is not None and self._seen != fault.nth):
            return False
        if fault.probability < 1 and self._chance() >= fault.probability:
            return False
        self._taken += 1
        return True


def _pattern(text: str | None) -> Callable[[str], bool] | None:
    """Compile a name in which ``*`` and ``?`` stand for anything; nothing else has a meaning."""
    if text is None:
        return None
    matches = re.compile(translate(text.replace("[", "[[]"))).match
    return lambda name: matches(name) is not None


def _names_of_member(request: Any, context: RequestContext) -> set[str]:
    """Give what the member that asks may be called; nobody, unless the request is about a group."""
    if "group" not in part_names(context.api.key):
        return set()
    asking = (request, *getattr(request, "members", ()), *_asking_groups(request))
    names = {getattr(each, name, None) for each in asking for name in ("member_id", "group_instance_id")}
    return {context.client_id, *(name for name in names if name)}


def _asking_groups(request: Any) -> tuple[Any, ...]:
    groups = getattr(request, "groups", ())
    return () if groups and isinstance(groups[0], str) else groups
