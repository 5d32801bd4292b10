"""The settings of Java clients for TLS and logins, as the commands' own client takes them."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Final

from kafkalite.config.jaas import parse_jaas
from kafkalite.security.tls import load_certificate

_STORES: Final = {"ssl.truststore": "ssl_cafile", "ssl.keystore": "ssl_certfile"}
_CERTIFICATES: Final = "ssl.truststore.certificates"
_CHAIN: Final = "ssl.keystore.certificate.chain"
_KEY: Final = "ssl.keystore.key"
_JAAS: Final = "sasl.jaas.config"
_LOGIN: Final = {"username": "sasl_plain_username", "password": "sasl_plain_password"}

JAVA_SETTINGS: Final = (
    "bootstrap.servers",
    *(f"{store}.{part}" for store in _STORES for part in ("type", "location")),
    _CERTIFICATES,
    _CHAIN,
    _KEY,
    _JAAS,
)
"""The names that are understood; --bootstrap takes the place of the first."""


def java_settings(texts: Mapping[str, str]) -> tuple[dict[str, object], dict[str, str]]:
    """Split off the settings of Java clients. Return what kafka-python is made with, and the other settings.

    Stores must be PEM. Raises ValueError with a reason.
    """
    settings: dict[str, object] = {}
    for store, argument in _STORES.items():
        kind = texts.get(f"{store}.type", "PEM" if f"{store}.location" not in texts else "JKS")
        if kind.upper() != "PEM":
            raise ValueError(f"{store}.type: {kind} is not supported here; use PEM")
        if f"{store}.location" in texts:
            settings[argument] = texts[f"{store}.location"]
    if _CERTIFICATES in texts or _CHAIN in texts:
        settings["ssl_context"] = _context(texts)
    if _JAAS in texts:
        options = _jaas_options(texts[_JAAS])
        settings.update((argument, options[name]) for name, argument in _LOGIN.items() if name in options)
    return settings, {name: text for name, text in texts.items() if name not in JAVA_SETTINGS}


def _jaas_options(text: str) -> Mapping[str, str]:
    try:
        return parse_jaas(text).options
    except ValueError as error:
        raise ValueError(f"{_JAAS}: {error}") from None


def _context(texts: Mapping[str, str]) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cadata=texts.get(_CERTIFICATES))
        context.check_hostname = texts.get("ssl.endpoint.identification.algorithm", "https") not in ("", "none")
        if _CHAIN in texts:
            load_certificate(context, f"{texts[_CHAIN]}\n{texts.get(_KEY, '')}", texts.get("ssl.key.password", ""))
    except ssl.SSLError as error:
        raise ValueError(f"no usable certificates in PEM: {error.reason or error}") from None
    return context
