"""How a listener checks the tokens of OAUTHBEARER: signed ones with keys, or unsecured ones where that is asked for.

Kafka takes unsecured tokens, which anyone can make, unless ``sasl.server.callback.handler.class`` says otherwise. Here
something has to ask for them: that property, or an option ``unsecured...`` of the login module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from kafkalite.config.jaas import JAAS, login_module
from kafkalite.security.access_tokens import ClaimRules, UnsecuredRules
from kafkalite.security.token_issuer import TokenIssuer
from kafkalite.security.token_keys import MISSING_PACKAGE, FileKeys, can_verify

if TYPE_CHECKING:
    from kafkalite.config.listener_properties import ListenerProperties

_CLASSES: Final = "org.apache.kafka.common.security.oauthbearer."
_HANDLER: Final = "sasl.server.callback.handler.class"
_OF_SIGNED: Final = (
    f"{_CLASSES}OAuthBearerValidatorCallbackHandler",
    f"{_CLASSES}secured.OAuthBearerValidatorCallbackHandler",
)
_OF_UNSECURED: Final = f"{_CLASSES}internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler"
_MODULE: Final = f"{_CLASSES}OAuthBearerLoginModule"
_PREFIX: Final = "sasl.oauthbearer."
_URL: Final = f"{_PREFIX}jwks.endpoint.url"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEndpoint:
    """An HTTP server with the keys of an identity provider; times are seconds."""

    url: str
    refresh: float
    first_backoff: float
    longest_backoff: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenConfig:
    """How the tokens of a listener's clients are checked."""

    rules: ClaimRules | UnsecuredRules
    keys: Path | KeyEndpoint | TokenIssuer | None
    """Where the keys of signed tokens are; None for unsecured tokens."""

    @property
    def issuer(self) -> TokenIssuer | None:
        """What makes the tokens here."""
        return self.keys if isinstance(self.keys, TokenIssuer) else None


def token_config(properties: ListenerProperties, issuer: TokenIssuer | None) -> TokenConfig:
    """Return how tokens are checked; by default they are those of ``issuer``. Raises ConfigError."""
    handler, url = properties.text(_HANDLER), properties.text(_URL)
    options = _module_options(properties)
    if handler not in (None, _OF_UNSECURED, *_OF_SIGNED):
        raise properties.problem(_HANDLER, f"not supported: use {_OF_SIGNED[0]} or {_OF_UNSECURED}")
    if handler == _OF_UNSECURED or (handler is None and url is None and any(map(_is_of_unsecured, options))):
        return TokenConfig(rules=_unsecured_rules(properties, options), keys=None)
    if not can_verify():
        raise properties.problem("sasl.enabled.mechanisms", f"OAUTHBEARER: {MISSING_PACKAGE}")
    if url is not None:
        return TokenConfig(rules=_claim_rules(properties), keys=_keys(properties, url))
    if issuer is None:
        raise properties.problem(_URL, "OAUTHBEARER needs the URL of the keys that prove tokens")
    return TokenConfig(rules=_claim_rules(properties, (issuer.audience,), issuer.issuer), keys=issuer)


def _module_options(properties: ListenerProperties) -> Mapping[str, str]:
    module = login_module(properties)
    if module is None or module.name != _MODULE:
        return {}  # another mechanism's
    return module.options


def _is_of_unsecured(option: str) -> bool:
    return option.startswith("unsecured")


def _claim_rules(
    properties: ListenerProperties, audience: tuple[str, ...] = (), issuer: str | None = None
) -> ClaimRules:
    """Return the rules that are set, with this audience and issuer if none are expected."""
    audience = properties.texts(f"{_PREFIX}expected.audience") or audience
    issuer = properties.text(f"{_PREFIX}expected.issuer") or issuer
    for claim, expected in (("audience", audience), ("issuer", issuer)):
        if not expected and not properties.integer(f"{_PREFIX}allow.unverified.{claim}"):
            raise properties.problem(
                f"{_PREFIX}expected.{claim}", f"set it, or set {_PREFIX}allow.unverified.{claim}=true to accept any"
            )
    return ClaimRules(
        audience=audience,
        issuer=issuer,
        subject_claim=properties.text(f"{_PREFIX}sub.claim.name") or "sub",
        scope_claim=properties.text(f"{_PREFIX}scope.claim.name") or "scope",
        clock_skew=float(properties.integer(f"{_PREFIX}clock.skew.seconds")),
    )


def _keys(properties: ListenerProperties, url: str) -> Path | KeyEndpoint:
    parts = urlsplit(url)
    if parts.scheme == "file":
        path = Path(unquote(parts.path))
        try:
            FileKeys(path)
        except ValueError as error:
            raise properties.problem(_URL, str(error)) from None
        return path
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise properties.problem(_URL, "it has to be an https, http or file URL")
    retry = f"{_PREFIX}jwks.endpoint.retry.backoff"
    return KeyEndpoint(
        url=url,
        refresh=properties.integer(f"{_PREFIX}jwks.endpoint.refresh.ms") / 1000,
        first_backoff=properties.integer(f"{retry}.ms") / 1000,
        longest_backoff=properties.integer(f"{retry}.max.ms") / 1000,
    )


def _unsecured_rules(properties: ListenerProperties, options: Mapping[str, str]) -> UnsecuredRules:
    skew = options.get("unsecuredValidatorAllowableClockSkewMs", "") or "0"
    if not (skew.isascii() and skew.isdigit()):
        raise properties.problem(JAAS, "unsecuredValidatorAllowableClockSkewMs is not a number of milliseconds")
    return UnsecuredRules(
        subject_claim=options.get("unsecuredValidatorPrincipalClaimName") or "sub",
        scope_claim=options.get("unsecuredValidatorScopeClaimName") or "scope",
        required_scope=tuple(options.get("unsecuredValidatorRequiredScope", "").split()),
        clock_skew=int(skew) / 1000,
    )
