"""A conversation: a function that asks one broker things, in the same way whichever broker it is."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from kafkalite_conformance.differential.talk import Talk

Script: TypeAlias = Callable[[Talk], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A script with its name, and the broker settings without which it makes no sense."""

    name: str
    script: Script
    needs: Mapping[str, str] = field(default_factory=dict[str, str])


CONVERSATIONS: Final[dict[str, Conversation]] = {}
"""All conversations by name, once their modules have been imported."""


def conversation(script: Script) -> Script:
    """Enter a script under its own name and its module's."""
    return _enter(script, {})


def conversation_with(needs: Mapping[str, str]) -> Callable[[Script], Script]:
    """Enter a script that needs brokers with certain settings."""
    return lambda script: _enter(script, needs)


def _enter(script: Script, needs: Mapping[str, str]) -> Script:
    own_name: str = getattr(script, "__name__", "")
    name = f"{script.__module__.rpartition('.')[2]}.{own_name}"
    assert name not in CONVERSATIONS, name
    CONVERSATIONS[name] = Conversation(name=name, script=script, needs=needs)
    return script
