"""The client's side of SCRAM (RFC 5802) by hand, so that any part of it can be wrong."""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

_HASHES: Final = {"SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScramClient:
    """One authentication."""

    mechanism: str
    user: str
    password: str
    nonce: str = "fyko+d2lbbFgONRv9qkxdawL"
    extensions: str = ""
    """Of the first message, with a comma in front."""

    @property
    def bare(self) -> str:
        """The first message without its GS2 header."""
        name = self.user.replace("=", "=3D").replace(",", "=2C")
        return f"n={name},r={self.nonce}{self.extensions}"

    def first(self, header: str = "n,,") -> bytes:
        """Return the first message."""
        return (header + self.bare).encode()

    def final(self, server_first: bytes, *, binding: str = "biws", nonce: str | None = None, proof: str = "") -> bytes:
        """Return the final message."""
        text = server_first.decode()
        attributes = {part[0]: part[2:] for part in text.split(",")}
        name = _HASHES[self.mechanism]
        without_proof = f"c={binding},r={attributes['r'] if nonce is None else nonce}"
        salted = hashlib.pbkdf2_hmac(
            name, self.password.encode(), base64.b64decode(attributes["s"]), int(attributes["i"])
        )
        key = hmac.digest(salted, b"Client Key", name)
        message = f"{self.bare},{text},{without_proof}".encode()
        signature = hmac.digest(hashlib.new(name, key).digest(), message, name)
        mixed = bytes(left ^ right for left, right in zip(key, signature, strict=True))
        return f"{without_proof},p={proof or base64.b64encode(mixed).decode()}".encode()
