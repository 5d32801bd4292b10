"""How the proxy connects to the cluster, from the properties of Kafka's clients."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from kafkalite.config.jaas import JAAS, login_module
from kafkalite.config.listener_properties import ListenerProperties
from kafkalite.config.property import ConfigError
from kafkalite.config.providers import resolved
from kafkalite.config.security import store_of
from kafkalite.security.cluster_credentials import Credentials, TokenEndpoint, TokenFile
from kafkalite.security.protocol import SecurityProtocol
from kafkalite.security.sasl import OAUTHBEARER, PLAIN, ScramMechanism
from kafkalite_wire.values import value_class

if TYPE_CHECKING:
    from kafkalite.config.jaas import LoginModule
    from kafkalite.config.setting import Setting
    from kafkalite.security.cluster_credentials import TokenSource
    from kafkalite.security.tls import ClientTlsContext

_PROTOCOL: Final = "security.protocol"
_MECHANISM: Final = "sasl.mechanism"
_HOST_NAMES: Final = "ssl.endpoint.identification.algorithm"
_OAUTH: Final = "sasl.oauthbearer."
_ENDPOINT: Final = f"{_OAUTH}token.endpoint.url"
_CLIENT_ID: Final = f"{_OAUTH}client.credentials.client.id"
_CLIENT_SECRET: Final = f"{_OAUTH}client.credentials.client.secret"
_SCOPE: Final = f"{_OAUTH}scope"
_TLS: Final = (
    "ssl.truststore.location",
    "ssl.truststore.password",
    "ssl.truststore.type",
    "ssl.truststore.certificates",
    "ssl.keystore.location",
    "ssl.keystore.password",
    "ssl.keystore.type",
    "ssl.keystore.key",
    "ssl.keystore.certificate.chain",
    "ssl.key.password",
    "ssl.enabled.protocols",
    "ssl.cipher.suites",
    _HOST_NAMES,
)
UPSTREAM_PROPERTIES: Final = (
    _PROTOCOL,
    *_TLS,
    _MECHANISM,
    JAAS,
    _ENDPOINT,
    _CLIENT_ID,
    _CLIENT_SECRET,
    _SCOPE,
)
"""The properties that have a meaning."""
_PACKAGE: Final = "org.apache.kafka.common.security."
_MODULES: Final = {
    PLAIN: f"{_PACKAGE}plain.PlainLoginModule",
    **{mechanism.sasl_name: f"{_PACKAGE}scram.ScramLoginModule" for mechanism in ScramMechanism},
    OAUTHBEARER: f"{_PACKAGE}oauthbearer.OAuthBearerLoginModule",
}


@value_class(kw_only=True)
class Upstream:
    """What protects the connections to the cluster."""

    tls: ClientTlsContext | None = None
    """None for connections without TLS."""
    login: Credentials | None = None
    """Who the proxy is; None where the clients' own logins are passed on, or none is needed."""


def upstream_of(given: Mapping[str, Setting], *, environment: Mapping[str, str] = MappingProxyType({})) -> Upstream:
    """Return what settings of Kafka's client properties mean. Values may refer to ``environment`` and to files.

    ``SASL_PLAINTEXT`` and ``SASL_SSL`` without ``sasl.mechanism`` pass on the clients' own logins. Raises ConfigError.
    """
    for setting in given.values():
        if setting.name not in UPSTREAM_PROPERTIES:
            raise ConfigError(
                f"{setting.origin}: {setting.name} has no effect on the proxy's connections to the cluster"
            )
    settings = {name: resolved(setting, environment) for name, setting in given.items()}
    protocol = _protocol(settings)
    properties = ListenerProperties("upstream", settings)
    login = None
    if protocol.uses_sasl and (_MECHANISM in settings or JAAS in settings):
        login = _credentials(properties, settings)
    return Upstream(tls=_tls(properties) if protocol.uses_tls else None, login=login)


def _protocol(settings: Mapping[str, Setting]) -> SecurityProtocol:
    setting = settings.get(_PROTOCOL)
    if setting is None:
        unused = next((each for each in settings.values()), None)
        if unused is not None:
            raise ConfigError(f"{unused.origin}: {unused.name} needs {_PROTOCOL}: SSL, SASL_PLAINTEXT or SASL_SSL")
        return SecurityProtocol.PLAINTEXT
    try:
        return SecurityProtocol(setting.text.strip().upper())
    except ValueError:
        protocols = ", ".join(SecurityProtocol)
        raise ConfigError(f"{setting.origin}: {_PROTOCOL}: {setting.text!r} is not one of {protocols}") from None


def _tls(properties: ListenerProperties) -> ClientTlsContext:
    from kafkalite.security.tls import ClientTlsContext, ClientTlsSettings, Store, TlsError

    algorithm = properties.setting(_HOST_NAMES)
    if algorithm is not None and algorithm.text.strip().lower() not in ("https", ""):
        raise properties.problem(_HOST_NAMES, "has to be https, or empty to accept any host name")
    key = properties.text("ssl.keystore.key")
    settings = ClientTlsSettings(
        trusted=store_of(properties, "ssl.truststore", "ssl.truststore.certificates"),
        certificate=store_of(properties, "ssl.keystore", "ssl.keystore.certificate.chain"),
        key=None if key is None else Store(property="ssl.keystore.key", text=key),
        key_password=properties.text("ssl.key.password"),
        checks_host_names=algorithm is None or bool(algorithm.text.strip()),
        protocols=properties.texts("ssl.enabled.protocols"),
        cipher_suites=properties.texts("ssl.cipher.suites"),
    )
    try:
        return ClientTlsContext(settings)
    except TlsError as error:
        raise properties.problem(error.property, str(error)) from None


def _credentials(properties: ListenerProperties, settings: Mapping[str, Setting]) -> Credentials:
    setting = settings.get(_MECHANISM)
    if setting is None:
        raise ConfigError(f"{settings[JAAS].origin}: {JAAS} needs {_MECHANISM}: {', '.join(_MODULES)}")
    mechanism = setting.text.strip()
    if mechanism not in _MODULES:
        raise ConfigError(f"{setting.origin}: {_MECHANISM}: {mechanism!r} is not one of {', '.join(_MODULES)}")
    module = login_module(properties)
    if module is not None and module.name != _MODULES[mechanism]:
        raise properties.problem(JAAS, f"{mechanism} needs {_MODULES[mechanism]}")
    if mechanism == OAUTHBEARER:
        return Credentials(mechanism=mechanism, tokens=_tokens(settings, module))
    if module is None or not (module.options.get("username") and module.options.get("password")):
        raise ConfigError(f"{setting.origin}: {mechanism} needs {JAAS} with username and password")
    return Credentials(
        mechanism=mechanism,
        user=module.options["username"],
        password=module.options["password"],
        is_token=module.options.get("tokenauth", "").lower() == "true",
    )


def _tokens(settings: Mapping[str, Setting], module: LoginModule | None) -> TokenSource:
    setting = settings.get(_ENDPOINT)
    if setting is None:
        raise ConfigError(f"{settings[_MECHANISM].origin}: {OAUTHBEARER} needs {_ENDPOINT}")
    url = setting.text.strip()
    if url.startswith("file:"):
        from urllib.parse import unquote, urlsplit

        return TokenFile(unquote(urlsplit(url).path))
    if not url.startswith(("https://", "http://")):
        raise ConfigError(f"{setting.origin}: {_ENDPOINT}: it has to be an https, http or file URL")
    options: Mapping[str, str] = {} if module is None else module.options

    def value(name: str, option: str) -> str:
        return settings[name].text if name in settings else options.get(option, "")

    client_id, secret = value(_CLIENT_ID, "clientId"), value(_CLIENT_SECRET, "clientSecret")
    if not (client_id and secret):
        raise ConfigError(f"{setting.origin}: {_ENDPOINT} needs {_CLIENT_ID} and {_CLIENT_SECRET}")
    return TokenEndpoint(url=url, client_id=client_id, client_secret=secret, scope=value(_SCOPE, "scope"))
