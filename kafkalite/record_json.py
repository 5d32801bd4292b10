"""Keys, values and headers of records where they are written in JSON, in files, on the command line or over HTTP."""

from __future__ import annotations

from collections.abc import Mapping


def bytes_of(value: object) -> bytes | None:
    """Encode text as it is, everything else as its JSON; null is None. Raises TypeError for what JSON does not have."""
    if value is None or isinstance(value, str):
        return value if value is None else value.encode()
    import json

    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def member(name: str, data: bytes | None) -> dict[str, str | None]:
    """Return the member of an object for bytes: text under ``name``, or base64 under ``NAME_base64`` if not UTF-8."""
    if data is None:
        return {name: None}
    try:
        return {name: data.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": encoded(data)}


def bytes_in(members: Mapping[str, str | None], name: str) -> bytes | None:
    """Read what :func:`member` made: the bytes of NAME, None if there are none. Raises ValueError for no base64."""
    if f"{name}_base64" in members:
        return decoded(members[f"{name}_base64"])
    text = members.get(name)
    return None if text is None else text.encode()


def encoded(data: bytes | None) -> str | None:
    """Write bytes in base64, whatever they are; None stays None."""
    if data is None:
        return None
    from base64 import b64encode

    return b64encode(data).decode()


def decoded(text: str | None) -> bytes | None:
    """Read base64; None stays None. Raises ValueError."""
    if text is None:
        return None
    from base64 import b64decode

    return b64decode(text, validate=True)
