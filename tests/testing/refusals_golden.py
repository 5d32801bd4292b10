"""Keep what Apache Kafka answers when something really goes wrong, so that injected errors can be held against it.

`python -m tests.testing.refusals_golden` holds the conversations of the differential suite with Kafka and writes
`golden/kafka-4.4.0-refusals.jsonl` again: of all replies with an error in them those that differ in more than names.
What is of one run only (ids, ports, times, sentences, records) is replaced before; the order of hash maps is not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from kafkalite_conformance.differential.connection import api_of
from kafkalite_conformance.differential.recording import record
from kafkalite_wire.apis import APIS, Api, ApiKey
from kafkalite_wire.codec import decode, encode
from kafkalite_wire.schema import ZERO_UUID, fields_of

GOLDEN: Final = Path(__file__).parent / "golden" / "kafka-4.4.0-refusals.jsonl"

MESSAGES: Final = frozenset(("error_message", "batch_index_error_message"))
"""Fields that hold sentences."""

_SENTENCE: Final = "a sentence"
_OF_ONE_RUN: Final[Mapping[str, object]] = {"port": 9092, "cluster_id": "cluster", "records": b"", "configs": ()}
_NO_PORT: Final = -1
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_FIRST_ID: Final = 2  # 1 is reserved


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A request, and Kafka's reply to it."""

    asked: str
    api: Api
    version: int
    request: Any
    reply: Any

    def to_json(self) -> str:
        """Write it in one line."""
        bodies = {"request": encode(self.request, self.version), "reply": encode(self.reply, self.version)}
        head = {"asked": self.asked, "api": int(self.api.key), "version": self.version}
        return json.dumps({**head, **{name: body.hex() for name, body in bodies.items()}})

    @classmethod
    def of_json(cls, line: str) -> Refusal:
        """Read what `to_json` wrote."""
        read = json.loads(line)
        api, version = APIS[ApiKey(read["api"])], read["version"]
        return cls(
            asked=read["asked"],
            api=api,
            version=version,
            request=decode(api.request_type, version, bytes.fromhex(read["request"])),
            reply=decode(api.response_type, version, bytes.fromhex(read["reply"])),
        )


def refusals() -> list[Refusal]:
    """Read the file."""
    return [Refusal.of_json(line) for line in GOLDEN.read_text().splitlines()]


def errors_in(value: object) -> Iterator[int]:
    """Find all error codes of a message that are not 0."""
    if is_dataclass(value):
        for each in fields(value):
            found = getattr(value, each.name)
            if each.name == "error_code" and found:
                yield found
            else:
                yield from errors_in(found)
    elif isinstance(value, tuple):
        for item in value:
            yield from errors_in(item)


def changed(message: Any, change: Callable[[str, Any], Any], name: str = "") -> Any:
    """Copy a message with every field that is no list and no struct changed."""
    if is_dataclass(message) and not isinstance(message, type):
        values = {each.name: changed(getattr(message, each.name), change, each.name) for each in fields(message)}
        return replace(message, **values)
    if isinstance(message, tuple) and name != "configs":
        return tuple(changed(item, change, name) for item in message)
    return change(name, message)


def main() -> None:
    """Ask Kafka."""
    kept: dict[object, Refusal] = {}
    for recorded in record():
        timeless = _Timeless()
        for exchange in recorded.exchanges:
            request, reply = (changed(each, timeless) for each in (exchange.request, exchange.answer))
            if not any(errors_in(reply)):
                continue
            refusal = Refusal(
                asked=f"{recorded.conversation}: {exchange.asked}",
                api=api_of(exchange.request),
                version=exchange.version,
                request=request,
                reply=reply,
            )
            kept.setdefault(_kind(refusal), refusal)
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text("".join(f"{refusal.to_json()}\n" for refusal in kept.values()))
    print(f"{len(kept)} refusals in {GOLDEN.name}")


class _Timeless:
    """Replaces what is of one run only; ids by numbers, in the order in which they appear in a conversation."""

    def __init__(self) -> None:
        self._ids: dict[object, int] = {}

    def __call__(self, name: str, value: Any) -> Any:
        if value is None:
            return None
        if name in MESSAGES:
            return value and _SENTENCE
        if name in _OF_ONE_RUN and value not in ("", _NO_PORT):
            return _OF_ONE_RUN[name]
        if name == "topic_id":
            return value if value == ZERO_UUID else self._numbered(bytes(value)).bytes
        return _UUID.sub(lambda found: str(self._numbered(found.group())), value) if isinstance(value, str) else value

    def _numbered(self, value: object) -> UUID:
        return UUID(int=self._ids.setdefault(value, len(self._ids) + _FIRST_ID))


def _kind(refusal: Refusal) -> object:
    """Return the key of refusals of which one is enough: versions of one layout are alike."""
    version, request = refusal.version, refusal.request
    sent, got = (decode(type(each), version, encode(each, version)) for each in (request, refusal.reply))
    shallow = [value for each in fields(sent) if not isinstance(value := getattr(sent, each.name), tuple)]
    layouts = (_layout(each, version) for each in (refusal.api.request_type, refusal.api.response_type))
    is_flexible = refusal.api.is_flexible(version)
    return refusal.api.key, *layouts, is_flexible, tuple(map(_outline, shallow)), _outline(got)


def _layout(declared: type[Any], version: int) -> object:
    """Return the fields of a version."""
    return tuple(
        (each.name, version in each.nullable, _layout(struct, version) if struct else None)
        for each in fields_of(declared)
        if version in each.versions
        for struct in (each.type.struct or (each.type.element.struct if each.type.element else None),)
    )


def _outline(value: object) -> object:
    """Leave the names, the numbers and the repetitions out of a message."""
    if is_dataclass(value) and not isinstance(value, type):
        return tuple(
            getattr(value, each.name) if each.name == "error_code" else _outline(getattr(value, each.name))
            for each in fields(value)
        )
    if isinstance(value, tuple):
        return frozenset(_outline(item) for item in value)
    return value if value is None or (isinstance(value, int) and value < 0) else bool(value)


if __name__ == "__main__":
    main()
