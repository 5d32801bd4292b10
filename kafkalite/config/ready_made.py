"""The settings that ``kafkalite.security`` (``--security``) makes for one run, where the user has set none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from kafkalite.addresses import HostPort
from kafkalite.config.listener_properties import LISTENER_PREFIX
from kafkalite.config.listeners import Listeners
from kafkalite.config.property import ConfigError
from kafkalite.config.security import SECURITY, USERS, ListenerSecurity
from kafkalite.config.setting import Setting
from kafkalite.security.client_access import ClientAccess
from kafkalite.security.protocol import SecurityProtocol

if TYPE_CHECKING:
    from kafkalite.security.principal_mapping import PrincipalMapping
    from kafkalite.security.ready_made import Certificates
    from kafkalite.security.token_issuer import TokenIssuer

AUTHORIZER_PROPERTY: Final = "authorizer.class.name"
_ORIGIN: Final = "made for --security"
_CERTIFICATES: Final = ("ssl.keystore.location", "ssl.keystore.certificate.chain")


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What was made; empty where nothing was asked for, or where everything was set."""

    settings: Mapping[str, Setting] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    certificates: Certificates | None = None
    issuer: TokenIssuer | None = None


def made_for(
    listeners: Listeners, outside: HostPort | None, given: Mapping[str, Setting], certified: tuple[str, ...] = ()
) -> Made:
    """Make what the protocol of ``kafkalite.security`` needs, where it is not set; ``certified`` are more host names.

    Raises ConfigError.
    """
    if SECURITY not in given:
        return Made()
    # Imported here, because most brokers need none of it.
    from kafkalite.security.ready_made import MissingPackageError, make_certificates, make_user
    from kafkalite.security.sasl import MECHANISMS, OAUTHBEARER
    from kafkalite.security.token_keys import can_verify

    protocol = SecurityProtocol(given[SECURITY].text.upper())
    texts: dict[str, str] = {}
    certificates = None
    if protocol.uses_tls and not _is_set(given, *_CERTIFICATES):
        advertised = (listeners.advertise, outside, *listeners.advertise_by_port.values())
        hosts = [address.host for address in (*listeners.listen, *advertised) if address is not None] + list(certified)
        try:
            certificates = make_certificates(hosts)
        except MissingPackageError as error:
            raise ConfigError(f"{given[SECURITY].origin}: {SECURITY}: {error}") from None
        texts["ssl.keystore.certificate.chain"] = certificates.broker
        if not _is_set(given, "ssl.truststore.location", "ssl.truststore.certificates"):
            texts["ssl.truststore.certificates"] = certificates.authority
    if protocol.uses_sasl and not _is_set(given, "sasl.enabled.mechanisms"):
        texts["sasl.enabled.mechanisms"] = ",".join(name for name in MECHANISMS if name != OAUTHBEARER or can_verify())
    if protocol.uses_sasl and (AUTHORIZER_PROPERTY in given or not _is_set(given, USERS, "sasl.jaas.config")):
        # With an authorizer there is a user who may do everything, besides those who may do what is allowed.
        users = [f"{user}:{password}" for user, password in make_user().items()]
        texts[USERS] = ",".join((*users, given[USERS].text)) if USERS in given else users[0]
    settings = {name: Setting(name, text, _ORIGIN) for name, text in texts.items()}
    issuer = _token_issuer(given) if protocol.uses_sasl else None
    return Made(settings=MappingProxyType(settings), certificates=certificates, issuer=issuer)


def _token_issuer(given: Mapping[str, Setting]) -> TokenIssuer:
    """Return an issuer whose tokens say what is expected of them."""
    from kafkalite.security.token_issuer import AUDIENCE, ISSUER, TokenIssuer

    def first(name: str, default: str) -> str:
        setting = given.get(f"sasl.oauthbearer.{name}")
        return default if setting is None else setting.text.split(",")[0].strip() or default

    return TokenIssuer(
        issuer=first("expected.issuer", ISSUER),
        audience=first("expected.audience", AUDIENCE),
        subject_claim=first("sub.claim.name", "sub"),
    )


def _is_set(given: Mapping[str, Setting], *names: str) -> bool:
    return any(
        setting in names or (setting.startswith(LISTENER_PREFIX) and setting.endswith(names)) for setting in given
    )


def client_access(security: ListenerSecurity, users: Mapping[str, str], made: Made) -> ClientAccess:
    """Return what a client of a listener needs, as far as it is known here: the first user, and what was made."""
    user = next(iter(users), None)
    wants_certificate = security.tls is not None and security.tls.client_auth != "none"
    principal = None
    if USERS in made.settings and security.sasl is not None:
        principal = f"User:{user}"
    elif made.certificates is not None and wants_certificate:
        principal = _principal_of(made.certificates.client, security.principals)
    return ClientAccess(
        bootstrap="",
        security_protocol=security.protocol.value,
        ca_certificate=None if made.certificates is None else made.certificates.authority,
        client_certificate=made.certificates.client if made.certificates is not None and wants_certificate else None,
        sasl_mechanisms=() if security.sasl is None else security.sasl.mechanisms,
        username=None if user is None or security.sasl is None else user,
        password=None if user is None or security.sasl is None else users[user],
        is_ready_made=bool(made.settings),
        ready_made_principal=principal,
    )


def _principal_of(pem: str, mapping: PrincipalMapping | None) -> str | None:
    import ssl

    from kafkalite.security.principal_mapping import NoMatchingRule
    from kafkalite.security.principals import principal_of

    certificate = pem[pem.index("-----BEGIN CERTIFICATE") :].partition("-----END CERTIFICATE-----")
    subject = principal_of(ssl.PEM_cert_to_DER_cert("".join(certificate[:2])))
    try:
        return f"User:{subject if mapping is None else mapping.user(subject)}"
    except NoMatchingRule:
        return None
