"""Compress and decompress records with the codecs of Kafka's record batches.

cramjam is imported for the first compressed batch, because many brokers never see one. The size of decompressed data is
limited: a few kilobytes from a client can decompress to gigabytes.
"""

import struct
import zlib
from enum import IntEnum
from typing import Any

from kafkalite_wire.schema import Buffer


class Compression(IntEnum):
    """Codec ids, bits 0 to 2 of the batch attributes."""

    NONE = 0
    GZIP = 1
    SNAPPY = 2
    LZ4 = 3
    ZSTD = 4


class CompressionError(ValueError):
    """Bytes that do not decompress, or decompress to more than the limit."""


MAX_DECOMPRESSED = 128 * 1024 * 1024
"""The default limit of the decompressed size of a batch, in bytes."""

# snappy-java has its own framing: a magic, two version numbers, then raw snappy blocks, each behind its length.
_XERIAL_MAGIC = b"\x82SNAPPY\x00"
_XERIAL_HEADER = _XERIAL_MAGIC + struct.pack(">ii", 1, 1)
_XERIAL_BLOCK = 32 * 1024

# The header of an LZ4 frame with independent blocks of at most 64 KiB and no content checksum; the last byte is the
# checksum of the two descriptor bytes. cramjam's frames have linked blocks, which Kafka's Java client refuses.
_LZ4_HEADER = bytes.fromhex("04224d18604082")
_LZ4_BLOCK = 64 * 1024
_LZ4_STORED = 0x8000_0000
_LZ4_MAX_RATIO = 255

_ZSTD_LEVEL = 3  # Kafka's default `compression.zstd.level`
_INT32 = struct.Struct(">i")
_UINT32_LE = struct.Struct("<I")


def compress(codec: int, data: Buffer) -> bytes:
    """Compress data in the framing of Kafka's Java client. Raises CompressionError for an unknown codec."""
    if codec == Compression.NONE:
        return bytes(data)
    if codec == Compression.GZIP:
        deflate = zlib.compressobj(wbits=31)
        return deflate.compress(data) + deflate.flush()
    if codec == Compression.SNAPPY:
        return _xerial(data)
    if codec == Compression.LZ4:
        return _lz4_frame(data)
    if codec == Compression.ZSTD:
        return bytes(_cramjam().zstd.compress(data, level=_ZSTD_LEVEL))
    raise CompressionError(f"unknown compression codec {codec}")


def decompress(codec: int, data: Buffer, *, limit: int = MAX_DECOMPRESSED) -> Buffer:
    """Decompress data to at most `limit` bytes.

    Raises CompressionError for an unknown codec, malformed data, and more than `limit` bytes of output.
    """
    if codec == Compression.NONE:
        return data
    if codec == Compression.GZIP:
        return _gunzip(data, limit)
    if codec == Compression.SNAPPY:
        return _unsnappy(data, limit)
    if codec == Compression.LZ4:
        return _into_growing_buffer(_cramjam().lz4, data, min(limit, len(data) * _LZ4_MAX_RATIO), limit)
    if codec == Compression.ZSTD:
        return _into_growing_buffer(_cramjam().zstd, data, limit, limit)
    raise CompressionError(f"unknown compression codec {codec}")


def _cramjam() -> Any:  # cramjam ships no usable type information for its submodules
    import cramjam

    return cramjam


def _gunzip(data: Buffer, limit: int) -> bytes:
    parts: list[bytes] = []
    rest: Buffer = data
    room = limit
    while rest:  # a gzip stream may have several members
        inflate = zlib.decompressobj(wbits=31)
        try:
            part = inflate.decompress(rest, room + 1)
        except zlib.error as error:
            raise CompressionError(f"gzip: {error}") from error
        room -= len(part)
        if room < 0:
            raise CompressionError(f"gzip: more than {limit} bytes")
        if not inflate.eof:
            raise CompressionError("gzip: the stream ends early")
        parts.append(part)
        rest = inflate.unused_data
    if not parts:
        raise CompressionError("gzip: the stream is empty")
    return b"".join(parts)


def _xerial(data: Buffer) -> bytes:
    snappy = _cramjam().snappy
    parts = [_XERIAL_HEADER]
    with memoryview(data) as view:
        for start in range(0, len(view), _XERIAL_BLOCK):
            block = bytes(snappy.compress_raw(view[start : start + _XERIAL_BLOCK]))
            parts += (_INT32.pack(len(block)), block)
    return b"".join(parts)


def _unsnappy(data: Buffer, limit: int) -> bytes:
    if bytes(data[:8]) != _XERIAL_MAGIC:
        return _unsnappy_block(data, limit)
    parts: list[bytes] = []
    room = limit
    position = len(_XERIAL_HEADER)
    while position < len(data):
        if position + 4 > len(data):
            raise CompressionError("snappy: a block length is cut off")
        size = _INT32.unpack_from(data, position)[0]
        position += 4
        if size < 0 or position + size > len(data):
            raise CompressionError(f"snappy: a block of {size} bytes exceeds the data")
        part = _unsnappy_block(data[position : position + size], room)
        parts.append(part)
        room -= len(part)
        position += size
    return b"".join(parts)


def _unsnappy_block(block: Buffer, limit: int) -> bytes:
    cramjam = _cramjam()
    try:
        if cramjam.snappy.decompress_raw_len(block) > limit:
            raise CompressionError(f"snappy: more than {limit} bytes")
        return bytes(cramjam.snappy.decompress_raw(block))
    except cramjam.DecompressionError as error:
        raise CompressionError(f"snappy: {error}") from error


def _lz4_frame(data: Buffer) -> bytes:
    lz4 = _cramjam().lz4
    parts = [_LZ4_HEADER]
    with memoryview(data) as view:
        for start in range(0, len(view), _LZ4_BLOCK):
            plain = view[start : start + _LZ4_BLOCK]
            block = bytes(lz4.compress_block(plain, store_size=False))
            if len(block) < len(plain):
                parts += (_UINT32_LE.pack(len(block)), block)
            else:
                parts += (_UINT32_LE.pack(len(plain) | _LZ4_STORED), bytes(plain))
    parts.append(bytes(4))
    return b"".join(parts)


def _into_growing_buffer(codec: Any, data: Buffer, most: int, limit: int) -> memoryview:
    # Neither format requires the size of the output to be stated, so the buffer grows until the output fits.
    cramjam = _cramjam()
    size = min(most, max(16 * 1024, 4 * len(data)))
    while True:
        output = bytearray(size)
        try:
            written: int = codec.decompress_into(data, output)
        except cramjam.DecompressionError as error:
            # cramjam has one exception class; only this message says that the buffer is too small.
            if "failed to write whole buffer" not in str(error):
                raise CompressionError(str(error)) from error
            if size >= most:
                raise CompressionError(f"more than {min(most, limit)} bytes") from error
            size = min(most, size * 4)
        else:
            return memoryview(output)[:written]
