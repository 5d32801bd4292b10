"""What a client needs to connect to a secured broker, and the settings of each client library for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from kafkalite.security.protocol import SecurityProtocol

if TYPE_CHECKING:
    import ssl

ClientSettings = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientAccess:
    """The address of a broker and the credentials of a user."""

    bootstrap: str
    security_protocol: str = SecurityProtocol.PLAINTEXT.value
    ca_certificate: str | None = None
    """PEM of the authority that has signed the broker's certificate; None without TLS, or where it is not known."""
    client_certificate: str | None = field(default=None, repr=False)
    """PEM of a certificate and its key for the client; None where the broker asks for none."""
    sasl_mechanisms: tuple[str, ...] = ()
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    is_ready_made: bool = False
    """Whether certificates or the user were made for this run of the broker."""

    @property
    def protocol(self) -> SecurityProtocol:
        """The security protocol."""
        return SecurityProtocol(self.security_protocol)

    def settings(self, library: str, mechanism: str | None = None) -> ClientSettings:
        """Return the settings of a client library, under its own names.

        ``mechanism`` is one of the enabled SASL mechanisms, by default the first. Raises ValueError for an unknown
        library and for a mechanism that is not enabled.
        """
        if library not in _LIBRARIES:
            raise ValueError(f"no settings are known for {library!r}; known are {', '.join(sorted(_LIBRARIES))}")
        if self.protocol.uses_sasl:
            mechanism = mechanism or next(iter(self.sasl_mechanisms), None)
            if mechanism not in self.sasl_mechanisms:
                raise ValueError(f"{mechanism} is not enabled; enabled are {', '.join(self.sasl_mechanisms)}")
        elif mechanism is not None:
            raise ValueError(f"{self.security_protocol} has no SASL mechanism")
        return _LIBRARIES[library](self, mechanism or "")

    def ssl_context(self) -> ssl.SSLContext:
        """Return a context that trusts the broker's certificate and shows the client's."""
        import ssl

        context = ssl.create_default_context(cadata=self.ca_certificate)
        if self.client_certificate is not None:
            from kafkalite.security.tls import load_certificate

            load_certificate(context, self.client_certificate, "")
        return context

    def java_properties(self, mechanism: str | None = None) -> str:
        """Return the settings of Java clients in the format of a properties file."""
        lines = (f"{name}={_escaped(value)}" for name, value in self.settings("java", mechanism).items())
        return "".join(f"{line}\n" for line in lines)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n")


def _librdkafka(access: ClientAccess, mechanism: str) -> ClientSettings:
    settings: ClientSettings = {
        "bootstrap.servers": access.bootstrap,
        "security.protocol": access.security_protocol,
    }
    if access.ca_certificate is not None:
        settings["ssl.ca.pem"] = access.ca_certificate
    if access.client_certificate is not None:
        settings["ssl.certificate.pem"] = settings["ssl.key.pem"] = access.client_certificate
    if mechanism:
        settings["sasl.mechanism"] = mechanism
        settings["sasl.username"] = access.username
        settings["sasl.password"] = access.password
    return settings


def _java(access: ClientAccess, mechanism: str) -> ClientSettings:
    settings: ClientSettings = {
        "bootstrap.servers": access.bootstrap,
        "security.protocol": access.security_protocol,
    }
    if access.ca_certificate is not None:
        settings["ssl.truststore.type"] = "PEM"
        settings["ssl.truststore.certificates"] = access.ca_certificate
    if access.client_certificate is not None:
        settings["ssl.keystore.type"] = "PEM"
        settings["ssl.keystore.certificate.chain"] = _blocks(access.client_certificate, "CERTIFICATE")
        settings["ssl.keystore.key"] = _blocks(access.client_certificate, "PRIVATE KEY")
    if mechanism:
        module = "plain.PlainLoginModule" if mechanism == "PLAIN" else "scram.ScramLoginModule"
        settings["sasl.mechanism"] = mechanism
        settings["sasl.jaas.config"] = (
            f"org.apache.kafka.common.security.{module} required "
            f'username="{access.username}" password="{access.password}";'
        )
    return settings


def _blocks(pem: str, kind: str) -> str:
    """Return the blocks of one kind in PEM text."""
    kept: list[str] = []
    keeps = False
    for line in pem.splitlines():
        if line.startswith("-----BEGIN "):
            keeps = line.endswith(f"{kind}-----")
        if keeps:
            kept.append(line)
    return "\n".join(kept) + "\n"


def _kafka_python(access: ClientAccess, mechanism: str) -> ClientSettings:
    settings: ClientSettings = {
        "bootstrap_servers": access.bootstrap,
        "security_protocol": access.security_protocol,
    }
    if access.protocol.uses_tls:
        settings["ssl_context"] = access.ssl_context()
    if mechanism:
        settings["sasl_mechanism"] = mechanism
        settings["sasl_plain_username"] = access.username
        settings["sasl_plain_password"] = access.password
    return settings


def _kafkajs(access: ClientAccess, mechanism: str) -> ClientSettings:
    settings: ClientSettings = {"brokers": access.bootstrap.split(",")}
    if access.protocol.uses_tls:
        settings["ssl"] = {} if access.ca_certificate is None else {"ca": [access.ca_certificate]}
        if access.client_certificate is not None:
            settings["ssl"] |= {"cert": access.client_certificate, "key": access.client_certificate}
    if mechanism:
        settings["sasl"] = {
            "mechanism": mechanism.lower(),
            "username": access.username,
            "password": access.password,
        }
    return settings


def _go(access: ClientAccess, mechanism: str) -> ClientSettings:
    """Return values for a Go program, whose clients are configured in code: PEM for tls.Config, and the login."""
    settings: ClientSettings = {"brokers": access.bootstrap.split(",")}
    if access.protocol.uses_tls:
        settings["tls"] = {"ca": access.ca_certificate, "certificate": access.client_certificate}
    if mechanism:
        settings["sasl"] = {"mechanism": mechanism, "user": access.username, "password": access.password}
    return settings


_LIBRARIES: Final[Mapping[str, Callable[[ClientAccess, str], ClientSettings]]] = {
    "aiokafka": _kafka_python,
    "confluent": _librdkafka,
    "franz-go": _go,
    "java": _java,
    "kafka-python": _kafka_python,
    "kafkajs": _kafkajs,
    "librdkafka": _librdkafka,
    "sarama": _go,
}
