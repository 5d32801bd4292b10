"""The client's side of SCRAM (RFC 5802), computed by hand."""

from __future__ import annotations

import base64
import hashlib
import hmac


def final_message(hash_name: str, password: str, bare: bytes, server_first: bytes, binding: bytes = b"biws") -> bytes:
    """Return the client's final message; ``bare`` is its first one without the header."""
    attributes = dict(part.split(b"=", 1) for part in server_first.split(b","))
    without_proof = b"c=%b,r=%b" % (binding, attributes[b"r"])
    salted = hashlib.pbkdf2_hmac(
        hash_name, password.encode(), base64.b64decode(attributes[b"s"]), int(attributes[b"i"])
    )
    key = hmac.digest(salted, b"Client Key", hash_name)
    message = b",".join((bare, server_first, without_proof))
    signature = hmac.digest(hashlib.new(hash_name, key).digest(), message, hash_name)
    proof = bytes(left ^ right for left, right in zip(key, signature, strict=True))
    return without_proof + b",p=" + base64.b64encode(proof)
