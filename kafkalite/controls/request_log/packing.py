"""Exchanges as JSON that loses nothing, for whoever decodes them in another process.

`json_lines` is for people and programs that want to read them.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, Final

from kafkalite.controls.request_log.exchange import Exchange, Outcome
from kafkalite.controls.request_log.keeping import Kept
from kafkalite_wire.apis import APIS, ApiKey

_BYTES: Final = ("kept_request", "kept_response")
_PLAIN: Final = tuple(
    field.name for field in fields(Exchange) if field.name not in (*_BYTES, "outcome", "declared", "topic_names")
)


def packed(exchange: Exchange) -> dict[str, object]:
    """Give all that is kept of an exchange, with bytes in base64; what is not among them are the names of topics."""
    return {
        **{name: getattr(exchange, name) for name in _PLAIN},
        "outcome": exchange.outcome.value,
        "is_declared": exchange.declared is not None,
        **{name: _packed(getattr(exchange, name)) for name in _BYTES},
    }


def packed_names(names: Mapping[bytes, str]) -> dict[str, str]:
    """Give the names of topics by their ids."""
    return {topic_id.hex(): name for topic_id, name in names.items()}


def unpacked(given: Iterable[Mapping[str, Any]], names: Mapping[str, str]) -> list[Exchange]:
    """Make exchanges of what was packed, and of the names of topics."""
    topic_names = {bytes.fromhex(topic_id): name for topic_id, name in names.items()}
    return [
        Exchange(
            **{name: each[name] for name in _PLAIN},
            outcome=Outcome(each["outcome"]),
            declared=APIS[ApiKey(each["api_key"])] if each["is_declared"] else None,
            kept_request=_unpacked(each["kept_request"]),
            kept_response=None if each["kept_response"] is None else _unpacked(each["kept_response"]),
            topic_names=topic_names,
        )
        for each in given
    ]


def _packed(kept: Kept | None) -> dict[str, object] | None:
    if kept is None:
        return None
    parts = [b64encode(part).decode() for part in kept.parts]
    return {"size": kept.size, "parts": parts, "start": kept.start, "sizes": kept.sizes}


def _unpacked(given: Mapping[str, Any]) -> Kept:
    parts = tuple(map(b64decode, given["parts"]))
    return Kept(given["size"], parts, given["start"], tuple(given["sizes"]))
