"""Decides who may do what, as Kafka's StandardAuthorizer.

An operation on a resource is allowed to super users; denied if any entry denies it; otherwise allowed if any entry
allows it. The entries of a resource are those for its name, for a prefix of its name, and for ``*``. Where a resource
has no entry at all, ``allow.everyone.if.no.acl.found`` decides. To allow Read, Write, Delete or Alter is to allow
Describe, and AlterConfigs allows DescribeConfigs; a denial implies nothing.

Entries are indexed by resource type and name, so a decision costs one look-up for each length of a prefix that any
entry has. Decisions are remembered until an entry changes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from logging import getLogger
from typing import TYPE_CHECKING, Final, Protocol

from kafkalite.security.access_control import (
    CLUSTER_NAME,
    SUPPORTED_OPERATIONS,
    WILDCARD,
    Operation,
    PatternType,
    Permission,
    ResourceType,
    matches_host,
)

if TYPE_CHECKING:
    from kafkalite_storage.metadata.cluster_image import AccessControlEntry

log: Final = getLogger("kafkalite.authorizer")

_IMPLIED_BY: Final[Mapping[Operation, frozenset[Operation]]] = {
    Operation.DESCRIBE: frozenset((Operation.READ, Operation.WRITE, Operation.DELETE, Operation.ALTER)),
    Operation.DESCRIBE_CONFIGS: frozenset((Operation.ALTER_CONFIGS,)),
}
_MOST_CLIENTS: Final = 1_000
_MOST_DECISIONS: Final = 10_000
_MOST_LOGGED: Final = 1_000
"""Denials that are logged between two changes of the entries."""


class Entries(Protocol):
    """Where the entries are stored."""

    @property
    def access_control_entries(self) -> Mapping[bytes, AccessControlEntry]:
        """All entries by their ids."""
        ...

    @property
    def access_control_changes(self) -> int:
        """A number that is raised by each change of the entries."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizerSettings:
    """What Kafka's properties say."""

    super_users: frozenset[str] = frozenset()
    """``super.users``, as principals such as ``User:anna``."""
    allow_everyone_if_no_acl_found: bool = False


class Authorizer:
    """The entries of a cluster, and the clients that they have been applied to."""

    def __init__(self, settings: AuthorizerSettings, entries: Callable[[], Entries]) -> None:
        """``entries`` returns where the entries are stored, which may be replaced by another store."""
        self.settings = settings
        self._entries = entries
        self._source: Entries | None = None
        self._changes = -1
        self._indexed: Mapping[bytes, AccessControlEntry] = {}
        self._index = _EntryIndex()
        self._clients: dict[tuple[str, str], Access] = {}
        self._logged = 0

    def access_of(self, principal: str, host: str) -> Access:
        """Return what a client may do now; for each request, because entries may have changed."""
        source = self._entries()
        if source is not self._source or source.access_control_changes != self._changes:
            self._read(source)
        access = self._clients.get((principal, host))
        if access is None:
            if len(self._clients) >= _MOST_CLIENTS:
                self._clients.clear()
            access = self._clients[principal, host] = Access(self, principal, host)
        return access

    def _read(self, source: Entries) -> None:
        before, after = self._indexed, dict(source.access_control_entries)
        for entry_id in before.keys() - after.keys():
            self._index.remove(before[entry_id])
        for entry_id in after.keys() - before.keys():
            self._index.add(after[entry_id])
        self._indexed, self._source, self._changes = after, source, source.access_control_changes
        self._clients.clear()
        self._logged = 0

    def decide(self, principal: str, host: str, operation: Operation, kind: ResourceType, name: str) -> bool:
        """Return whether the entries allow an operation to a principal that is no super user."""
        has_entries = is_allowed = False
        for entry in self._index.of(kind, name):
            has_entries = True
            if not _concerns(entry, principal, host):
                continue
            if entry.permission_type == Permission.DENY:
                if entry.operation in (operation, Operation.ALL):
                    return False
            elif entry.operation in (operation, Operation.ALL) or entry.operation in _IMPLIED_BY.get(operation, ()):
                is_allowed = True
        return is_allowed or (not has_entries and self.settings.allow_everyone_if_no_acl_found)

    def decide_any(self, principal: str, host: str, operation: Operation, kind: ResourceType) -> bool:
        """Return whether the entries allow an operation on at least one resource of a type."""
        entries = [
            entry
            for entry in self._index.all_of(kind)
            if _concerns(entry, principal, host) and entry.operation in (operation, Operation.ALL)
        ]
        denied = {
            (entry.pattern_type, entry.resource_name) for entry in entries if entry.permission_type == Permission.DENY
        }
        if (PatternType.LITERAL, WILDCARD) in denied:
            return False
        for entry in entries:
            name = entry.resource_name
            if entry.permission_type != Permission.ALLOW:
                continue
            if entry.pattern_type == PatternType.LITERAL:
                if name == WILDCARD:
                    return True
                if (PatternType.LITERAL, name) in denied:
                    continue
            if not any((PatternType.PREFIXED, name[:length]) in denied for length in range(1, len(name) + 1)):
                return True
        return False

    def log_denial(self, access: Access, operation: Operation, kind: ResourceType, name: str) -> None:
        """Log a denial with Kafka's words; a client that tries again is not logged again."""
        self._logged += 1
        if self._logged <= _MOST_LOGGED:
            log.info(
                "Principal = %s is Denied operation = %s from host = %s on resource = %s:LITERAL:%s",
                access.principal,
                operation.name,
                access.host,
                kind.label,
                name[:250],
            )
        elif self._logged == _MOST_LOGGED + 1:
            log.info("further denials are not logged until the access control entries change")


def _concerns(entry: AccessControlEntry, principal: str, host: str) -> bool:
    return entry.principal in (principal, f"{principal.partition(':')[0]}:{WILDCARD}") and matches_host(
        entry.host, host
    )


class Access:
    """What one client, a principal at an address, may do."""

    __slots__ = ("_authorizer", "_decisions", "_logged", "_operations", "host", "is_super", "principal")

    def __init__(self, authorizer: Authorizer, principal: str, host: str) -> None:
        self._authorizer = authorizer
        self.principal = principal
        self.host = host
        self.is_super = principal in authorizer.settings.super_users
        """Whether the client may do everything."""
        self._decisions: dict[tuple[int, str], bool] = {}
        self._logged: set[tuple[int, str]] = set()
        self._operations: dict[tuple[ResourceType, str], int] = {}

    def allows(self, operation: Operation, kind: ResourceType, name: str, *, logged: bool = True) -> bool:
        """Return whether the client may do something with a resource; log a denial unless ``logged`` is False."""
        if self.is_super:
            return True
        # A number, because hashing the members of an enumeration takes longer than the rest.
        key = (kind << 8 | operation, name)
        decided = self._decisions.get(key)
        if decided is None:
            decided = self._authorizer.decide(self.principal, self.host, operation, kind, name)
            if len(self._decisions) >= _MOST_DECISIONS:
                self._decisions.clear()
                self._logged.clear()
            self._decisions[key] = decided
        if not decided and logged and key not in self._logged:
            self._logged.add(key)
            self._authorizer.log_denial(self, operation, kind, name)
        return decided

    def allows_cluster(self, operation: Operation, *, logged: bool = True) -> bool:
        """Return whether the client may do something with the cluster."""
        return self.allows(operation, ResourceType.CLUSTER, CLUSTER_NAME, logged=logged)

    def allows_any(self, operation: Operation, kind: ResourceType) -> bool:
        """Return whether the client may do something with at least one resource of a type."""
        # A name that has no entry of its own: super users, and everyone where nothing denies.
        return self.allows(operation, kind, "hardcode", logged=False) or self._authorizer.decide_any(
            self.principal, self.host, operation, kind
        )

    def operations(self, kind: ResourceType, name: str) -> int:
        """Return the operations that the client may do with a resource, one bit for each code (KIP-430)."""
        key = (kind, name)
        bits = self._operations.get(key)
        if bits is None:
            allowed = (
                operation
                for operation in SUPPORTED_OPERATIONS[kind]
                if self.is_super or self._authorizer.decide(self.principal, self.host, operation, kind, name)
            )
            bits = sum(1 << operation for operation in allowed)
            if len(self._operations) >= _MOST_DECISIONS:
                self._operations.clear()
            self._operations[key] = bits
        return bits

    def cluster_operations(self) -> int:
        """Return the operations that the client may do with the cluster; none where it may not describe it."""
        if not self.allows_cluster(Operation.DESCRIBE):
            return 0
        return self.operations(ResourceType.CLUSTER, CLUSTER_NAME)


class _EntryIndex:
    """Finds the entries of a resource."""

    def __init__(self) -> None:
        self._literal: defaultdict[int, dict[str, list[AccessControlEntry]]] = defaultdict(dict)
        self._prefixed: defaultdict[int, dict[str, list[AccessControlEntry]]] = defaultdict(dict)
        self._lengths: dict[int, list[int]] = {}
        """By resource type, the lengths that prefixes have."""

    def add(self, entry: AccessControlEntry) -> None:
        names = self._names(entry)
        names.setdefault(entry.resource_name, []).append(entry)
        self._lengths.pop(entry.resource_type, None)

    def remove(self, entry: AccessControlEntry) -> None:
        names = self._names(entry)
        left = [each for each in names[entry.resource_name] if each is not entry]
        if left:
            names[entry.resource_name] = left
        else:
            del names[entry.resource_name]
        self._lengths.pop(entry.resource_type, None)

    def _names(self, entry: AccessControlEntry) -> dict[str, list[AccessControlEntry]]:
        kinds = self._prefixed if entry.pattern_type == PatternType.PREFIXED else self._literal
        return kinds[entry.resource_type]

    def of(self, kind: int, name: str) -> Iterator[AccessControlEntry]:
        literal = self._literal[kind]
        yield from literal.get(name, ())
        if name != WILDCARD:
            yield from literal.get(WILDCARD, ())
        prefixed = self._prefixed[kind]
        if not prefixed:
            return
        lengths = self._lengths.get(kind)
        if lengths is None:
            lengths = self._lengths[kind] = sorted({len(prefix) for prefix in prefixed})
        for length in lengths:
            if length > len(name):
                break
            yield from prefixed.get(name[:length], ())

    def all_of(self, kind: int) -> Iterable[AccessControlEntry]:
        for names in (self._literal[kind], self._prefixed[kind]):
            for entries in names.values():
                yield from entries
