"""Java's view of strings, in UTF-16 units, where clients can see it: hashes, lengths and order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_ENCODING: Final = ("utf-16-be", "surrogatepass")
_DEFAULT_BUCKETS: Final = 16
_RANGE: Final = 1 << 32
_HALF: Final = 1 << 31
_GOLDEN_RATIO: Final = 0x9E3779B97F4A7C15


def string_hash(text: str) -> int:
    """Compute ``String.hashCode`` as an unsigned 32-bit number."""
    hashed = 0
    for unit in _units(text):
        hashed = (31 * hashed + unit) & 0xFFFFFFFF
    return hashed


def coordinator_partition(key: str, partitions: int) -> int:
    """Return the partition of an internal topic, out of so many, that a group or a transactional id belongs to."""
    hashed = string_hash(key)
    # Kafka takes the absolute value, and 0 for the smallest number, which has none.
    return min(hashed, _RANGE - hashed) % _HALF % partitions


def utf16_length(text: str) -> int:
    """Return what ``String.length`` returns."""
    return len(text) if text.isascii() else len(text.encode(*_ENCODING)) // 2


def utf16_order(text: str) -> bytes:
    """Return a key that sorts as ``String.compareTo`` does."""
    return text.encode(*_ENCODING)


def hash_map_buckets(keys: int, *, capacity: int = _DEFAULT_BUCKETS) -> int:
    """Return how many buckets Java's HashMap has, if made with ``capacity`` and grown to so many keys by ``put``."""
    buckets = 1 << max(capacity - 1, 0).bit_length()
    while keys > buckets * 3 // 4:
        buckets *= 2
    return buckets


def hash_map_order(keys: Iterable[str], *, buckets: int | None = None) -> list[str]:
    """Sort distinct keys, given as they were put into Java's HashMap, as that map walks over them.

    By default, the map is one that was made without a capacity. The result may be wrong if nine keys share a bucket,
    which the map turns into a tree.
    """
    listed = list(keys)
    last = (buckets or hash_map_buckets(len(listed))) - 1

    def bucket(key: str) -> int:
        hashed = string_hash(key)
        return (hashed ^ hashed >> 16) & last

    return sorted(listed, key=bucket)


def timeline_map_order(keys: Iterable[str], *, most: int | None = None) -> list[str]:
    """Sort distinct keys, given as they were added to Kafka's TimelineHashMap, as that map walks over them.

    ``most`` is the largest number of keys that the map has held while an entry was replaced, since its table does not
    shrink; by default it is the number of keys. The coordinators keep the members of a group in such a map.
    """
    listed = list(keys)
    bits = 1
    while ((len(listed) if most is None else most) + 1) * 3 > 4 << bits:
        bits += 1

    def bucket(key: str) -> int:
        hashed = string_hash(key)
        signed = hashed if hashed < _HALF else hashed - _RANGE
        return (signed * _GOLDEN_RATIO % (1 << 64)) >> 64 - bits

    # Within a bucket, the last one comes first.
    listed.reverse()
    return sorted(listed, key=bucket)


def _units(text: str) -> Iterable[int]:
    if text.isascii():
        return text.encode("ascii")
    encoded = text.encode(*_ENCODING)
    return (encoded[i] << 8 | encoded[i + 1] for i in range(0, len(encoded), 2))
