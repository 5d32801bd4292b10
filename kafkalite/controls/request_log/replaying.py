"""Replaying a recording: requests as they are to be sent again, and what differs in the responses. Pure.

A server hands out identities (member ids, producer ids, ids of topics, numbers of fetch sessions) which clients send
back. Those of the recording mean nothing to another server, so each response teaches the :class:`Translation` which
identity stands for which, and later requests have the new ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any, Final, cast

from kafkalite.controls.request_log.json_lines import as_shown
from kafkalite_wire.batch import set_producer
from kafkalite_wire.codec import decode, encode
from kafkalite_wire.headers import read_request_header
from kafkalite_wire.records import HEADER_SIZE, MAGIC, walk_batches
from kafkalite_wire.schema import fields_of

_IDENTITIES: Final = frozenset(("member_id", "producer_id", "producer_epoch", "topic_id", "share_session_id"))
"""Fields that the server chooses and clients send back."""
_OF_A_CONNECTION: Final = frozenset(("session_id", "generation_id", "member_epoch"))
"""The same, but small numbers that are only right on the connection where they were learned."""
_SAME_AS: Final = {
    "generation_id_or_member_epoch": "generation_id", "leader": "member_id", "id": "topic_id",
}  # fmt: skip
"""Other names under which identities stand."""

BY_NATURE: Final = _IDENTITIES | _OF_A_CONNECTION | frozenset((
    "aborted_transactions", "base_offset", "brokers", "cluster_id", "committed_leader_epoch", "committed_offset",
    "controller_id", "coordinators", "current_leader", "end_offset", "error_message", "expiry_timestamp_ms",
    "finalized_features_epoch", "high_watermark", "host", "isr_nodes", "issue_timestamp_ms", "last_stable_offset",
    "leader", "leader_epoch", "leader_id", "log_append_time_ms", "log_start_offset", "node_endpoints", "node_id",
    "offline_replicas", "offset", "port", "rack", "records", "replica_nodes", "start_offset", "throttle_time_ms",
    "timestamp",
))  # fmt: skip
"""Fields that differ from server to server, or from run to run: times, places, offsets and identities."""


class Translation:
    """Which identity of the target stands for which of the recording."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, str, object], object] = {}

    def learn(self, connection: int, recorded: object, now: object) -> None:
        """Learn from the two responses to one request."""
        for field in fields_of(type(recorded)):
            before, after = getattr(recorded, field.name), getattr(now, field.name)
            name = _SAME_AS.get(field.name, field.name)
            if name in _IDENTITIES or name in _OF_A_CONNECTION:
                if isinstance(before, (str, bytes, int)) and before != after:
                    self._known[self._scope(connection, name), name, before] = after
            elif field.type.struct is not None:
                if before is not None and after is not None:
                    self.learn(connection, before, after)
            elif field.type.element is not None and field.type.element.struct is not None:
                for one, other in zip(before or (), after or (), strict=False):
                    self.learn(connection, one, other)

    def translate(self, connection: int, request: Any) -> None:
        """Put the identities of the target into a request, which is changed."""
        for field in fields_of(type(cast("object", request))):
            value = getattr(request, field.name)
            name = _SAME_AS.get(field.name, field.name)
            if name in _IDENTITIES or name in _OF_A_CONNECTION:
                if isinstance(value, (str, bytes, int)):
                    setattr(request, field.name, self._now(connection, name, value))
            elif field.type.name == "records" and value is not None:
                setattr(request, field.name, self._records(connection, bytes(value)))
            elif field.type.struct is not None:
                if value is not None:
                    self.translate(connection, value)
            elif field.type.element is not None and field.type.element.struct is not None:
                for item in value or ():
                    self.translate(connection, item)

    @staticmethod
    def _scope(connection: int, name: str) -> int:
        return connection if name in _OF_A_CONNECTION else 0

    def _now(self, connection: int, name: str, value: object) -> Any:
        return self._known.get((self._scope(connection, name), name, value), value)

    def _records(self, connection: int, records: bytes) -> memoryview:
        """Return records with the producer of the target in the header of each batch."""
        changed = bytearray(records)
        for position, header in walk_batches(memoryview(records)):
            if header.magic != MAGIC or header.producer_id < 0 or header.size < HEADER_SIZE:
                continue
            producer = self._now(connection, "producer_id", header.producer_id)
            epoch = self._now(connection, "producer_epoch", header.producer_epoch)
            if (producer, epoch) != (header.producer_id, header.producer_epoch):
                set_producer(changed, position, producer, epoch)
        return memoryview(changed)


def frame_to_send(exchange: Any, translation: Translation) -> bytes | None:
    """Return the request of an exchange for another server, without its length; None where it was not kept whole."""
    kept = exchange.kept_request
    if exchange.declared is None or not kept.parts or kept.sizes:
        return None
    frame = kept.parts[0]
    start = read_request_header(frame).body
    request = decode(exchange.declared.request_type, exchange.api_version, frame, start, lossless=True)
    translation.translate(exchange.connection, request)
    return bytes(frame[:start]) + bytes(encode(request, exchange.api_version, lossless=True))


@dataclass(frozen=True, slots=True)
class Difference:
    """A field of a response that is not as recorded."""

    path: str
    recorded: object
    now: object

    def __str__(self) -> str:
        """Describe the difference."""
        return f"{self.path}: {self.recorded!r}, now {self.now!r}"


@dataclass(slots=True)
class Comparison:
    """What the responses to a replay have shown so far."""

    same: int = 0
    by_nature_only: int = 0
    different: int = 0
    by_nature: Counter[str] = dataclass_field(default_factory=Counter[str])
    """How often each field differed of those that differ by nature."""

    def compare(self, recorded: object, now: object, version: int) -> list[Difference]:
        """Compare two responses. Return what differs, without what differs by nature."""
        found = list(_differences(as_shown(recorded, version), as_shown(now, version), ""))
        unexpected = [each for each in found if not BY_NATURE & set(_names(each.path))]
        self.by_nature.update(_names(each.path)[-1] for each in found if each not in unexpected)
        if unexpected:
            self.different += 1
        elif found:
            self.by_nature_only += 1
        else:
            self.same += 1
        return unexpected


def _names(path: str) -> list[str]:
    return [part.partition("[")[0] for part in path.split(".")]


def _same_length(one: Any, other: Any) -> bool:
    return len(one) == len(other)


def _differences(recorded: object, now: object, path: str) -> Iterator[Difference]:
    whole = Difference(path, recorded, now)
    if isinstance(recorded, Mapping) and isinstance(now, Mapping):
        before, after = cast("Mapping[str, object]", recorded), cast("Mapping[str, object]", now)
        for name in before:
            yield from _differences(before[name], after.get(name), f"{path}.{name}" if path else name)
    elif isinstance(recorded, list) and isinstance(now, list) and _same_length(recorded, now):
        pairs = zip(cast("list[object]", recorded), cast("list[object]", now), strict=True)
        for index, (one, other) in enumerate(pairs):
            yield from _differences(one, other, f"{path}[{index}]")
    elif recorded != now:
        yield whole
