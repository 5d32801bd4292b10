"""TLS contexts of listeners and of connections to a cluster, from Kafka's ``ssl.*`` properties.

Certificates and keys are PEM, in files or as the values of properties, or PKCS#12 files. JKS, Java's older format, is
not read. A file that changes while the broker runs is read again for the next connection.
"""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, Literal

ClientAuth = Literal["none", "requested", "required"]

_VERSIONS: Final = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}
_CLIENT_AUTH: Final = {
    "none": ssl.CERT_NONE,
    "requested": ssl.CERT_OPTIONAL,
    "required": ssl.CERT_REQUIRED,
}


class TlsError(ValueError):
    """A certificate, key or setting that cannot be used; ``property`` is the one at fault."""

    def __init__(self, property_: str, reason: str) -> None:
        super().__init__(reason)
        self.property = property_


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """Certificates, and perhaps a key: in a file, or as PEM text."""

    property: str
    """The property that it comes from, for messages."""
    path: Path | None = None
    text: str | None = field(default=None, repr=False)
    is_pkcs12: bool = False
    password: str | None = field(default=None, repr=False)
    """The password of a PKCS#12 file."""

    def read(self) -> str:
        """Return the content as PEM. Raises TlsError."""
        if self.path is None:
            return self.text or ""
        try:
            if self.is_pkcs12:
                return _pem_of(self.path.read_bytes(), self.password)
            return self.path.read_text(encoding="ascii")
        except OSError as error:
            raise TlsError(self.property, f"{self.path}: {error.strerror}") from None
        except ModuleNotFoundError:
            reason = "PKCS#12 needs cryptography: run pip install 'kafkalite[security]'"
            raise TlsError(self.property, reason) from None
        except ValueError:
            reason = "not a PKCS#12 file, or another password" if self.is_pkcs12 else "not a PEM file"
            raise TlsError(self.property, f"{self.path}: {reason}") from None

    def version(self) -> object:
        """Return a value that changes with the file."""
        if self.path is None:
            return None
        with suppress(OSError):
            status = self.path.stat()
            return status.st_mtime_ns, status.st_size, status.st_ino
        return None


def _pem_of(pkcs12_file: bytes, password: str | None) -> str:
    """Return key and certificates of a PKCS#12 file as PEM. Raises ValueError."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12

    stored = pkcs12.load_pkcs12(pkcs12_file, None if password is None else password.encode())
    parts: list[bytes] = []
    if stored.key is not None:
        parts.append(stored.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    certificates = [*([] if stored.cert is None else [stored.cert]), *stored.additional_certs]
    parts += [each.certificate.public_bytes(Encoding.PEM) for each in certificates]
    return b"".join(parts).decode("ascii")


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """The TLS of one listener."""

    certificate: Store
    """The broker's certificate and its chain, and the key too if ``key`` is None."""
    key: Store | None
    key_password: str | None = field(repr=False)
    trusted: Store | None
    """Authorities whose client certificates are accepted."""
    client_auth: ClientAuth
    protocols: tuple[str, ...]
    cipher_suites: tuple[str, ...]
    """Of TLS 1.2, by OpenSSL's names; empty for OpenSSL's choice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTlsSettings:
    """The TLS of connections to a cluster."""

    trusted: Store | None
    """Authorities whose certificates are accepted; None for those of the system."""
    certificate: Store | None
    """The client's certificate and its chain, and the key too if ``key`` is None; None where it shows none."""
    key: Store | None
    key_password: str | None = field(repr=False)
    checks_host_names: bool
    protocols: tuple[str, ...]
    cipher_suites: tuple[str, ...]


class _FollowingContext:
    """A context that follows changes of the files that it is made of."""

    def __init__(self, make: Callable[[], ssl.SSLContext], *stores: Store | None) -> None:
        self._make = make
        self._stores = tuple(store for store in stores if store is not None)
        self._context = make()
        self._version = self._files()

    def current(self) -> ssl.SSLContext:
        """Return the context for the next connection. Files that cannot be read leave the old one in use."""
        version = self._files()
        if version != self._version:
            self._version = version
            with suppress(TlsError):
                self._context = self._make()
        return self._context

    def _files(self) -> tuple[object, ...]:
        return tuple(store.version() for store in self._stores)


class TlsContext(_FollowingContext):
    """The context of a listener; it follows changes of its files."""

    def __init__(self, settings: TlsSettings) -> None:
        """Read certificates and keys. Raises TlsError."""
        super().__init__(partial(_context, settings), settings.certificate, settings.key, settings.trusted)


class ClientTlsContext(_FollowingContext):
    """The context of connections to a cluster; it follows changes of its files."""

    def __init__(self, settings: ClientTlsSettings) -> None:
        """Read certificates and keys. Raises TlsError."""
        super().__init__(partial(_client_context, settings), settings.certificate, settings.key, settings.trusted)


class NamedSocket(ssl.SSLSocket):
    """The socket of a listener's connection, which knows the server name that its client asked for."""

    asked_name: str = ""
    """In lower case; empty where the client named none."""


def _note_name(asked: ssl.SSLSocket | ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
    del context
    if isinstance(asked, NamedSocket):
        asked.asked_name = (name or "").lower()


def _context(settings: TlsSettings) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sslsocket_class = NamedSocket
    context.sni_callback = _note_name
    _limit(context, settings)
    # As in Kafka. A client could otherwise make the broker compute a handshake again and again.
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.verify_mode = _CLIENT_AUTH[settings.client_auth]
    _load_certificate(context, settings.certificate, settings)
    if settings.trusted is not None:
        _trust(context, settings.trusted)
    elif settings.client_auth != "none":
        context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
    return context


def _client_context(settings: ClientTlsSettings) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _limit(context, settings)
    context.check_hostname = settings.checks_host_names
    if settings.certificate is not None:
        _load_certificate(context, settings.certificate, settings)
    if settings.trusted is None:
        context.load_default_certs()
    else:
        _trust(context, settings.trusted)
    return context


def _limit(context: ssl.SSLContext, settings: TlsSettings | ClientTlsSettings) -> None:
    versions = [_VERSIONS[name] for name in settings.protocols]
    context.minimum_version, context.maximum_version = min(versions), max(versions)
    if settings.cipher_suites:
        try:
            context.set_ciphers(":".join(settings.cipher_suites))
        except ssl.SSLError:
            raise TlsError("ssl.cipher.suites", "OpenSSL knows none of these names") from None


def _trust(context: ssl.SSLContext, trusted: Store) -> None:
    authorities = trusted.read()
    try:
        context.load_verify_locations(cadata=authorities)
    except (ssl.SSLError, ValueError) as error:
        raise TlsError(trusted.property, f"no usable certificates: {_reason(error)}") from None


def _load_certificate(context: ssl.SSLContext, certificate: Store, settings: TlsSettings | ClientTlsSettings) -> None:
    pem = certificate.read() + ("" if settings.key is None else "\n" + settings.key.read())
    try:
        load_certificate(context, pem, settings.key_password or "")
    except (ssl.SSLError, ValueError) as error:
        raise TlsError(certificate.property, f"no usable certificate and key: {_reason(error)}") from None


def _reason(error: ssl.SSLError | ValueError) -> str:
    # The message of a ValueError may quote the text.
    return (isinstance(error, ssl.SSLError) and error.reason) or "not PEM"


def load_certificate(context: ssl.SSLContext, pem: str, password: str) -> None:
    """Load a certificate chain and its key into a context. Raises ssl.SSLError.

    Without a password an encrypted key is refused; OpenSSL would ask for it on the terminal.
    """
    # OpenSSL reads a certificate chain from a file only. The key is in it: mkstemp makes it readable for its owner.
    descriptor, path = tempfile.mkstemp(suffix=".pem")
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(pem)
        context.load_cert_chain(path, password=password)
    finally:
        Path(path).unlink()
