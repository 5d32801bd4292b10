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

from kafkalite.config.listener_properties import LISTENER_PREFIX, ListenerProperties
from kafkalite.config.table import PROPERTIES
from kafkalite.security.protocol import SecurityProtocol
from kafkalite_wire.values import value_class

if TYPE_CHECKING:
    from kafkalite.config.oauthbearer import TokenConfig
    from kafkalite.config.setting import Setting
    from kafkalite.security.principal_mapping import PrincipalMapping
    from kafkalite.security.tls import ClientAuth, Store, TlsSettings
    from kafkalite.security.token_issuer import TokenIssuer

SECURITY: Final = "kafkalite.security"
USERS: Final = "kafkalite.sasl.users"
_MAPPING: Final = "ssl.principal.mapping.rules"
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
    tokens: TokenConfig | None = None
    """How tokens are checked; set if OAUTHBEARER is enabled."""


@value_class(kw_only=True)
class ListenerSecurity:
    """What protects one listener."""

    name: str = SecurityProtocol.PLAINTEXT.value
    protocol: SecurityProtocol = SecurityProtocol.PLAINTEXT
    tls: TlsSettings | None = None
    principals: PrincipalMapping | None = None
    """How certificates become users; None where the subject of a certificate is the user."""
    sasl: SaslConfig | None = None


def listener_property(name: str) -> str | None:
    """Return the property that ``listener.name.NAME.PROPERTY`` sets for a listener, or None if it is no such name."""
    if not name.startswith(LISTENER_PREFIX):
        return None
    parts = name.removeprefix(LISTENER_PREFIX).split(".", 1)
    if len(parts) != 2:
        return None
    mechanism, _, rest = parts[1].partition(".")
    is_of_mechanism = rest.startswith(("sasl.", _MAX_REAUTH)) and mechanism not in ("ssl", "sasl")
    property_ = rest if is_of_mechanism else parts[1]
    is_known = property_ in PROPERTIES and property_.startswith(("ssl.", "sasl.", _MAX_REAUTH))
    return property_ if is_known else None


def listener_security(
    name: str,
    protocol: SecurityProtocol,
    given: Mapping[str, Setting],
    users: Mapping[str, str],
    issuer: TokenIssuer | None = None,
) -> ListenerSecurity:
    """Return the security of a listener. ``issuer`` makes the tokens for OAUTHBEARER if nothing else is set.

    Raises ConfigError.
    """
    properties = ListenerProperties(name, given)
    return ListenerSecurity(
        name=name,
        protocol=protocol,
        tls=_tls(properties) if protocol.uses_tls else None,
        principals=_principals(properties) if protocol is SecurityProtocol.SSL else None,
        sasl=_sasl(properties, users, issuer) if protocol.uses_sasl else None,
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


def store_of(properties: ListenerProperties, name: str, text_property: str) -> Store | None:
    """Return the certificates of ``ssl.keystore`` or ``ssl.truststore``, None if none are set. Raises ConfigError."""
    from kafkalite.security.tls import Store

    text, location = properties.text(text_property), properties.text(f"{name}.location")
    if text is not None:
        return Store(property=text_property, text=text)
    if location is None:
        return None
    kind = str(properties.value(f"{name}.type")).upper()
    if kind not in ("PEM", "PKCS12"):
        raise properties.problem(f"{name}.type", f"{kind} is not supported: convert it to PKCS12 or PEM")
    return Store(
        property=f"{name}.location",
        path=Path(location).expanduser(),
        is_pkcs12=kind == "PKCS12",
        password=properties.text(f"{name}.password"),
    )


def _tls(properties: ListenerProperties) -> TlsSettings:
    from kafkalite.security.tls import Store, TlsContext, TlsError, TlsSettings

    certificate = store_of(properties, "ssl.keystore", "ssl.keystore.certificate.chain")
    if certificate is None:
        raise properties.problem("ssl.keystore.location", "a listener with TLS needs a certificate")
    key = properties.text("ssl.keystore.key")
    settings = TlsSettings(
        certificate=certificate,
        key=None if key is None else Store(property="ssl.keystore.key", text=key),
        key_password=properties.text("ssl.key.password"),
        trusted=store_of(properties, "ssl.truststore", "ssl.truststore.certificates"),
        client_auth=cast("ClientAuth", properties.value("ssl.client.auth")),
        protocols=properties.texts("ssl.enabled.protocols"),
        cipher_suites=properties.texts("ssl.cipher.suites"),
    )
    try:
        TlsContext(settings)
    except TlsError as error:
        raise properties.problem(error.property, str(error)) from None
    return settings


def _principals(properties: ListenerProperties) -> PrincipalMapping | None:
    rules = properties.text(_MAPPING)
    if rules in (None, "DEFAULT"):
        return None
    from kafkalite.security.principal_mapping import PrincipalMapping

    try:
        return PrincipalMapping(rules)
    except ValueError as error:
        raise properties.problem(_MAPPING, str(error)) from None


def _sasl(properties: ListenerProperties, users: Mapping[str, str], issuer: TokenIssuer | None) -> SaslConfig:
    from kafkalite.security.sasl import MECHANISMS, OAUTHBEARER, PLAIN

    mechanisms = properties.texts("sasl.enabled.mechanisms")
    for mechanism in mechanisms:
        if mechanism not in MECHANISMS:
            raise properties.problem(
                "sasl.enabled.mechanisms", f"{mechanism} is not supported: use {', '.join(MECHANISMS)}"
            )
    plain: dict[str, str] = dict(users)
    if PLAIN in mechanisms:
        plain.update(_jaas_users(properties.of_mechanism(PLAIN)))
    tokens = None
    if OAUTHBEARER in mechanisms:
        # Imported here, because most brokers need none of it.
        from kafkalite.config.oauthbearer import token_config

        tokens = token_config(properties.of_mechanism(OAUTHBEARER), issuer)
    lifetimes = {name: properties.of_mechanism(name).integer(_MAX_REAUTH) / 1000 for name in mechanisms}
    return SaslConfig(
        mechanisms=mechanisms,
        plain_users=MappingProxyType(plain),
        scram_users=users,
        session_lifetimes=MappingProxyType({name: seconds for name, seconds in lifetimes.items() if seconds > 0}),
        tokens=tokens,
    )


def _jaas_users(properties: ListenerProperties) -> dict[str, str]:
    """Return the users of a configuration of Kafka's PlainLoginModule: its options that begin with ``user_``."""
    # Imported here, because most brokers need none of it.
    from kafkalite.config.jaas import JAAS, login_module

    module = login_module(properties)
    if module is None or module.name == _SCRAM_MODULE:
        return {}
    if module.name != _PLAIN_MODULE:
        raise properties.problem(JAAS, f"only {_PLAIN_MODULE} is supported")
    return {
        name.removeprefix(_USER_OPTION): value
        for name, value in module.options.items()
        if name.startswith(_USER_OPTION)
    }
