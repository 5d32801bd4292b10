"""Encode and decode messages with straight-line code generated from their declarations.

One decoding and one encoding function is generated for each message and version, and compiled on first use. Adjacent
numbers become one ``struct`` call, and nested structs are inlined. Every read is bounded by the frame, and a count is
checked against the remaining bytes before anything is allocated for it.

A large message takes tens of milliseconds. The same code is also generated as a generator that pauses after every
five hundred array elements (:func:`decode_steps`, :func:`encode_steps`), for an event loop that has others to serve.

If bytes do not decode, :mod:`kafkalite_wire.layout` reads them again, slowly, to find the malformed field.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Generator
from functools import cache, partial
from typing import Any, TypeVar, cast

from kafkalite_wire.decoding import DecoderSource
from kafkalite_wire.encoding import EncoderSource
from kafkalite_wire.errors import MalformedError, UnsupportedVersionError, WireError
from kafkalite_wire.schema import Buffer, Declaration, Payload, declaration_of

T = TypeVar("T")

Decoder = Callable[[memoryview, int], tuple[T, int]]
Encoder = Callable[[T, bytearray, list[Payload]], list[Payload]]
Steps = Generator[None, None, T]
"""Yields None between steps of about a millisecond, and returns its result."""


def decode(
    declared: type[T], version: int, data: Buffer, start: int = 0, *, exact: bool = False, lossless: bool = False
) -> T:
    """Decode the message that begins at ``start``.

    Fields of type records are views of ``data``; all others are copied. Bytes behind the message are ignored, as Kafka
    ignores them behind requests, unless ``exact``. A ``lossless`` decoder keeps unknown tagged fields and text that is
    not UTF-8: see :mod:`kafkalite_wire.lossless`.
    Raises WireError, which names the field, and UnsupportedVersionError.
    """
    view = data if isinstance(data, memoryview) else memoryview(data)
    decode_from = _lossless_decoder(declared, version) if lossless else _decoder(declared, version)
    try:
        decoded, end = decode_from(view, start)
        if not exact or end == len(view):
            return cast("T", decoded)
    except (MalformedError, IndexError, struct.error):
        pass
    raise _explained(declared, version, view, start, exact=exact)


def decode_steps(declared: type[T], version: int, data: Buffer, start: int = 0) -> Steps[T]:
    """Do what :func:`decode` does, in steps; ``data`` must not change before the last one."""
    view = data if isinstance(data, memoryview) else memoryview(data)
    try:
        decoded, _ = yield from _stepwise_decoder(declared, version)(view, start)
    except (MalformedError, IndexError, struct.error):
        raise _explained(declared, version, view, start) from None
    return cast("T", decoded)


def _explained(declared: type[Any], version: int, view: memoryview, start: int, *, exact: bool = False) -> WireError:
    # Imported here, because construct is slow to import and only needed to explain an error.
    from kafkalite_wire.layout import explain

    return explain(declared, version, view, start, exact=exact)


def encode(message: object, version: int, *, lossless: bool = False) -> bytes:
    """Encode one message as bytes. Its records must be buffers, not ranges of files.

    ``lossless`` encodes what a lossless decoder kept.

    Raises UnsupportedVersionError, and ValueError, TypeError or struct.error for values that do not fit.
    """
    encode_to = _lossless_encoder(type(message), version) if lossless else _encoder(type(message), version)
    return b"".join(cast("list[bytes]", encode_to(message, bytearray(), [])))


def encode_parts(message: object, version: int, head: bytearray, *, lossless: bool = False) -> list[Payload]:
    """Encode one message behind ``head``, as parts to be sent one after the other.

    Records are not copied: they are parts of their own. ``head`` becomes the first part. Raises as :func:`encode` does.
    """
    encode_to = _lossless_encoder(type(message), version) if lossless else _encoder(type(message), version)
    return encode_to(message, head, [])


def encode_steps(message: object, version: int, head: bytearray) -> Steps[list[Payload]]:
    """Do what :func:`encode_parts` does, in steps; the message must not change before the last one."""
    return _stepwise_encoder(type(message), version)(message, head, [])


def _made_decoder(
    declared: type[Any], version: int, *, lossless: bool = False, stepwise: bool = False
) -> Callable[[memoryview, int], Any]:
    declaration = _checked(declared, version)
    flexible = version in declaration.flexible
    source = DecoderSource(version, flexible=flexible, lossless=lossless, stepwise=stepwise)
    source.line("end = len(buf)")
    source.line(f"return {source.struct(declared)}, pos")
    return source.compiled(f"def decode_{declared.__name__}_v{version}(buf, pos):")


def _made_encoder(
    declared: type[Any], version: int, *, lossless: bool = False, stepwise: bool = False
) -> Callable[[Any, bytearray, list[Payload]], Any]:
    declaration = _checked(declared, version)
    flexible = version in declaration.flexible
    source = EncoderSource(version, flexible=flexible, lossless=lossless, stepwise=stepwise)
    source.struct("m", declared)
    source.flush()
    source.line("if out: parts.append(out)")
    source.line("return parts")
    return source.compiled(f"def encode_{declared.__name__}_v{version}(m, out, parts):")


_decoder = cast("Callable[[type[Any], int], Decoder[Any]]", cache(_made_decoder))
_encoder = cast("Callable[[type[Any], int], Encoder[Any]]", cache(_made_encoder))
_lossless_decoder = cast("Callable[[type[Any], int], Decoder[Any]]", cache(partial(_made_decoder, lossless=True)))
_lossless_encoder = cast("Callable[[type[Any], int], Encoder[Any]]", cache(partial(_made_encoder, lossless=True)))
_stepwise_decoder = cast(
    "Callable[[type[Any], int], Callable[[memoryview, int], Steps[tuple[Any, int]]]]",
    cache(partial(_made_decoder, stepwise=True)),
)
_stepwise_encoder = cast(
    "Callable[[type[Any], int], Callable[[Any, bytearray, list[Payload]], Steps[list[Payload]]]]",
    cache(partial(_made_encoder, stepwise=True)),
)


def decoder(declared: type[T], version: int) -> Decoder[T]:
    """Return the decoding function of one version: (frame, position) to (message, position behind it).

    It raises MalformedError, IndexError or struct.error, which :func:`decode` turns into WireError.
    """
    return _decoder(declared, version)


def encoder(declared: type[T], version: int) -> Encoder[T]:
    """Return the encoding function of one version: (message, bytes so far, parts so far) to all parts."""
    return _encoder(declared, version)


def _checked(declared: type[Any], version: int) -> Declaration:
    declaration = declaration_of(declared)
    if version not in declaration.versions:
        raise UnsupportedVersionError(
            f"not in its versions {declaration.versions}", message=declared.__name__, version=version
        )
    return declaration
