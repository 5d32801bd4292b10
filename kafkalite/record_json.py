"""Keys, values and headers of records where they are written in JSON, in files, on the command line or over HTTP."""

from __future__ import annotations


def bytes_of(value: object) -> bytes | None:
    """Encode text as it is, everything else as its JSON; null is None. Raises TypeError for what JSON does not have."""
    if value is None or isinstance(value, str):
        return value if value is None else value.encode()
    import json

    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def member(name: str, data: bytes | None) -> dict[str, str | None]:
    """Make the member of an object that tells bytes: what is no UTF-8 stands in base64 under ``NAME_base64``."""
    if data is None:
        return {name: None}
    try:
        return {name: data.decode()}
    except UnicodeDecodeError:
        from base64 import b64encode

        return {f"{name}_base64": b64encode(data).decode()}
