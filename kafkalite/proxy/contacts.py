"""Which brokers of the cluster accept connections, as far as the proxy has seen."""

from __future__ import annotations

from dataclasses import dataclass
from logging import getLogger
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from kafkalite.addresses import HostPort

log = getLogger("kafkalite.proxy")

_MOST: Final = 1000


@dataclass(frozen=True, slots=True)
class Contact:
    """How the last attempt to connect to a broker ended."""

    address: HostPort
    problem: str | None
    """Why it failed, None if the broker accepted."""
    since_ms: int
    """When the first attempt ended so, after which none ended otherwise."""


class Contacts:
    """The last attempt to connect to each broker. A change is logged, so a broker that stays away costs one line."""

    def __init__(self, wall_ms: Callable[[], int]) -> None:
        self._wall_ms = wall_ms
        self._contacts: dict[HostPort, Contact] = {}

    @property
    def all(self) -> tuple[Contact, ...]:
        """The contacts, in the order of their first attempts; those of brokers that moved away go first."""
        return tuple(self._contacts.values())

    def accepted(self, address: HostPort) -> None:
        """Note that a broker has accepted a connection."""
        known = self._contacts.get(address)
        if known is None or known.problem is not None:
            if known is not None:
                log.info("%s can be reached again", address)
            self._note(Contact(address, None, self._wall_ms()))

    def failed(self, address: HostPort, problem: str) -> None:
        """Note that a broker cannot be connected to."""
        known = self._contacts.get(address)
        if known is None or known.problem is None:
            log.warning("cannot connect to the cluster: %s", problem)
            self._note(Contact(address, problem, self._wall_ms()))

    def _note(self, contact: Contact) -> None:
        if contact.address not in self._contacts and len(self._contacts) >= _MOST:
            del self._contacts[next(iter(self._contacts))]
        self._contacts[contact.address] = contact
