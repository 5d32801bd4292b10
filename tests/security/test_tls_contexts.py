"""Certificates and keys of a listener, and files that change."""

from __future__ import annotations

import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from kafkalite.security.tls import Store, TlsContext, TlsError, TlsSettings
from tests.security.conftest import Authority


def settings(path: Path, **changes: Any) -> TlsSettings:
    values: dict[str, Any] = {
        "certificate": Store(property="ssl.keystore.location", path=path),
        "key": None,
        "key_password": None,
        "trusted": None,
        "client_auth": "none",
        "protocols": ("TLSv1.2", "TLSv1.3"),
        "cipher_suites": (),
    }
    return TlsSettings(**{**values, **changes})


def shown_certificate(context: ssl.SSLContext, authority: Authority) -> tuple[bytes | None, str | None]:
    """Make a handshake in memory. Return the broker's certificate and the version of TLS."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    trusting = ssl.create_default_context(cafile=str(authority.file))
    client = trusting.wrap_bio(to_client, to_server, server_hostname="localhost")
    server = context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (client, server):
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()
    return client.getpeercert(binary_form=True), client.version()


def test_versions_are_those_that_are_enabled(authority: Authority, broker_pem: Path) -> None:
    for enabled in (("TLSv1.2",), ("TLSv1.3",)):
        context = TlsContext(settings(broker_pem, protocols=enabled)).current()
        assert shown_certificate(context, authority)[1] == enabled[0]
    assert shown_certificate(TlsContext(settings(broker_pem)).current(), authority)[1] == "TLSv1.3"


def test_no_handshake_is_made_again(broker_pem: Path) -> None:
    context = TlsContext(settings(broker_pem)).current()
    assert context.options & ssl.OP_NO_RENEGOTIATION


def test_a_file_that_changes_is_read_for_the_next_connection(authority: Authority, broker_pem: Path) -> None:
    context = TlsContext(settings(broker_pem))
    first, _ = shown_certificate(context.current(), authority)
    assert context.current() is context.current()
    other = authority.issue("other", "localhost")
    other.replace(broker_pem)
    second, _ = shown_certificate(context.current(), authority)
    assert second is not None
    assert second != first


@pytest.mark.parametrize("damaged", [b"", b"not PEM", b"\xff\xfe", None])
def test_a_file_that_becomes_unusable_leaves_the_old_one_in_use(
    authority: Authority, broker_pem: Path, damaged: bytes | None
) -> None:
    trusted = Store(property="ssl.truststore.location", path=authority.file)
    context = TlsContext(settings(broker_pem, trusted=trusted))
    usual, before = broker_pem.read_bytes(), context.current()
    for path in (broker_pem, authority.file):
        assert trusted.path is not None
        if damaged is None:
            path.unlink()
        else:
            path.write_bytes(damaged)
        assert context.current() is before
        assert context.current() is before
    broker_pem.write_bytes(usual)
    authority.file  # noqa: B018  # writes the file again
    after = context.current()
    assert after is not before
    assert shown_certificate(after, authority)[0] is not None


def test_a_certificate_that_has_become_readable_again_is_used(authority: Authority, broker_pem: Path) -> None:
    context = TlsContext(settings(broker_pem))
    first, _ = shown_certificate(context.current(), authority)
    broker_pem.write_bytes(b"half")
    context.current()
    broker_pem.write_bytes(authority.issue("other", "localhost").read_bytes())
    assert shown_certificate(context.current(), authority)[0] != first


def test_keys_leave_no_files_behind(broker_pem: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    TlsContext(settings(broker_pem))
    with pytest.raises(TlsError):
        TlsContext(settings(tmp_path / "authority.pem", certificate=Store(property="p", text="nonsense")))
    assert list(temporary.iterdir()) == []


def test_an_encrypted_key_needs_its_password(broker_pem: Path, authority: Authority) -> None:
    from cryptography.hazmat.primitives import serialization

    issued = authority.made.issue_cert("localhost")
    key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"hush"),
    )
    chain = Store(property="ssl.keystore.certificate.chain", text=issued.cert_chain_pems[0].bytes().decode())
    encrypted = Store(property="ssl.keystore.key", text=key.decode())
    made = TlsContext(settings(broker_pem, certificate=chain, key=encrypted, key_password="hush"))
    assert shown_certificate(made.current(), authority)[0] is not None
    for password in (None, "", "other", "x" * 2000):
        with pytest.raises(TlsError, match="no usable certificate and key") as refused:
            TlsContext(settings(broker_pem, certificate=chain, key=encrypted, key_password=password))
        assert "other" not in str(refused.value)


def test_secrets_are_not_shown(broker_pem: Path) -> None:
    made = settings(
        broker_pem,
        key=Store(property="ssl.keystore.key", text="hush", password="hush"),
        key_password="hush",
    )
    assert "hush" not in repr(made)
