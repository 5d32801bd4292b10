"""Certificates for the tests of security."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme


@dataclass(frozen=True)
class Authority:
    """An authority, and files with certificates that it has signed."""

    made: trustme.CA
    folder: Path

    @property
    def file(self) -> Path:
        path = self.folder / "authority.pem"
        path.write_bytes(self.made.cert_pem.bytes())
        return path

    def issue(self, name: str, *identities: str, common_name: str | None = None) -> Path:
        path = self.folder / f"{name}.pem"
        certificate = self.made.issue_cert(*identities, common_name=common_name)
        certificate.private_key_and_cert_chain_pem.write_to_path(str(path))
        return path


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(trustme.CA(), tmp_path)


@pytest.fixture
def broker_pem(authority: Authority) -> Path:
    return authority.issue("broker", "localhost", "127.0.0.1")
