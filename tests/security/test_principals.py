"""Subjects of certificates as principals. The expected ones are what X500Principal.getName() of Java 17 returned."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.name import _ASN1Type as Type
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from kafkalite.security.principals import principal_of

KEY = ec.generate_private_key(ec.SECP256R1())
C, ST, L = NameOID.COUNTRY_NAME, NameOID.STATE_OR_PROVINCE_NAME, NameOID.LOCALITY_NAME
O, OU, CN = NameOID.ORGANIZATION_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME, NameOID.COMMON_NAME  # noqa: E741  # RFC 2253's
DC, UID, STREET, EMAIL = NameOID.DOMAIN_COMPONENT, NameOID.USER_ID, NameOID.STREET_ADDRESS, NameOID.EMAIL_ADDRESS


def certificate(*relative_names: list[tuple[Any, ...]]) -> bytes:
    """Return a certificate in DER; each relative name has one attribute or more."""
    subject = x509.Name([
        x509.RelativeDistinguishedName([x509.NameAttribute(*attribute) for attribute in attributes])
        for attributes in relative_names
    ])  # fmt: skip
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    return (
        x509.CertificateBuilder(subject_name=subject, issuer_name=x509.Name([x509.NameAttribute(CN, "issuer")]))
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=1))
        .sign(KEY, hashes.SHA256())
        .public_bytes(serialization.Encoding.DER)
    )


@pytest.mark.parametrize(
    ("text", "principal"),
    [
        ("anna", "CN=anna"),
        ('#a+"b"\\<c>;=d', 'CN=\\#a\\+\\"b\\"\\\\\\<c\\>\\;\\=d'),
        ("a#b=c", "CN=a\\#b\\=c"),
        ("a,b", "CN=a\\,b"),
        (" a  b ", "CN=\\ a  b\\ "),
        (" ", "CN=\\ "),
        ("  ", "CN=\\ \\ "),
        ("a\0b", "CN=a\\00b"),
        ("a\nb\tc", "CN=a\nb\tc"),
        ("zoë", "CN=zoë"),
        ("日本", "CN=日本"),
    ],
)
def test_text_is_escaped(text: str, principal: str) -> None:
    assert principal_of(certificate([(CN, text)])) == principal


def test_names_are_in_the_opposite_order_and_may_have_several_values() -> None:
    made = certificate(
        [(C, "DE")], [(ST, "S")], [(L, "L")], [(STREET, "St")], [(O, "Kafka, Inc.")], [(OU, "b"), (OU, "a")],
        [(DC, "org")], [(UID, "u")], [(CN, "x"), (OU, "y")],
    )  # fmt: skip
    assert principal_of(made) == "CN=x+OU=y,UID=u,DC=org,OU=a+OU=b,O=Kafka\\, Inc.,STREET=St,L=L,ST=S,C=DE"


def test_other_attributes_are_written_by_their_numbers_and_encodings() -> None:
    made = certificate([(CN, "zoë")], [(EMAIL, "a@b.c")], [(x509.ObjectIdentifier("1.2.3.4"), "own")])
    assert principal_of(made) == "1.2.3.4=#0c036f776e,1.2.840.113549.1.9.1=#16056140622e63,CN=zoë"


@pytest.mark.parametrize(
    ("kind", "text", "principal"),
    [
        (Type.IA5String, "ia5=", "CN=ia5\\="),
        (Type.T61String, "t61", "CN=t61"),
        (Type.PrintableString, "b", "CN=b"),
        (Type.NumericString, "12", "CN=#12023132"),
        (Type.UniversalString, "u", "CN=#1c0400000075"),
    ],
)
def test_kinds_of_strings(kind: Type, text: str, principal: str) -> None:
    assert principal_of(certificate([(CN, text, kind)])) == principal


def test_a_certificate_without_a_subject_has_an_empty_name() -> None:
    assert principal_of(certificate()) == ""


@pytest.mark.parametrize("none", [None, b""])
def test_a_client_without_a_certificate_is_anonymous(none: bytes | None) -> None:
    assert principal_of(none) == "ANONYMOUS"


@given(st.binary(min_size=1) | st.integers(0, 250).map(lambda size: certificate([(CN, "anna")])[: size + 1]))
def test_what_is_no_certificate_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        principal_of(data)
