"""What a client needs to connect to a secured broker, and the settings of each client library for it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from kafkalite.security.protocol import SecurityProtocol
from kafkalite.security.sasl import OAUTHBEARER, PLAIN

if TYPE_CHECKING:
    import ssl

_BY_ITSELF: Final = "takes no token as a setting: let it fetch one with kafkalite.testing.token_endpoint()"
ClientSettings = dict[str, Any]

_JAVA_PACKAGE: Final = "org.apache.kafka.common.security"
_IN_QUOTES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r"}
"""Escapes of a JAAS configuration, in which a line does not end inside of quotes."""


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
    token: str | None = field(default=None, repr=False)
    """An access token for OAUTHBEARER."""
    is_ready_made: bool = False
    """Whether certificates or the user were made for this run of the broker."""
    ready_made_principal: str | None = None
    """The principal of a user or client certificate that was made for this run; an authorizer lets it do everything."""

    @property
    def protocol(self) -> SecurityProtocol:
        """The security protocol."""
        return SecurityProtocol(self.security_protocol)

    def settings(
        self, library: str, mechanism: str | None = None, *, make_token: Callable[[], str] | None = None
    ) -> ClientSettings:
        """Return the settings of a client library, under its own names.

        ``mechanism`` is one of the enabled SASL mechanisms, by default the first; ``make_token`` is called where it
        takes an access token. Raises ValueError for an unknown library and for a mechanism that is not enabled.
        """
        if make_token is not None and self.uses_tokens(mechanism):
            return replace(self, token=make_token()).settings(library, mechanism)
        if library not in _LIBRARIES:
            raise ValueError(f"no settings are known for {library!r}; known are {', '.join(sorted(_LIBRARIES))}")
        if self.protocol.uses_sasl:
            mechanism = mechanism or next(iter(self.sasl_mechanisms), None)
            if mechanism not in self.sasl_mechanisms:
                raise ValueError(f"{mechanism} is not enabled; enabled are {', '.join(self.sasl_mechanisms)}")
        elif mechanism is not None:
            raise ValueError(f"{self.security_protocol} has no SASL mechanism")
        if mechanism == OAUTHBEARER and self.token is None:
            raise ValueError("a token is needed for OAUTHBEARER")
        return _LIBRARIES[library](self, mechanism or "")

    def uses_tokens(self, mechanism: str | None = None) -> bool:
        """Return whether a client with this mechanism, by default the first, logs in with a token."""
        return (mechanism or next(iter(self.sasl_mechanisms), None)) == OAUTHBEARER

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


class Passwords(Protocol):
    """The users of a listener with SASL."""

    @property
    def plain_users(self) -> Mapping[str, str]:
        """Passwords by user name, for PLAIN."""
        ...

    @property
    def scram_users(self) -> Mapping[str, str]:
        """Passwords by user name, for SCRAM."""
        ...


def access_of(
    known: ClientAccess | None, passwords: Passwords | None, bootstrap: str, user: str | None
) -> ClientAccess:
    """Return what a client needs at an address as one of the users. Raises ValueError for an unknown user.

    ``known`` is what the configuration says about clients, None without security.
    """
    access = replace(known or ClientAccess(bootstrap=""), bootstrap=bootstrap)
    if user is None:
        return access
    by_name = {} if passwords is None else {**passwords.plain_users, **passwords.scram_users}
    if user not in by_name:
        raise ValueError(f"there is no user {user!r} in the configuration")
    return replace(access, username=user, password=by_name[user])


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n")


def _confluent(access: ClientAccess, mechanism: str) -> ClientSettings:
    if mechanism != OAUTHBEARER:
        return _librdkafka(access, mechanism)
    token, expires = access.token, _expiry(access.token)

    def answer(_: str) -> tuple[str | None, float]:
        return token, expires

    return {**_librdkafka(access, ""), "sasl.mechanism": mechanism, "oauth_cb": answer}


def _librdkafka(access: ClientAccess, mechanism: str) -> ClientSettings:
    if mechanism == OAUTHBEARER:
        raise ValueError(f"librdkafka {_BY_ITSELF}")
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


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSource:
    """An endpoint from which a client fetches its tokens, and what it has to show there."""

    url: str
    client_id: str
    secret: str = field(repr=False)


def with_token_source(access: ClientAccess, library: str, source: TokenSource) -> ClientSettings:
    """Return the settings with which a client library fetches its tokens itself. Raises ValueError."""
    if OAUTHBEARER not in access.sasl_mechanisms:
        raise ValueError(f"{OAUTHBEARER} is not enabled")
    if library in ("confluent", "librdkafka"):
        return {
            **_librdkafka(access, ""),
            "sasl.mechanism": OAUTHBEARER,
            "sasl.oauthbearer.method": "oidc",
            "sasl.oauthbearer.client.id": source.client_id,
            "sasl.oauthbearer.client.secret": source.secret,
            "sasl.oauthbearer.token.endpoint.url": source.url,
        }
    if library == "java":
        login = f"{_JAVA_PACKAGE}.oauthbearer.OAuthBearerLogin"
        options = f"clientId={_quoted(source.client_id)} clientSecret={_quoted(source.secret)}"
        return {
            **_java(access, ""),
            "sasl.mechanism": OAUTHBEARER,
            "sasl.login.callback.handler.class": f"{login}CallbackHandler",
            "sasl.oauthbearer.token.endpoint.url": source.url,
            "sasl.jaas.config": f"{login}Module required {options};",
        }
    raise ValueError(f"{library} takes a token: client_config({library!r}, mechanism={OAUTHBEARER!r})")


def _expiry(token: str | None) -> float:
    """Return when a token expires, in seconds since 1970."""
    claims = (token or "").split(".")[1]
    expires: float = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["exp"]
    return expires


def _java(access: ClientAccess, mechanism: str) -> ClientSettings:
    if mechanism == OAUTHBEARER:
        raise ValueError(f"a Java client {_BY_ITSELF}")
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
        settings["sasl.mechanism"] = mechanism
        settings["sasl.jaas.config"] = _login_module(access, mechanism)
    return settings


def _login_module(access: ClientAccess, mechanism: str) -> str:
    module = "plain.PlainLoginModule" if mechanism == PLAIN else "scram.ScramLoginModule"
    options = f"username={_quoted(access.username)} password={_quoted(access.password)}"
    return f"{_JAVA_PACKAGE}.{module} required {options};"


def _quoted(text: str | None) -> str:
    escaped = "".join(_IN_QUOTES.get(char, char) for char in text or "")
    return f'"{escaped}"'


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
    from kafkalite.security.token_providers import for_kafka_python

    return _python(access, mechanism, for_kafka_python)


def _aiokafka(access: ClientAccess, mechanism: str) -> ClientSettings:
    from kafkalite.security.token_providers import for_aiokafka

    return _python(access, mechanism, for_aiokafka)


def _python(access: ClientAccess, mechanism: str, provider: Callable[[str], object]) -> ClientSettings:
    settings: ClientSettings = {
        "bootstrap_servers": access.bootstrap,
        "security_protocol": access.security_protocol,
    }
    if access.protocol.uses_tls:
        settings["ssl_context"] = access.ssl_context()
    if mechanism:
        settings["sasl_mechanism"] = mechanism
    if mechanism == OAUTHBEARER:
        settings["sasl_oauth_token_provider"] = provider(access.token or "")
    elif mechanism:
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
        settings["sasl"] = {"mechanism": mechanism.lower(), **_login(access, mechanism, user="username")}
    return settings


def _go(access: ClientAccess, mechanism: str) -> ClientSettings:
    """Return values for a Go program, whose clients are configured in code: PEM for tls.Config, and the login."""
    settings: ClientSettings = {"brokers": access.bootstrap.split(",")}
    if access.protocol.uses_tls:
        settings["tls"] = {"ca": access.ca_certificate, "certificate": access.client_certificate}
    if mechanism:
        settings["sasl"] = {"mechanism": mechanism, **_login(access, mechanism, user="user")}
    return settings


def _login(access: ClientAccess, mechanism: str, *, user: str) -> ClientSettings:
    """Return what proves the client's identity; a program hands a token to its client in a callback."""
    if mechanism == OAUTHBEARER:
        return {"token": access.token}
    return {user: access.username, "password": access.password}


_LIBRARIES: Final[Mapping[str, Callable[[ClientAccess, str], ClientSettings]]] = {
    "aiokafka": _aiokafka,
    "confluent": _confluent,
    "franz-go": _go,
    "java": _java,
    "kafka-python": _kafka_python,
    "kafkajs": _kafkajs,
    "librdkafka": _librdkafka,
    "sarama": _go,
}
