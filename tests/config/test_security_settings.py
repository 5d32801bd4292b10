"""TLS and SASL of listeners: which property counts for which, and what a mistake is answered with."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from kafkalite.config import BrokerConfig, ConfigError, load
from kafkalite.config.table import AUTHORIZER
from kafkalite.security.authorizer import AuthorizerSettings
from kafkalite.security.protocol import SecurityProtocol

PLAIN_MODULE = "org.apache.kafka.common.security.plain.PlainLoginModule"
SASL = ("listeners=SASL_PLAINTEXT://127.0.0.1:0", "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256")
NAMED = (
    "listeners=IN://127.0.0.1:0,OUT://127.0.0.1:0",
    "listener.security.protocol.map=IN:SASL_PLAINTEXT,OUT:SASL_PLAINTEXT",
    "sasl.enabled.mechanisms=PLAIN",
)
ALL_MECHANISMS = "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER"
SECRET = "hush-4711"
OWN = "listener.name.sasl_plaintext."
NO_FLAG = "after the login module there has to be one of optional, required, requisite, sufficient"
NO_PAIR = "is not of the form NAME:PASSWORD"


def loaded(*settings: str) -> BrokerConfig:
    return load(settings=settings)


def problem(*settings: str) -> str:
    with pytest.raises(ConfigError) as mistake:
        loaded(*settings)
    assert SECRET not in str(mistake.value)
    return str(mistake.value)


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    certificate = trustme.CA().issue_cert("localhost")
    certificate.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "broker.pem"))
    return tmp_path / "broker.pem"


def test_users_of_plain_come_from_the_login_module_and_from_our_own_property() -> None:
    jaas = f'sasl.jaas.config={PLAIN_MODULE} required username="u" password="p" user_anna="a" user_ben="b";'
    (security,) = loaded(
        *SASL, f"listener.name.sasl_plaintext.plain.{jaas}", "kafkalite.sasl.users=ben:x,carl:c"
    ).security
    assert security.sasl is not None
    assert security.protocol is SecurityProtocol.SASL_PLAINTEXT
    assert security.sasl.mechanisms == ("PLAIN", "SCRAM-SHA-256")
    assert security.sasl.plain_users == {"anna": "a", "ben": "b", "carl": "c"}
    assert security.sasl.scram_users == {"ben": "x", "carl": "c"}


def test_a_listener_has_its_own_users_and_mechanisms() -> None:
    inside, outside = loaded(
        *NAMED,
        f'listener.name.in.plain.sasl.jaas.config={PLAIN_MODULE} required user_anna="a";',
        f'listener.name.out.plain.sasl.jaas.config={PLAIN_MODULE} required user_ben="b";',
        "listener.name.out.sasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN",
    ).security
    assert inside.sasl is not None
    assert outside.sasl is not None
    assert (inside.sasl.mechanisms, inside.sasl.plain_users) == (("PLAIN",), {"anna": "a"})
    assert (outside.sasl.mechanisms, outside.sasl.plain_users) == (("SCRAM-SHA-512", "PLAIN"), {"ben": "b"})


def test_the_lifetime_of_sessions_is_that_of_the_mechanism_then_of_the_listener_then_of_all() -> None:
    inside, outside = loaded(
        *NAMED,
        "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256",
        "connections.max.reauth.ms=1000",
        "listener.name.out.connections.max.reauth.ms=2000",
        "listener.name.out.scram-sha-256.connections.max.reauth.ms=3000",
    ).security
    assert inside.sasl is not None
    assert outside.sasl is not None
    assert inside.sasl.session_lifetimes == {"PLAIN": 1, "SCRAM-SHA-256": 1}
    assert outside.sasl.session_lifetimes == {"PLAIN": 2, "SCRAM-SHA-256": 3}


def test_without_a_lifetime_there_is_none() -> None:
    for value in ("0", "-1"):
        (security,) = loaded(*SASL, f"connections.max.reauth.ms={value}").security
        assert security.sasl is not None
        assert security.sasl.session_lifetimes == {}


def test_properties_of_listeners_have_an_effect_and_no_warning() -> None:
    config = loaded(
        *SASL,
        "listener.name.sasl_plaintext.sasl.enabled.mechanisms=PLAIN",
        "listener.name.sasl_plaintext.connections.max.reauth.ms=5",
        f"listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config={PLAIN_MODULE} required;",
    )
    assert config.warnings == ()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            ("sasl.enabled.mechanisms=GSSAPI",),
            f"--set: sasl.enabled.mechanisms: GSSAPI is not supported: use {ALL_MECHANISMS}",
        ),
        (
            ("listener.name.sasl_plaintext.sasl.enabled.mechanisms=plain",),
            f"--set: {OWN}sasl.enabled.mechanisms: plain is not supported: use {ALL_MECHANISMS}",
        ),
        (
            (f'listener.name.sasl_plaintext.plain.sasl.jaas.config=a.B required user_a="{SECRET}";',),
            f"--set: listener.name.sasl_plaintext.plain.sasl.jaas.config: only {PLAIN_MODULE} is supported",
        ),
        (
            (f'listener.name.sasl_plaintext.plain.sasl.jaas.config={PLAIN_MODULE} required user_a="{SECRET}"',),
            "--set: listener.name.sasl_plaintext.plain.sasl.jaas.config: there is no semicolon at the end",
        ),
        ((f"sasl.jaas.config={SECRET}",), f"--set: sasl.jaas.config: {NO_FLAG}"),
        ((f"kafkalite.sasl.users=a:b,{SECRET}",), f"--set: kafkalite.sasl.users: item 2 {NO_PAIR}"),
        ((f"kafkalite.sasl.users=:{SECRET}",), f"--set: kafkalite.sasl.users: item 1 {NO_PAIR}"),
        (
            ("listener.name.sasl_plaintext.connections.max.reauth.ms=soon",),
            "--set: listener.name.sasl_plaintext.connections.max.reauth.ms: 'soon' is not a whole number of 64 bits",
        ),
        (
            ("listener.name.sasl_plaintext.plain.connections.max.reauth.ms=soon",),
            f"--set: {OWN}plain.connections.max.reauth.ms: 'soon' is not a whole number of 64 bits",
        ),
    ],
)  # fmt: skip
def test_a_mistake_names_the_setting_and_no_password(settings: tuple[str, ...], message: str) -> None:
    assert problem(*SASL, *settings) == message


def tls(*settings: str) -> str:
    return problem("listeners=SSL://127.0.0.1:0", *settings)


def test_mistakes_of_tls(tmp_path: Path, pem: Path) -> None:
    (tmp_path / "empty.pem").write_text("")
    (tmp_path / "binary.pem").write_bytes(b"\xff\xfe")
    usual = ("ssl.keystore.type=PEM", f"ssl.keystore.location={pem}")
    assert tls(f"ssl.keystore.location={pem}") == (
        "listener SSL: ssl.keystore.type: JKS is not supported: convert it to PKCS12 or PEM"
    )
    assert tls("ssl.keystore.type=PEM", f"ssl.keystore.location={tmp_path}/none.pem") == (
        f"--set: ssl.keystore.location: {tmp_path}/none.pem: No such file or directory"
    )
    for name in ("empty", "binary"):
        assert tls("ssl.keystore.type=PEM", f"ssl.keystore.location={tmp_path}/{name}.pem").startswith(
            "--set: ssl.keystore.location: "
        )
    assert tls(f"ssl.keystore.certificate.chain={SECRET}").startswith(
        "--set: ssl.keystore.certificate.chain: no usable"
    )
    assert tls(*usual, f"ssl.truststore.certificates={SECRET}").startswith("--set: ssl.truststore.certificates: ")
    assert tls(*usual, "ssl.truststore.type=PEM", f"ssl.truststore.location={tmp_path}/empty.pem").startswith(
        "--set: ssl.truststore.location: "
    )
    for text in ("", "schlüssel", "-----BEGIN CERTIFICATE-----\n"):
        assert "not PEM" in tls(f"ssl.keystore.certificate.chain={text}x")
    assert tls(*usual, "ssl.client.auth=maybe") == (
        "--set: ssl.client.auth: 'maybe' is not allowed: String must be one of: none, requested, required"
    )
    assert "TLSv1.1" in tls(*usual, "ssl.enabled.protocols=TLSv1.1")
    assert tls(*usual, "ssl.cipher.suites=TLS_MADE_UP") == (
        "--set: ssl.cipher.suites: OpenSSL knows none of these names"
    )


def test_a_certificate_without_its_key_and_a_key_of_another_are_refused(tmp_path: Path, pem: Path) -> None:
    certificate, other = trustme.CA().issue_cert("a"), trustme.CA().issue_cert("b")
    chain = certificate.cert_chain_pems[0].bytes().decode()
    assert "no usable certificate and key" in tls(f"ssl.keystore.certificate.chain={chain}")
    key = other.private_key_pem.bytes().decode()
    message = tls(f"ssl.keystore.certificate.chain={chain}", f"ssl.keystore.key={key}")
    assert "no usable certificate and key" in message
    assert "PRIVATE" not in message


def test_secrets_are_not_shown_by_the_configuration(pem: Path) -> None:
    config = loaded(
        "listeners=SASL_SSL://127.0.0.1:0",
        "sasl.enabled.mechanisms=PLAIN",
        "ssl.keystore.type=PEM",
        f"ssl.keystore.location={pem}",
        f"ssl.key.password={SECRET}",
        f"kafkalite.sasl.users=anna:{SECRET}",
        f'listener.name.sasl_ssl.plain.sasl.jaas.config={PLAIN_MODULE} required user_ben="{SECRET}";',
    )
    shown = repr(config.security) + str(config.security) + repr(config.client_access) + "".join(config.warnings)
    assert SECRET not in shown
    assert "PRIVATE KEY" not in shown
    assert SECRET not in repr(config)


def test_there_is_no_authorizer_unless_it_is_named() -> None:
    assert loaded("super.users=User:anna").authorizer is None


def test_super_users_are_those_of_the_property_and_the_user_that_is_made() -> None:
    authorizer = f"authorizer.class.name={AUTHORIZER}"
    config = loaded(authorizer, "super.users= User:anna ;User:CN=ben,O=x;", "allow.everyone.if.no.acl.found=true")
    assert config.authorizer == AuthorizerSettings(
        super_users=frozenset(("User:anna", "User:CN=ben,O=x")), allow_everyone_if_no_acl_found=True
    )
    made = loaded(authorizer, "kafkalite.security=sasl_plaintext", "kafkalite.sasl.users=anna:secret")
    assert made.authorizer == AuthorizerSettings(super_users=frozenset(("User:kafkalite",)))
    assert made.security[0].sasl is not None
    assert list(made.security[0].sasl.plain_users) == ["kafkalite", "anna"]
    assert made.client_access is not None
    assert made.client_access.username == "kafkalite"


def test_the_certificate_that_is_made_is_of_a_super_user_as_the_rules_name_it() -> None:
    secured = (f"authorizer.class.name={AUTHORIZER}", "kafkalite.security=ssl", "ssl.client.auth=required")
    (user,) = made_super_users(*secured)
    assert user.startswith("User:CN=kafkalite,")
    assert made_super_users(*secured, "ssl.principal.mapping.rules=RULE:^CN=([a-z]*),.*$/$1/U") == ["User:KAFKALITE"]
    assert made_super_users(*secured, "ssl.principal.mapping.rules=RULE:^O=none$/none/") == []


def made_super_users(*settings: str) -> list[str]:
    authorizer = loaded(*settings).authorizer
    assert authorizer is not None
    return sorted(authorizer.super_users)


def test_a_super_user_without_a_type_is_refused() -> None:
    assert problem(f"authorizer.class.name={AUTHORIZER}", "super.users=anna") == (
        "--set: super.users: 'anna' is not of the form User:NAME"
    )
