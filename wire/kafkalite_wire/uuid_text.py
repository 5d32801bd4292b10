"""UUIDs, which are 16 bytes in messages, as Kafka writes them in text: URL-safe base64 without padding."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

_SIZE = 16


def format_uuid(uuid: bytes) -> str:
    """Write a UUID."""
    return urlsafe_b64encode(uuid).decode().rstrip("=")


def parse_uuid(text: str) -> bytes:
    """Read a UUID. Raises ValueError."""
    uuid = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if len(uuid) != _SIZE:
        raise ValueError(f"{text!r} is not the base64 of {_SIZE} bytes")
    return uuid
