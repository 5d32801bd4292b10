"""Configurations of topics, brokers and groups."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from kafkalite.tools.admin.failures import AdminError, Why, not_found, without_class
from kafkalite.tools.admin.topics import list_topics, partition_counts

KINDS: Final = ("topic", "broker", "group")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One key of a configuration; the value is None where the broker keeps it secret or has none."""

    key: str
    value: str | None
    source: str
    read_only: bool
    sensitive: bool

    @property
    def is_default(self) -> bool:
        """Whether it has not been set for this topic, broker or group."""
        return self.source in ("DEFAULT_CONFIG", "STATIC_BROKER_CONFIG", "DYNAMIC_DEFAULT_BROKER_CONFIG")


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """A topic, broker or group with its settings."""

    kind: str
    name: str
    settings: tuple[Setting, ...]


def describe_configs(admin: Any, kind: str, name: str) -> Configured:
    """Return all settings of one topic, broker or group; raises AdminError if there is none."""
    _check(admin, kind, name)
    return _describe(admin, kind, name)


def list_configs(admin: Any) -> list[Configured]:
    """Return the settings of every topic and broker that are not defaults."""
    found: list[Configured] = []
    names = [("topic", topic.topic) for topic in list_topics(admin)]
    names += [("broker", node) for node in _nodes(admin)]
    for kind, name in names:
        told = _describe(admin, kind, name)
        settings = tuple(setting for setting in told.settings if not setting.is_default)
        found.append(Configured(kind=kind, name=name, settings=settings))
    return found


def alter_configs(
    admin: Any,
    kind: str,
    name: str,
    *,
    changes: Mapping[str, str],
    resets: Collection[str] = (),
    dry_run: bool = False,
) -> None:
    """Set keys, and set others back to their defaults; the rest stays. A dry run only validates."""
    known = {setting.key for setting in describe_configs(admin, kind, name).settings}
    for key in (*changes, *resets):
        # A group's configuration is empty until it is set.
        if known and key not in known:
            raise not_found(f"{kind} configuration", key, known)
    module = import_module("kafka.admin")
    operations: dict[str, tuple[Any, str | None]] = {
        key: (module.AlterConfigOp.SET, value) for key, value in changes.items()
    }
    operations |= dict.fromkeys(resets, (module.AlterConfigOp.DELETE, None))
    resource = module.ConfigResource(kind, name, operations)
    answer = admin.alter_configs([resource], validate_only=dry_run, raise_on_unknown=False)[kind][name]
    if answer != "OK":
        raise AdminError(Why.REFUSED, f"{kind} {name!r} is not changed: {without_class(answer)}")


def _describe(admin: Any, kind: str, name: str) -> Configured:
    resource = import_module("kafka.admin").ConfigResource(kind, name)
    told = admin.describe_configs([resource], config_filter="all")[kind][name]
    settings = (_setting(key, row) for key, row in sorted(told.items()))
    return Configured(kind=kind, name=name, settings=tuple(settings))


def _setting(key: str, row: Mapping[str, Any]) -> Setting:
    return Setting(
        key=key,
        value=row["value"],
        source=row["config_source"],
        read_only=row["read_only"],
        sensitive=row["is_sensitive"],
    )


def _check(admin: Any, kind: str, name: str) -> None:
    if kind == "topic":
        partition_counts(admin, [name])
    elif kind == "broker" and name not in (nodes := _nodes(admin)):
        raise not_found("broker", name, nodes)


def _nodes(admin: Any) -> list[str]:
    return [str(broker["broker_id"]) for broker in admin.describe_cluster()["brokers"]]
