"""The keys that prove signatures of access tokens: JSON Web Key Sets (RFC 7517), in a file or fetched from a URL."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from kafkalite.security.oauthbearer import InvalidToken

if TYPE_CHECKING:
    from joserfc.jwk import Key

ALGORITHMS: Final = (
    *(f"{family}{bits}" for family in ("RS", "PS", "ES", "HS") for bits in (256, 384, 512)),
    "EdDSA",
    "Ed25519",
)
"""The algorithms of signatures that are accepted, each with keys of its own type only."""
LARGEST_KEY_SET: Final = 1 << 20
MISSING_PACKAGE: Final = "joserfc is missing: run pip install 'kafkalite[security]'"


def can_verify() -> bool:
    """Return whether the library that checks signatures is installed; it is not imported."""
    return find_spec("joserfc") is not None


class KeySource(Protocol):
    """Where keys come from."""

    def current(self) -> Sequence[Key]:
        """Return the present keys; none if they could not be read yet."""
        ...

    def is_missing(self, key_id: str) -> None:
        """Note that a token names a key that is not among them."""
        ...


class FileKeys:
    """Keys in a file, which is read again when it has changed."""

    def __init__(self, path: Path) -> None:
        """Read the file. Raises ValueError."""
        self._path = path
        self._version = self._read_version()
        try:
            self._keys = parse_key_set(_content(path))
        except OSError as error:
            raise ValueError(f"{path}: {error.strerror}") from None

    def current(self) -> Sequence[Key]:
        """Return the keys. A file that cannot be read leaves the old ones in use."""
        version = self._read_version()
        if version != self._version:
            self._version = version
            with suppress(OSError, ValueError):
                self._keys = parse_key_set(_content(self._path))
        return self._keys

    def is_missing(self, key_id: str) -> None:
        """Do nothing: the file has just been looked at."""

    def _read_version(self) -> object:
        with suppress(OSError):
            status = self._path.stat()
            return status.st_mtime_ns, status.st_size, status.st_ino
        return None


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(LARGEST_KEY_SET)


class FetchedKeys:
    """Keys that something else fetches, and brings here with :meth:`replace`."""

    def __init__(self) -> None:
        self._keys: Sequence[Key] = ()
        self.on_missing: Callable[[str], None] | None = None
        """Called with the id of a key that a token names and that is not known."""

    def replace(self, key_set: bytes) -> None:
        """Use these keys from now on. Raises ValueError, and keeps the old ones then."""
        self._keys = parse_key_set(key_set)

    def current(self) -> Sequence[Key]:
        """Return the keys; none before the first were fetched."""
        return self._keys

    def is_missing(self, key_id: str) -> None:
        """Ask for them to be fetched."""
        if self.on_missing is not None:
            self.on_missing(key_id)


def parse_key_set(text: bytes | str) -> Sequence[Key]:
    """Read a JSON Web Key Set; keys of unknown types are left out. Raises ValueError if none is left."""
    from joserfc.errors import JoseError
    from joserfc.jwk import import_key

    try:
        described: Any = json.loads(text)["keys"]
    except (ValueError, RecursionError, KeyError, TypeError):
        raise ValueError("not a JSON Web Key Set") from None
    keys: list[Key] = []
    for each in cast("list[object]", described) if isinstance(described, list) else ():
        key: dict[str, Any] = cast("dict[str, Any]", each) if isinstance(each, dict) else {"use": None}
        if key.get("use", "sig") == "sig":
            with suppress(JoseError, ValueError, TypeError):
                keys.append(import_key(key))
    if not keys:
        raise ValueError("a JSON Web Key Set without a key for signatures")
    return tuple(keys)


class TokenKeys:
    """Checks signatures with the keys of a source."""

    def __init__(self, source: KeySource) -> None:
        self._source = source

    def verified(self, token: str) -> bytes:
        """Return the claims of a token whose signature one of the keys proves. Raises InvalidToken."""
        from joserfc.errors import JoseError

        try:
            return self._verified(token)
        except (JoseError, ValueError, TypeError, KeyError, RecursionError):
            raise InvalidToken("it is not a signed token that can be read") from None

    def _verified(self, token: str) -> bytes:
        from joserfc import jws

        # Providers add parameters of their own, such as `nonce`.
        registry = jws.JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
        parts = jws.extract_compact(token.rstrip("=").encode(), registry=registry)
        key_id = parts.headers().get("kid")
        for key in self._candidates(key_id):
            if _is_proved(parts, key, registry):
                return bytes(parts.payload)
        raise InvalidToken("no key proves its signature")

    def _candidates(self, key_id: object) -> Sequence[Key]:
        keys = self._source.current()
        if key_id is None:
            return keys
        named = [key for key in keys if key.kid == key_id]
        if not named:
            self._source.is_missing(str(key_id))
        return named


def _is_proved(parts: Any, key: Key, registry: Any) -> bool:
    from joserfc import jws
    from joserfc.errors import JoseError

    try:
        is_proved: bool = jws.validate_compact(parts, key, registry=registry)
    except (JoseError, ValueError, TypeError):
        return False  # a key of another type, or for another algorithm
    return is_proved
