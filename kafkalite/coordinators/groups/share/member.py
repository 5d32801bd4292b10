"""A member of a share group."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kafkalite.coordinators.groups.share.assignor import Partitions

NO_PARTITIONS: Final[Partitions] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareMember:
    """A member; it is not changed but replaced."""

    member_id: str
    rack_id: str | None = None
    client_id: str = ""
    client_host: str = ""
    subscribed_topics: frozenset[str] = frozenset()
    member_epoch: int = 0
    previous_member_epoch: int = -1
    assigned: Partitions = field(default_factory=dict[bytes, frozenset[int]])

    def at(self, epoch: int, assigned: Partitions) -> ShareMember:
        """Return the member with another epoch and assignment."""
        previous = self.member_epoch if epoch != self.member_epoch else self.previous_member_epoch
        return replace(self, member_epoch=epoch, previous_member_epoch=previous, assigned=assigned)
