"""Which topics are mirrored, and their partitions and configurations in the target cluster."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from kafkalite.tools.mirror.clusters import ADMIN, Admin, answered, partitions_of
from kafkalite.tools.mirror.errors import MirrorError
from kafkalite.tools.mirror.state_topic import PREFIX

_INTERNAL: Final = "__"
_OF_REPLICATION: Final = frozenset({"leader.replication.throttled.replicas", "follower.replication.throttled.replicas"})
"""Configurations that name brokers of one cluster."""


def chosen(names: Iterable[str], patterns: Iterable[str]) -> list[str]:
    """Return the names that a shell pattern matches, sorted. Raises MirrorError for a pattern that matches none."""
    known = sorted(names)
    found: set[str] = set()
    for pattern in patterns:
        matching = {name for name in known if fnmatchcase(name, pattern)}
        if not matching and not set(pattern) & set("*?["):
            raise MirrorError(f"there is no {pattern!r} in the source cluster")
        found |= matching
    return sorted(found)


def topics_to_mirror(admin: Admin, patterns: Iterable[str]) -> dict[str, int]:
    """Return the chosen topics of a cluster with their numbers of partitions; internal ones are left out."""
    known = partitions_of(admin)
    usual = [name for name in known if not name.startswith((_INTERNAL, PREFIX))]
    return {name: known[name] for name in chosen(usual, patterns)}


def own_configs(admin: Admin, topics: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return the configurations that were set on topics."""
    resources = [ADMIN.ConfigResource(ADMIN.ResourceType.TOPIC, name) for name in topics]
    described = answered(admin.describe_configs(resources), "cannot describe") if resources else {}
    return {
        resource.name: {
            name: entry.value
            for name, entry in entries.items()
            if entry.source == ADMIN.ConfigSource.DYNAMIC_TOPIC_CONFIG.value and name not in _OF_REPLICATION
        }
        for resource, entries in described.items()
    }


def prepare(source: Admin, target: Admin, topics: Mapping[str, int], replication_factor: int) -> list[str]:
    """Create in the target cluster what is missing, and adjust what is different; return what was done.

    Raises MirrorError, also for a topic that has more partitions in the target cluster.
    """
    configs, there = own_configs(source, topics), partitions_of(target)
    done: list[str] = []
    missing = [name for name in topics if name not in there]
    if missing:
        answered(
            target.create_topics(
                [ADMIN.NewTopic(name, topics[name], replication_factor, config=configs[name]) for name in missing]
            ),
            "cannot create topic",
        )
        done += [f"created topic {name} with {topics[name]} partitions" for name in missing]
    present = [name for name in topics if name in there]
    for name in present:
        if there[name] > topics[name]:
            raise MirrorError(
                f"topic {name} has more partitions in the target cluster: {there[name]}, not {topics[name]}"
            )
        if there[name] < topics[name]:
            answered(target.create_partitions([ADMIN.NewPartitions(name, topics[name])]), "cannot add partitions to")
            done.append(f"topic {name} has {topics[name]} partitions now")
    theirs = own_configs(target, present)
    changed = {name: configs[name] for name in present if configs[name] != theirs[name]}
    if changed:
        resources = [_changes(name, wanted, theirs[name]) for name, wanted in changed.items()]
        answered(target.incremental_alter_configs(resources), "cannot configure")
        done += [f"configured topic {name}" for name in changed]
    return done


def _changes(name: str, wanted: Mapping[str, str], there: Mapping[str, str]) -> Any:
    entries: list[Any] = [
        ADMIN.ConfigEntry(key, value, incremental_operation=ADMIN.AlterConfigOpType.SET)
        for key, value in wanted.items()
        if there.get(key) != value
    ]
    entries += [
        ADMIN.ConfigEntry(key, None, incremental_operation=ADMIN.AlterConfigOpType.DELETE)
        for key in there.keys() - wanted.keys()
    ]
    return ADMIN.ConfigResource(ADMIN.ResourceType.TOPIC, name, incremental_configs=entries)
