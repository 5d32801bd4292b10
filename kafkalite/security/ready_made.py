"""Security that is made for one run of a broker: an authority, certificates that it has signed, and a user."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

USER: Final = "kafkalite"
_PASSWORD_BYTES: Final = 18


class MissingPackageError(Exception):
    """A package that makes certificates, or checks passwords, is not installed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """A new authority, and certificates with their keys that it has signed; all are PEM."""

    authority: str
    broker: str = field(repr=False)
    client: str = field(repr=False)


def make_certificates(hosts: Sequence[str]) -> Certificates:
    """Make an authority, a broker's certificate for these host names and addresses, and a client's.

    The broker's names this machine too, and the loopback addresses. Raises MissingPackageError.
    """
    try:
        import trustme
    except ModuleNotFoundError:
        raise MissingPackageError("trustme is missing: run pip install 'kafkalite[security]'") from None
    authority = trustme.CA(organization_name="kafkalite")
    names = dict.fromkeys(("localhost", "127.0.0.1", "::1", socket.gethostname(), *filter(None, hosts)))
    wildcards = {"0.0.0.0", "::"}  # noqa: S104  # these are left out
    broker = authority.issue_cert(*(name for name in names if name not in wildcards))
    client = authority.issue_cert(f"{USER}@localhost", common_name=USER)
    return Certificates(
        authority=authority.cert_pem.bytes().decode(),
        broker=broker.private_key_and_cert_chain_pem.bytes().decode(),
        client=client.private_key_and_cert_chain_pem.bytes().decode(),
    )


def make_user() -> Mapping[str, str]:
    """Make a user with a random password."""
    return {USER: secrets.token_urlsafe(_PASSWORD_BYTES)}
