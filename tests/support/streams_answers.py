"""What Kafka's classes said about streams groups, as tests/groups/golden/StreamsTopologies.java has written it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kafkalite_wire.codec import decode
from kafkalite_wire.messages.streams_group_heartbeat import StreamsGroupHeartbeatRequest

_ANSWERS = Path(__file__).parents[1] / "groups" / "golden" / "streams_topologies.jsonl.gz"


def answers(kind: str) -> Iterator[list[Any]]:
    """Yield the lines of one kind."""
    with gzip.open(_ANSWERS, "rt", encoding="utf-8") as lines:
        for line in lines:
            found, *rest = json.loads(line)
            if found == kind:
                yield rest


def sent(request: str) -> StreamsGroupHeartbeatRequest:
    """Decode a request."""
    return decode(StreamsGroupHeartbeatRequest, 0, bytes.fromhex(request))
