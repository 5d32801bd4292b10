"""Keep messages as the bytes that travelled, without the greater part of large records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Final, TypeVar

from kafkalite_wire.codec import decode, encode_parts
from kafkalite_wire.headers import read_request_header
from kafkalite_wire.payloads import read_payload
from kafkalite_wire.schema import Payload, fields_of

if TYPE_CHECKING:
    from kafkalite.requests.context import RequestContext
    from kafkalite_wire.apis import Api

T = TypeVar("T")

HOLDS_SECRETS: Final = frozenset((36, 38, 39, 40, 41, 51))
"""The APIs whose messages are never kept, for they hold passwords, salts or tokens.

SaslAuthenticate, those of delegation tokens, and AlterUserScramCredentials.
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """The bytes of one message, which begins at ``start``.

    Where records were cut short, ``parts`` are in turn what surrounds records and what was kept of them, and ``sizes``
    tells how long the records really were; else there is one part. No parts at all: the message holds secrets.
    """

    size: int
    parts: tuple[bytes, ...] = ()
    start: int = 0
    sizes: tuple[int, ...] = ()

    @property
    def kept_size(self) -> int:
        """How many bytes are kept."""
        return sum(map(len, self.parts))

    @property
    def is_whole(self) -> bool:
        """Whether every byte is kept."""
        return self.kept_size == self.size

    def decoded(self, declared: type[T], version: int) -> T | None:
        """Decode the message, with as much of its records as was kept; None if it holds secrets."""
        if not self.parts:
            return None
        if not self.sizes:
            return decode(declared, version, self.parts[0], self.start)
        # The codec wants records of the length that stands before them, so zeros stand in until they are cut off again.
        whole = bytearray()
        for around, records, size in zip_longest(self.parts[::2], self.parts[1::2], self.sizes):
            whole += around
            if records is not None:
                whole += records + bytes(size - len(records))
        message = decode(declared, version, whole, self.start)
        _cut(message, iter([len(records) for records in self.parts[1::2]]))
        return message


def keep_request(request: object, context: RequestContext, most_records: int) -> Kept:
    """Keep a request, with at most so many bytes of its records."""
    frame = context.frame
    size = len(frame)
    if context.api.key in HOLDS_SECRETS:
        return Kept(size)
    start = read_request_header(frame).body
    if size <= most_records:
        return Kept(size, (bytes(frame),), start)
    head = bytearray(frame[:start])
    return _kept(encode_parts(request, context.api_version, head), most_records, start)


def keep_response(api: Api, version: int, response: object, most_records: int) -> Kept:
    """Keep a response, without its header and with at most so many bytes of its records."""
    parts = encode_parts(response, version, bytearray())
    if api.key in HOLDS_SECRETS:
        return Kept(sum(map(len, parts)))
    return _kept(parts, most_records)


def _kept(parts: list[Payload], most_records: int, start: int = 0) -> Kept:
    # What surrounds records and the records themselves take turns.
    left, kept = most_records, list[bytes]()
    for index, part in enumerate(parts):
        if index % 2:
            kept.append(_beginning_of(part, min(left, len(part))))
            left -= len(kept[-1])
        else:
            kept.append(_beginning_of(part, len(part)))
    sizes = [len(part) for part in parts]
    if all(len(part) == size for part, size in zip(kept, sizes, strict=True)):
        return Kept(sum(sizes), (b"".join(kept),), start)
    return Kept(sum(sizes), tuple(kept), start, tuple(sizes[1::2]))


def _beginning_of(part: Payload, size: int) -> bytes:
    try:
        return read_payload(part, size)
    except OSError:
        return b""  # the file cannot be read any more


def _cut(struct: object, lengths: Iterator[int]) -> None:
    """Cut the records of a message that was decoded here, in the order in which they lie in it."""
    for field in fields_of(type(struct)):
        value = getattr(struct, field.name)
        if field.type.name == "records":
            if value is not None and len(value):
                setattr(struct, field.name, value[: next(lengths)])
        elif field.type.struct is not None:
            if value is not None:
                _cut(value, lengths)
        elif field.type.element is not None and field.type.element.struct is not None:
            for item in value or ():
                _cut(item, lengths)
