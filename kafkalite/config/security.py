"""The security of listeners: protocol, TLS and SASL, from Kafka's properties.

A property may be set for one listener, as ``listener.name.NAME.PROPERTY`` with the listener's name in lower case; for
others the property without that prefix applies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, cast

from kafkalite.config.property import ConfigError
from kafkalite.config.table import PROPERTIES
from kafkalite.security.protocol import SecurityProtocol
from kafkalite_wire.values import value_class

if TYPE_CHECKING:
    from kafkalite.config.setting import Setting
    from kafkalite.security.tls import ClientAuth, Store, TlsSettings
    from kafkalite_storage.configs.values import ConfigValue

LISTENER_PREFIX: Final = "listener.name."
SECURITY: Final = "kafkalite.security"
USERS: Final = "kafkalite.sasl.users"
_JAAS: Final = "sasl.jaas.config"
_MAX_REAUTH: Final = "connections.max.reauth.ms"
_PLAIN_MODULE: Final = "org.apache.kafka.common.security.plain.PlainLoginModule"
_SCRAM_MODULE: Final = "org.apache.kafka.common.security.scram.ScramLoginModule"
_USER_OPTION: Final = "user_"


@value_class(kw_only=True)
class SaslConfig:
    """How the clients of a listener authenticate."""

    mechanisms: tuple[str, ...]
    plain_users: Mapping[str, str] = field(repr=False)
    """Passwords by user name, for PLAIN."""
    scram_users: Mapping[str, str] = field(repr=False)
    """Passwords by user name, for SCRAM, besides the credentials in the data directory."""
    session_lifetimes: Mapping[str, float]
    """Seconds by mechanism, for the mechanisms whose clients have to authenticate again (KIP-368)."""


@value_class(kw_only=True)
class ListenerSecurity:
    """What protects one listener."""

    name: str = SecurityProtocol.PLAINTEXT.value
    protocol: SecurityProtocol = SecurityProtocol.PLAINTEXT
    tls: TlsSettings | None = None
    sasl: SaslConfig | None = None


def listener_property(name: str) -> str | None:
    """Return the property that ``listener.name.NAME.PROPERTY`` sets for a listener, or None if it is no such name."""
    if not name.startswith(LISTENER_PREFIX):
        return None
    parts = name.removeprefix(LISTENER_PREFIX).split(".", 1)
    if len(parts) != 2:
        return None
    property_ = parts[1]
    for by_mechanism in (_JAAS, _MAX_REAUTH):
        if property_.endswith(f".{by_mechanism}"):
            return by_mechanism
    is_known = property_ in PROPERTIES and property_.startswith(("ssl.", "sasl.", _MAX_REAUTH))
    return property_ if is_known else None


def listener_security(
    name: str, protocol: SecurityProtocol, given: Mapping[str, Setting], users: Mapping[str, str]
) -> ListenerSecurity:
    """Return the security of a listener. Raises ConfigError."""
    properties = _Properties(name, given)
    return ListenerSecurity(
        name=name,
        protocol=protocol,
        tls=_tls(properties) if protocol.uses_tls else None,
        sasl=_sasl(properties, users) if protocol.uses_sasl else None,
    )


def parse_users(text: str) -> Mapping[str, str]:
    """Read ``NAME:PASSWORD,NAME:PASSWORD``. Raises ValueError, whose message names no password."""
    users: dict[str, str] = {}
    for number, item in enumerate(filter(None, text.split(",")), start=1):
        user, colon, password = item.strip().partition(":")
        if not (user and colon and password):
            raise ValueError(f"item {number} is not of the form NAME:PASSWORD")
        users[user] = password
    return MappingProxyType(users)


class _Properties:
    """The properties of one listener, its own first."""

    def __init__(self, listener: str, given: Mapping[str, Setting]) -> None:
        self._listener = listener
        self._prefix = f"{LISTENER_PREFIX}{listener.lower()}."
        self._given = given

    def setting(self, name: str) -> Setting | None:
        return self._given.get(self._prefix + name) or self._given.get(name)

    def value(self, name: str) -> ConfigValue | None:
        setting = self.setting(name)
        if setting is None:
            return PROPERTIES[name].default
        try:
            return PROPERTIES[name].parse(setting.text)
        except ValueError as error:
            raise self.problem(name, str(error)) from None

    def milliseconds(self, name: str, mechanism: str) -> int:
        """Return a number that may be set for one mechanism."""
        of_mechanism = self._given.get(f"{self._prefix}{mechanism.lower()}.{name}")
        if of_mechanism is None:
            value = self.value(name)
        else:
            try:
                value = PROPERTIES[name].parse(of_mechanism.text)
            except ValueError as error:
                raise ConfigError(f"{of_mechanism.origin}: {of_mechanism.name}: {error}") from None
        return value if isinstance(value, int) else 0

    def text(self, name: str) -> str | None:
        value = self.value(name)
        return str(value) if value not in (None, "") else None

    def texts(self, name: str) -> tuple[str, ...]:
        value = self.value(name)
        return value if isinstance(value, tuple) else ()

    def problem(self, name: str, what: str) -> ConfigError:
        setting = self.setting(name)
        if setting is None:
            return ConfigError(f"listener {self._listener}: {name}: {what}")
        return ConfigError(f"{setting.origin}: {setting.name}: {what}")


def _tls(properties: _Properties) -> TlsSettings:
    from kafkalite.security.tls import Store, TlsContext, TlsError, TlsSettings

    def store(name: str, text_property: str) -> Store | None:
        location_property, type_property = f"{name}.location", f"{name}.type"
        text, location = properties.text(text_property), properties.text(location_property)
        if text is not None:
            return Store(property=text_property, text=text)
        if location is None:
            return None
        kind = str(properties.value(type_property)).upper()
        if kind not in ("PEM", "PKCS12"):
            raise properties.problem(type_property, f"{kind} is not supported: convert it to PKCS12 or PEM")
        return Store(
            property=location_property,
            path=Path(location).expanduser(),
            is_pkcs12=kind == "PKCS12",
            password=properties.text(f"{name}.password"),
        )

    certificate = store("ssl.keystore", "ssl.keystore.certificate.chain")
    if certificate is None:
        raise properties.problem("ssl.keystore.location", "a listener with TLS needs a certificate")
    key = properties.text("ssl.keystore.key")
    settings = TlsSettings(
        certificate=certificate,
        key=None if key is None else Store(property="ssl.keystore.key", text=key),
        key_password=properties.text("ssl.key.password"),
        trusted=store("ssl.truststore", "ssl.truststore.certificates"),
        client_auth=cast("ClientAuth", properties.value("ssl.client.auth")),
        protocols=properties.texts("ssl.enabled.protocols"),
        cipher_suites=properties.texts("ssl.cipher.suites"),
    )
    try:
        TlsContext(settings)
    except TlsError as error:
        raise properties.problem(error.property, str(error)) from None
    return settings


def _sasl(properties: _Properties, users: Mapping[str, str]) -> SaslConfig:
    from kafkalite.security.sasl import MECHANISMS, PLAIN

    mechanisms = properties.texts("sasl.enabled.mechanisms")
    for mechanism in mechanisms:
        if mechanism not in MECHANISMS:
            raise properties.problem(
                "sasl.enabled.mechanisms", f"{mechanism} is not supported: use {', '.join(MECHANISMS)}"
            )
    plain: dict[str, str] = dict(users)
    if PLAIN in mechanisms:
        plain.update(_jaas_users(properties, PLAIN))
    lifetimes = {mechanism: properties.milliseconds(_MAX_REAUTH, mechanism) / 1000 for mechanism in mechanisms}
    return SaslConfig(
        mechanisms=mechanisms,
        plain_users=MappingProxyType(plain),
        scram_users=users,
        session_lifetimes=MappingProxyType({name: seconds for name, seconds in lifetimes.items() if seconds > 0}),
    )


def _jaas_users(properties: _Properties, mechanism: str) -> dict[str, str]:
    """Return the users of a configuration of Kafka's PlainLoginModule: its options that begin with ``user_``."""
    setting = properties.setting(f"{mechanism.lower()}.{_JAAS}") or properties.setting(_JAAS)
    if setting is None:
        return {}
    try:
        # Imported here, because most brokers need none of it.
        from kafkalite.config.jaas import parse_jaas

        module = parse_jaas(setting.text)
    except ValueError as error:
        raise ConfigError(f"{setting.origin}: {setting.name}: {error}") from None
    if module.name == _SCRAM_MODULE:
        return {}
    if module.name != _PLAIN_MODULE:
        raise ConfigError(f"{setting.origin}: {setting.name}: only {_PLAIN_MODULE} is supported")
    return {
        name.removeprefix(_USER_OPTION): value
        for name, value in module.options.items()
        if name.startswith(_USER_OPTION)
    }
