"""The principals of clients with certificates: their subjects, as X500Principal.getName() of Java writes them.

That is the form of RFC 2253. Attributes that it has no name for are written as their OID and the encoded value,
``1.2.840.113549.1.9.1=#1603...`` for an e-mail address.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

ANONYMOUS: Final = "ANONYMOUS"
"""The principal of a client without a certificate."""

_NAMES: Final = {
    "2.5.4.3": "CN",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.9": "STREET",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "0.9.2342.19200300.100.1.1": "UID",
    "0.9.2342.19200300.100.1.25": "DC",
}
_SEQUENCE, _SET, _OID, _VERSION = 0x30, 0x31, 0x06, 0xA0
_TEXTS: Final = frozenset((0x0C, 0x13, 0x14, 0x16, 0x1B, 0x1E))
"""The tags of strings that are written as text; of others the encoding is written."""
_FIELDS_BEFORE_SUBJECT: Final = 4
"""Serial number, algorithm, issuer, validity."""
_ESCAPED: Final = frozenset(',=+<>#;"\\')


def principal_of(certificate: bytes | None) -> str:
    """Return the principal's name for a client certificate in DER, or ANONYMOUS. Raises ValueError if it is not DER."""
    if not certificate:
        return ANONYMOUS
    try:
        return ",".join(reversed([_relative_name(each) for _, each, _ in _items(_subject(certificate))]))
    except (IndexError, StopIteration):
        raise ValueError("not a certificate in DER") from None


def _subject(certificate: bytes) -> bytes:
    ((_, outer, _),) = _items(certificate)
    _, signed, _ = next(_items(outer))
    fields = [(tag, content) for tag, content, _ in _items(signed)]
    if fields[0][0] == _VERSION:
        del fields[0]
    tag, subject = fields[_FIELDS_BEFORE_SUBJECT]
    if tag != _SEQUENCE:
        raise IndexError
    return subject


def _relative_name(content: bytes) -> str:
    return "+".join(_attribute(attribute) for _, attribute, _ in _items(content))


def _attribute(content: bytes) -> str:
    (_, oid, _), (tag, value, encoded) = _items(content)
    dotted = _dotted(oid)
    name = _NAMES.get(dotted)
    if name is None or tag not in _TEXTS:
        return f"{name or dotted}=#{encoded.hex()}"
    return f"{name}={_escaped(value.decode('utf-8', 'replace'))}"


def _escaped(text: str) -> str:
    inner = text.strip(" ")
    leading = len(text) - len(text.lstrip(" "))
    trailing = len(text) - len(inner) - leading
    escaped = "".join("\\00" if char == "\0" else f"\\{char}" if char in _ESCAPED else char for char in inner)
    return "\\ " * leading + escaped + "\\ " * trailing


def _dotted(oid: bytes) -> str:
    numbers = [0]
    for byte in oid:
        numbers[-1] = numbers[-1] << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(0)
    first, *others = numbers[:-1]
    top = min(first // 40, 2)
    return ".".join(map(str, (top, first - 40 * top, *others)))


def _items(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield tag, content, and the whole encoding of each item of DER."""
    position = 0
    while position < len(data):
        start, tag, length = position, data[position], data[position + 1]
        position += 2
        if length & 0x80:
            size = length & 0x7F
            length = int.from_bytes(data[position : position + size])
            position += size
        end = position + length
        if end > len(data):
            raise IndexError
        yield tag, data[position:end], data[start:end]
        position = end
