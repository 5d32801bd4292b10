"""Both brokers with the same protected listeners, certificates and users."""

import json
import ssl
import tempfile
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kafkalite_conformance.kafkalite_broker import Kafkalite
from kafkalite_conformance.reference_broker import CONFORMANCE_JVM_FLAGS, start_kafka

if TYPE_CHECKING:
    import trustme

SASL_PLAINTEXT, SASL_SSL, SSL, PLAINTEXT = "SASL_PLAINTEXT", "SASL_SSL", "SSL", "PLAINTEXT"
REAUTH: Final = "REAUTH"
"""A SASL_PLAINTEXT listener whose sessions end after a second and a half."""
SHORT: Final = "SHORT"
"""A SASL_PLAINTEXT listener with PLAIN only."""
MUTUAL: Final = "MUTUAL"
"""An SSL listener that asks for a certificate and takes clients without one."""
ELSEWHERE: Final = "ELSEWHERE"
"""An SSL listener whose certificate is for another host."""
LISTENERS: Final[Mapping[str, str]] = {
    SASL_PLAINTEXT: "SASL_PLAINTEXT",
    SASL_SSL: "SASL_SSL",
    SSL: "SSL",
    REAUTH: "SASL_PLAINTEXT",
    SHORT: "SASL_PLAINTEXT",
    MUTUAL: "SSL",
    ELSEWHERE: "SSL",
}
"""Security protocols by the names of listeners."""

SESSION_MS: Final = 1500
MOST_BYTES: Final = 4096
"""`sasl.server.max.receive.size`."""
PLAIN_USERS: Final[Mapping[str, str]] = {
    "alice": "alice-secret",
    "bob": "bob-secret",
    "quoted": 'a "quoted" \\ word; and more',
    "zoë": "pässword",
    "empty": "",
}
SCRAM_USERS: Final[Mapping[str, str]] = {
    "alice": "alice-scram",
    "carol": "carol-scram",
    "comma,equals=": "co=m,ma",
}

MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER")
ISSUER: Final = "https://issuer.example"
AUDIENCE: Final = "kafka"
TOKEN_SECRET: Final = "hush"
"""`delegation.token.secret.key`."""

_OAUTH: Final = "org.apache.kafka.common.security.oauthbearer."


@dataclass(frozen=True, slots=True, kw_only=True)
class Secured:
    """One of the two brokers."""

    name: str
    addresses: Mapping[str, str]
    log_file: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """PEM files of one authority, and of another that the brokers do not trust."""

    authority: Path
    other_authority: Path
    broker: Path
    elsewhere: Path
    client: Path
    stranger: Path
    signing_key: Path
    """The key of access tokens, a JSON Web Key."""
    key_set: Path
    """The JSON Web Key Set with which the brokers check access tokens."""

    def context(self, certificate: Path | None = None) -> ssl.SSLContext:
        """Return the TLS context of a client that trusts the brokers' authority."""
        context = ssl.create_default_context(cafile=str(self.authority))
        if certificate is not None:
            context.load_cert_chain(certificate)
        return context


@dataclass(frozen=True, slots=True, kw_only=True)
class SecuredBrokers:
    """Both brokers."""

    kafka: Secured
    kafkalite: Secured
    certificates: Certificates


@contextmanager
def secured_brokers() -> Generator[SecuredBrokers]:
    """Start both brokers, until the block ends."""
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="authentication-", ignore_cleanup_errors=True))
        )
        certificates = _certificates(folder)
        settings = listener_settings(certificates)
        kafkalite = Kafkalite(folder / "kafkalite", settings, listeners=LISTENERS)
        stack.callback(kafkalite.kill)
        kafka = stack.enter_context(
            start_kafka(
                settings,
                jvm_flags=CONFORMANCE_JVM_FLAGS,
                listeners=LISTENERS,
                system_properties={
                    "org.apache.kafka.sasl.oauthbearer.allowed.urls": certificates.key_set.as_uri(),
                    "org.apache.kafka.sasl.oauthbearer.allowed.files": str(certificates.key_set),
                },
            )
        )
        yield SecuredBrokers(
            kafka=Secured(name="kafka", addresses=kafka.addresses, log_file=kafka.log_file),
            kafkalite=Secured(name="kafkalite", addresses=kafkalite.addresses, log_file=kafkalite.log_file),
            certificates=certificates,
        )


def _certificates(folder: Path) -> Certificates:
    import trustme
    from joserfc.jwk import ECKey

    key = ECKey.generate_key("P-256", {"kid": "one"})
    (folder / "signing-key.json").write_text(json.dumps(key.as_dict(private=True)))
    (folder / "keys.json").write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    authority, stranger = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    stranger.cert_pem.write_to_path(str(folder / "stranger-authority.pem"))
    return Certificates(
        authority=folder / "authority.pem",
        other_authority=folder / "stranger-authority.pem",
        elsewhere=_written(authority.issue_cert("elsewhere.example"), folder / "elsewhere.pem"),
        broker=_written(authority.issue_cert("localhost", "127.0.0.1"), folder / "broker.pem"),
        client=_written(authority.issue_cert("client.example", common_name="client"), folder / "client.pem"),
        signing_key=folder / "signing-key.json",
        key_set=folder / "keys.json",
        stranger=_written(stranger.issue_cert("client.example", common_name="client"), folder / "stranger.pem"),
    )


def _written(certificate: "trustme.LeafCert", path: Path) -> Path:
    from cryptography.hazmat.primitives import serialization

    # Kafka reads keys in PKCS#8 only.
    key = serialization.load_pem_private_key(certificate.private_key_pem.bytes(), None).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(key + b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    return path


def listener_settings(certificates: Certificates) -> Mapping[str, str]:
    """Return the broker properties of all listeners."""
    users = " ".join(f'user_{name}="{_escaped(password)}"' for name, password in PLAIN_USERS.items())
    plain = f"org.apache.kafka.common.security.plain.PlainLoginModule required {users};"
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    modules = {"PLAIN": plain, "OAUTHBEARER": f"{_OAUTH}OAuthBearerLoginModule required;"}
    settings = {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(certificates.broker),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(certificates.authority),
        "listener.name.ssl.ssl.client.auth": "required",
        "listener.name.elsewhere.ssl.keystore.location": str(certificates.elsewhere),
        "listener.name.mutual.ssl.client.auth": "requested",
        "sasl.enabled.mechanisms": ",".join(MECHANISMS),
        "listener.name.short.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.reauth.connections.max.reauth.ms": str(SESSION_MS),
        "delegation.token.secret.key": TOKEN_SECRET,
        "sasl.server.max.receive.size": str(MOST_BYTES),
        "connection.failed.authentication.delay.ms": "50",
    }
    for listener in (SASL_PLAINTEXT, SASL_SSL, REAUTH, SHORT):
        for mechanism in MECHANISMS:
            name = f"listener.name.{listener.lower()}.{mechanism.lower()}.sasl.jaas.config"
            settings[name] = modules.get(mechanism, scram)
        own = f"listener.name.{listener.lower()}."
        settings |= {
            f"{own}oauthbearer.sasl.server.callback.handler.class": f"{_OAUTH}OAuthBearerValidatorCallbackHandler",
            f"{own}sasl.oauthbearer.jwks.endpoint.url": certificates.key_set.as_uri(),
            f"{own}sasl.oauthbearer.expected.issuer": ISSUER,
            f"{own}sasl.oauthbearer.expected.audience": AUDIENCE,
        }
    return settings


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
