"""``rename-topics``: topics that clients know by other names than the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from kafkalite.config.options import OptionError
from kafkalite.interceptors.named_fields import NameKind
from kafkalite.interceptors.renaming import RenamingInterceptor

_PREFIXED: Final = 4
"""The pattern type of an ACL that is for all names that begin so."""


class _Exchange:
    """The same in both directions: the two names of a pair stand for each other."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = {**names, **{after: before for before, after in names.items()}}

    def name(self, kind: NameKind, name: str) -> str:
        return self._names.get(name, name) if kind is NameKind.TOPIC else name

    def pattern(self, kind: NameKind | None, name: str, pattern_type: int) -> tuple[str, int]:
        return (name if kind is None or pattern_type == _PREFIXED else self.name(kind, name)), pattern_type

    def expression(self, kind: NameKind, expression: str) -> str:
        del kind
        return expression

    def text(self, text: str) -> str:
        return text


@dataclass
class RenamedTopics(RenamingInterceptor):
    """Exchanges pairs of topic names, in requests and responses.

    A client that uses the cluster's own name gets what the other name of the pair stands for, which is mostly nothing.
    Regular expressions and prefixes of ACLs are passed on as they are: they are about the cluster's names.
    """

    topics: Mapping[str, str]
    """The cluster's names by those that clients use."""

    def __post_init__(self) -> None:
        names = [*self.topics.keys(), *self.topics.values()]
        for name in names:
            if not name:
                raise OptionError("topics", "a name is empty")
            if names.count(name) > 1:
                raise OptionError("topics", f"{name!r} stands in it twice")
        if not names:
            raise OptionError("topics", "must name at least one topic")
        self.to_cluster = self.to_client = _Exchange(self.topics)
