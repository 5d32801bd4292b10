"""Exchanges as JSON that loses nothing, for a client that decodes them in another process.

`json_lines` is the form for people and for programs that read them.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from kafkalite.controls.request_log.exchange import Exchange, Outcome
from kafkalite.controls.request_log.keeping import Kept
from kafkalite_wire.apis import DECLARED_APIS, ApiKey

_BYTES: Final = ("kept_request", "kept_response")
_PLAIN: Final = tuple(
    field.name for field in fields(Exchange) if field.name not in (*_BYTES, "outcome", "declared", "topic_names")
)


@dataclass(frozen=True, slots=True)
class PackedExchanges:
    """Exchanges of the ``begun``-th request log."""

    begun: int
    requests: list[Exchange]

    def as_json(self) -> dict[str, object]:
        """Return all that is kept of the exchanges, with bytes in base64, and the names of topics by their ids."""
        names: Mapping[bytes, str] = self.requests[0].topic_names if self.requests else {}
        return {
            "begun": self.begun,
            "topic_names": {topic_id.hex(): name for topic_id, name in names.items()},
            "requests": [packed_exchange(exchange) for exchange in self.requests],
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> PackedExchanges:
        """Return the exchanges of a JSON object."""
        topic_names = {bytes.fromhex(topic_id): name for topic_id, name in given["topic_names"].items()}
        return cls(given["begun"], [exchange_of(each, topic_names) for each in given["requests"]])


def packed_exchange(exchange: Exchange) -> dict[str, object]:
    """Return the JSON object of an exchange, without the names of topics."""
    return {
        **{name: getattr(exchange, name) for name in _PLAIN},
        "outcome": exchange.outcome.value,
        "is_declared": exchange.declared is not None,
        **{name: _packed(getattr(exchange, name)) for name in _BYTES},
    }


def exchange_of(given: Mapping[str, Any], topic_names: Mapping[bytes, str]) -> Exchange:
    """Return the exchange of a JSON object. Raises LookupError, TypeError and ValueError."""
    return Exchange(
        **{name: given[name] for name in _PLAIN},
        outcome=Outcome(given["outcome"]),
        declared=DECLARED_APIS[ApiKey(given["api_key"])] if given["is_declared"] else None,
        kept_request=_unpacked(given["kept_request"]),
        kept_response=None if given["kept_response"] is None else _unpacked(given["kept_response"]),
        topic_names=topic_names,
    )


def _packed(kept: Kept | None) -> dict[str, object] | None:
    if kept is None:
        return None
    parts = [b64encode(part).decode() for part in kept.parts]
    return {"size": kept.size, "parts": parts, "start": kept.start, "sizes": kept.sizes}


def _unpacked(given: Mapping[str, Any]) -> Kept:
    parts = tuple(map(b64decode, given["parts"]))
    return Kept(given["size"], parts, given["start"], tuple(given["sizes"]))
